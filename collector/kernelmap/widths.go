package kernelmap

import (
	"slices"
	"strings"

	"tracecar/parser/script"
)

func (s *solver) leafOf(p shape) *leaf {
	l := &leaf{typ: p.typ, field: len(p.exprs) > 0 && !slices.ContainsFunc(p.exprs, func(e string) bool { return !fieldOf.MatchString(e) })}
	scalar := func(n ...int) *leaf { l.sizes = n; return l }
	array := func(n ...int) *leaf { l.sizes, l.array, l.free = n, true, len(n) == 0; return l }
	switch p.typ.Kind {
	case script.TypeInt:
		return scalar(s.intSizes(p)...)
	case script.TypeBool:
		if s.d.narrow {
			return scalar(1)
		}
		return scalar(8)
	case script.TypeEnum:
		if s.d.narrow {
			return scalar(4, 8)
		}
		return scalar(8)
	case script.TypePointer, script.TypeKernelSymbol, script.TypeUsername, script.TypeStrerror:
		return scalar(8)
	case script.TypeUserSymbol, script.TypeTimestamp, script.TypeCgroupPath:
		return array(16)
	case script.TypeInet:
		return array(24)
	case script.TypeMAC:
		return array(6)
	case script.TypeProbe:
		if !s.d.btf {
			return scalar(8)
		}
	case script.TypeKernelStack, script.TypeUserStack:
		if !s.d.btf {
			return scalar(8)
		}
	case script.TypeString:
		if n := stringSize(p); s.strict && n > 0 {
			return array(n)
		}
		l.plain = len(p.exprs) > 0 && !slices.ContainsFunc(p.exprs, func(e string) bool { return !plainStr(e) })
	}
	if p.typ.Kind == script.TypeUnknown && s.unknownInt {
		return scalar(s.intSizes(p)...)
	}
	return array()
}

func (s *solver) intSizes(p shape) []int {
	if !s.d.narrow {
		if bytes := p.typ.Bits / 8; !s.key && bytes > 0 && bytes < 8 {
			return []int{8, bytes}
		}
		return []int{8}
	}
	if s.strict {
		if n := intSize(p); n > 0 {
			return []int{n}
		}
	}
	return []int{1, 2, 4, 8}
}

// stringSize returns the width of a part that is always comm or a literal,
// with its NUL; 0 where it is not known.
func stringSize(p shape) int {
	size := 0
	for _, e := range p.exprs {
		switch {
		case e == "comm":
			size = max(size, 16)
		case len(e) >= 2 && e[0] == '"' && e[len(e)-1] == '"':
			n, ok := literalLen(e[1 : len(e)-1])
			if !ok {
				return 0
			}
			size = max(size, n+1)
		default:
			return 0
		}
	}
	return size
}

// literalLen returns the bytes of a string literal's text.
func literalLen(s string) (int, bool) {
	n := 0
	for i := 0; i < len(s); n++ {
		if s[i] != '\\' {
			i++
			continue
		}
		if i+1 >= len(s) {
			return 0, false
		}
		if strings.IndexByte(`nrt"\`, s[i+1]) < 0 {
			return 0, false // \x and \0 differ by version
		}
		i += 2
	}
	return n, true
}

// plainStr tells whether e is str() with one argument, whose width is the
// same everywhere in a run.
func plainStr(e string) bool {
	return strings.HasPrefix(e, "str(") && strings.HasSuffix(e, ")") && !strings.Contains(e, ",") && strings.Count(e, "(") == strings.Count(e, ")")
}

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
		if n == 0 && (strings.HasPrefix(e, "args") || strings.HasPrefix(e, "(")) && !strings.ContainsAny(strings.ReplaceAll(e, "->", "."), "+*/%&|<>?") {
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
