package collector

import (
	"strconv"

	"tracecar/parser/script"
)

// formattedByBpftrace tells whether a map has keys or values that only
// bpftrace can put into words, such as stacks. signs says that it prints plain
// integers by the sign of their own type, as from 0.24 on: the kernel knows
// their bits only, and the type that the script gives them is inferred.
func formattedByBpftrace(s *script.Script, signs bool) bool {
	for i := range s.Maps {
		m := &s.Maps[i]
		if m.KeyUnclear || m.Kind == script.KindUnknown || m.Kind == script.KindTSeries || m.Kind == script.KindValue && !plainType(m.Value) {
			return true
		}
		for _, k := range m.Keys {
			if !plainType(k.Type) {
				return true
			}
		}
		if signs && signMatters(m) {
			return true
		}
	}
	return false
}

func plainType(t script.Type) bool {
	switch t.Kind {
	case script.TypeInt:
		return t.Bits > 0 // else its sign is not known
	case script.TypeBool, script.TypeString:
		return true
	case script.TypeTuple:
		for _, e := range t.Elems {
			if !plainType(e) {
				return false
			}
		}
		return true
	}
	return false
}

// signMatters tells whether a key or a plain value may be an integer whose top
// bit is set: negative, or very large.
func signMatters(m *script.Map) bool {
	for _, a := range m.Assigns {
		for i, k := range m.Keys {
			if hasInt(k.Type) && (i >= len(a.Key) || !positive(a.Key[i])) {
				return true
			}
		}
		if m.Kind == script.KindValue && hasInt(m.Value) && !positive(a.Expr) && a.Expr != m.Name+"++" && a.Expr != "++"+m.Name {
			return true
		}
	}
	return false
}

func hasInt(t script.Type) bool {
	for _, e := range t.Elems {
		if hasInt(e) {
			return true
		}
	}
	return t.Kind == script.TypeInt
}

// positive tells whether an expression is one whose values never have the top bit set.
func positive(expr string) bool {
	switch expr {
	case "pid", "tid", "ppid", "uid", "gid", "cpu", "ncpus", "numaid", "nsecs", "elapsed", "jiffies", "cgroup":
		return true
	}
	_, err := strconv.ParseUint(expr, 0, 31)
	return err == nil
}
