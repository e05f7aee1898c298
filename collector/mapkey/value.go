package mapkey

import (
	"strconv"

	"tracecar/parser"
)

// SameValue tells whether a value read from the kernel is the one that
// bpftrace printed. Since 0.24 an integer that a double cannot hold is printed
// as a string, and before it booleans are printed as numbers.
func SameValue(kernel, printed parser.Value) bool {
	if kernel.Equal(printed) {
		return true
	}
	k, ok := number(kernel)
	if !ok {
		return sameParts(kernel, printed)
	}
	p, ok := number(printed)
	return ok && k == p
}

// number gives the 64 bits of an integer, of a boolean, or of a string of
// digits; sign does not matter, as bpftrace's versions print it differently.
func number(v parser.Value) (uint64, bool) {
	switch v.Kind() {
	case parser.KindInt:
		i, _ := v.Int64()
		return uint64(i), true
	case parser.KindUint:
		return v.Uint64()
	case parser.KindBool:
		if v.Bool() {
			return 1, true
		}
		return 0, true
	case parser.KindText:
		n, ok := Number(v.Text())
		if !ok {
			return 0, false
		}
		return number(n)
	}
	return 0, false
}

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

func sameParts(k, p parser.Value) bool {
	if k.Kind() != p.Kind() {
		return false
	}
	switch k.Kind() {
	case parser.KindArray:
		a, b := k.Elems(), p.Elems()
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if !SameValue(a[i], b[i]) {
				return false
			}
		}
		return true
	case parser.KindStats:
		a, b := k.Stats(), p.Stats()
		return SameValue(a.Count, b.Count) && SameValue(a.Average, b.Average) && SameValue(a.Total, b.Total)
	}
	return false
}
