package stacks

import (
	"errors"
	"fmt"
	"strings"

	"tracecar/parser/script"
)

// ErrNoStacks says that no map of a script counts or sums by a stack.
var ErrNoStacks = errors.New("the script has no map that counts or sums by a stack, such as @[kstack] = count()")

// Choose names the map to take: name, or the only one of the script that
// counts or sums by a stack where name is "". Its errors say what there is.
func Choose(s *script.Script, name string) (string, error) {
	var names []string
	for i := range s.Maps {
		m := &s.Maps[i]
		err := usable(s, m)
		if m.Name == name {
			return name, err
		}
		if err == nil {
			names = append(names, m.Name)
		}
	}
	switch {
	case name != "" && len(names) == 0:
		return "", fmt.Errorf("the script has no map %s, and none that counts or sums by a stack", name)
	case name != "":
		return "", fmt.Errorf("the script has no map %s; by stacks it has %s", name, strings.Join(names, ", "))
	case len(names) == 0:
		return "", ErrNoStacks
	case len(names) > 1:
		return "", fmt.Errorf("the script has several maps of stacks, choose one: %s", strings.Join(names, ", "))
	}
	return names[0], nil
}

// usable says why a map cannot be taken as a profile.
func usable(s *script.Script, m *script.Map) error {
	stack := false
	for _, k := range m.Keys {
		stack = stack || isStack(k.Type)
	}
	switch {
	case !stack:
		return fmt.Errorf("the key of %s holds no kstack or ustack", m.Name)
	case m.Kind == script.KindCount || m.Kind == script.KindSum || addsUp(s, m):
		return nil
	}
	return fmt.Errorf("%s is of kind %s: only count(), sum(), ++ and += add up over stacks", m.Name, m.Kind)
}

func isStack(t script.Type) bool {
	return t.Kind == script.TypeKernelStack || t.Kind == script.TypeUserStack
}

// addsUp tells whether a plain map is only ever counted up, by ++ or +=.
func addsUp(s *script.Script, m *script.Map) bool {
	for _, a := range m.Assigns {
		stmt := s.Source[a.Start.Offset:a.End.Offset]
		switch before, found := strings.CutSuffix(stmt, a.Expr); {
		case stmt == a.Expr && (strings.HasPrefix(stmt, "++") || strings.HasSuffix(stmt, "++")):
		case found && strings.HasSuffix(strings.TrimSpace(before), "+="):
		default:
			return false
		}
	}
	return m.Kind == script.KindValue && len(m.Assigns) > 0
}
