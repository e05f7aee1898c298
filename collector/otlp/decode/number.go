package decode

import (
	"fmt"
	"strconv"
	"strings"

	"tracecar/parser"
)

func parseInteger(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, false
	}
	base := 10
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = rest, 16
	}
	if n, err := strconv.ParseInt(s, base, 64); err == nil {
		return n, true
	}
	if n, err := strconv.ParseUint(s, base, 64); err == nil {
		return int64(n), true // the same 64 bits
	}
	return 0, false
}

// bits gives the 64 bits of a whole number.
func bits(v parser.Value) (uint64, bool) {
	if u, ok := v.Uint64(); ok {
		return u, true
	}
	n, ok := integer(v)
	return uint64(n), ok
}

// hexadecimal gives 0xff for 255.
func hexadecimal(v parser.Value) parser.Value {
	if u, ok := bits(v); ok {
		return parser.Text(fmt.Sprintf("0x%x", u))
	}
	return v
}

// decimal gives 255 for "0xff".
func decimal(v parser.Value) parser.Value {
	if n, ok := integer(v); ok && v.Kind() == parser.KindText {
		return parser.Int(n)
	}
	return v
}

// unsigned gives 4294967295 for a 32-bit -1, and 2^64-1 for a wider one: the
// script does not say, so what fits 32 bits is taken as 32 bits.
func unsigned(v parser.Value) parser.Value {
	n, ok := integer(v)
	switch {
	case !ok || n >= 0:
		return v
	case n >= -1<<31:
		return parser.Uint(uint64(uint32(n)))
	}
	return parser.Uint(uint64(n))
}

// boolean gives true or false for a number.
func boolean(v parser.Value) parser.Value {
	if n, ok := integer(v); ok {
		return parser.Bool(n != 0)
	}
	return v
}
