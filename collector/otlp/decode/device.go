package decode

import (
	"fmt"

	"tracecar/parser"
)

// majorMinor reads the kernel's own dev_t, as tracepoints and struct fields
// have it: 20 bits of minor. User space's st_dev differs for minors above 255.
func majorMinor(v parser.Value) parser.Value {
	n, ok := integer(v)
	if !ok || n < 0 || n > 1<<32-1 {
		return v
	}
	return parser.Text(fmt.Sprintf("%d:%d", n>>20, n&(1<<20-1)))
}
