package mapkey

import (
	"strconv"

	"tracecar/parser"
)

// Number reads a decimal integer of 64 bits as bpftrace prints it.
func Number(text string) (parser.Value, bool) {
	if text == "" || text[0] == '+' {
		return parser.Value{}, false
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return parser.Int(i), true
	}
	u, err := strconv.ParseUint(text, 10, 64)
	return parser.Uint(u), err == nil
}
