package script

import (
	"fmt"
	"strings"
)

var typeNames = map[TypeKind]string{
	TypeUnknown: "?", TypeInt: "int", TypeBool: "bool", TypeString: "string", TypeBuffer: "buf",
	TypeTuple: "tuple", TypeKernelStack: "kstack", TypeUserStack: "ustack", TypeKernelSymbol: "ksym",
	TypeUserSymbol: "usym", TypeInet: "inet", TypeMAC: "mac", TypeTimestamp: "timestamp",
	TypeCgroupPath: "cgroup_path", TypeUsername: "username", TypeStrerror: "strerror", TypeProbe: "probe",
	TypeEnum: "enum", TypePointer: "pointer", TypeStruct: "struct", TypeArray: "array",
}

// typeText writes a type in a word: int64, uint32, string16, kstack(perf).
func typeText(t Type) string {
	s := typeNames[t.Kind]
	switch t.Kind {
	case TypeInt:
		if !t.Signed {
			s = "uint"
		}
		if t.Bits > 0 {
			s += fmt.Sprint(t.Bits)
		}
	case TypeString, TypeBuffer:
		if t.Size > 0 {
			s += fmt.Sprint(t.Size)
		}
	case TypeTuple:
		var elems []string
		for _, e := range t.Elems {
			elems = append(elems, typeText(e))
		}
		s = "(" + strings.Join(elems, ",") + ")"
	case TypeKernelStack, TypeUserStack:
		if t.StackMode != "bpftrace" {
			s += "[" + t.StackMode + "]"
		}
	}
	return s
}

// outline writes what Parse found as text that a person can review.
func outline(s *Script) string {
	var b strings.Builder
	at := func(p Pos) string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, d := range s.Includes {
		line("include %s %s", at(d.Start), d.Text)
	}
	for _, d := range s.Imports {
		line("import %s %q", at(d.Start), d.Text)
	}
	for _, d := range s.Directives {
		line("directive %s %s %s", at(d.Start), d.Name, d.Text)
	}
	for _, c := range s.Config {
		line("config %s %s = %s", at(c.Pos), c.Name, c.Value)
	}
	for _, d := range s.Macros {
		line("macro %s %s(%s)", at(d.Start), d.Name, strings.Join(d.Params, ", "))
	}
	for _, d := range s.Functions {
		line("fn %s %s(%s)", at(d.Start), d.Name, strings.Join(d.Params, ", "))
	}
	for _, p := range s.Probes {
		line("probe %s-%s body %s-%s", at(p.Start), at(p.End), at(p.Body.Start), at(p.Body.End))
		for _, a := range p.AttachPoints {
			wild := ""
			if a.Wildcard {
				wild = " wildcard"
			}
			line("  at %s %s %q%s", at(a.Start), a.Provider, a.Parts, wild)
		}
		if p.Predicate != "" {
			line("  if %s", p.Predicate)
		}
	}
	for _, m := range s.Maps {
		var keys []string
		for _, k := range m.Keys {
			keys = append(keys, fmt.Sprintf("%s:%s", k.Name, typeText(k.Type)))
		}
		mark := ""
		if m.KeyUnclear {
			mark = " key-unclear"
		}
		line("map %s %s[%s] %s %s%s", at(m.Pos), m.Name, strings.Join(keys, ", "), m.Kind, typeText(m.Value), mark)
		for _, a := range m.Assigns {
			line("  %s %s [%s] %q %s", at(a.Start), a.Kind, strings.Join(a.Key, " | "), a.Args, a.Expr)
		}
	}
	var calls []string
	for _, c := range s.Calls {
		calls = append(calls, fmt.Sprintf("%s/%d", c.Name, len(c.Args)))
	}
	line("calls %s", strings.Join(calls, " "))
	var ids []string
	for _, i := range s.Identifiers {
		ids = append(ids, i.Name)
	}
	line("identifiers %s", strings.Join(ids, " "))
	for _, o := range s.Outputs {
		if !o.HasFormat {
			line("output %s %s %q", at(o.Start), o.Name, o.Args)
			continue
		}
		line("output %s %s %q", at(o.Start), o.Name, o.Format)
		for _, f := range o.Fields {
			line("  %s %s:%s = %s", f.Spec, f.Name, typeText(f.Type), f.Expr)
		}
	}
	if s.Params > 0 || s.HasParamCount {
		line("params %d count %v", s.Params, s.HasParamCount)
	}
	for _, u := range s.Unclear {
		line("UNCLEAR %s %s", at(u.Pos), u.Message)
	}
	return b.String()
}
