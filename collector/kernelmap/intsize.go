package kernelmap

import (
	"strings"

	"tracecar/parser/script"
)

// builtinSize is the bytes of bpftrace's builtins in keys from 0.24 on,
// measured with 0.27.1.
var builtinSize = map[string]int{
	"pid": 4, "tid": 4, "ppid": 4,
	"uid": 8, "gid": 8, "cpu": 8, "nsecs": 8, "elapsed": 8, "cgroup": 8, "rand": 8, "jiffies": 8, "numaid": 8, "ncpus": 8,
}

// intSize returns the bytes of an integer part in keys from 0.24 on, as far
// as the expressions tell: 0 where they do not. It is a first guess; what
// does not add up to the key's size is tried again with all sizes.
func intSize(p shape) int {
	size := 0
	for _, e := range p.exprs {
		n := builtinSize[e]
		if n == 0 {
			n = literalSize(e)
		}
		if n == 0 && (strings.HasPrefix(e, "args") || strings.HasPrefix(e, "(")) && !strings.ContainsAny(e, "+*/%&|<>?") {
			n = p.typ.Bits / 8
		}
		if n == 0 {
			return 0
		}
		size = max(size, n)
	}
	if p.typ.Kind != script.TypeInt && p.typ.Kind != script.TypeUnknown {
		return 0
	}
	return size
}

// literalSize returns the bytes that 0.26 and later give to an integer
// literal: the narrowest signed type that holds it.
func literalSize(e string) int {
	n, err := integer(e)
	switch {
	case err != nil:
		return 0
	case n == int64(int8(n)):
		return 1
	case n == int64(int16(n)):
		return 2
	case n == int64(int32(n)):
		return 4
	}
	return 8
}
