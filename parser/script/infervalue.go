package script

import "strings"

// infer gives the type of an expression; nil while it hangs on a variable or
// map that nothing was assigned to yet.
func (in *inference) infer(n *node, b *body) *Type {
	if n.typed == in.pass && in.pass > 0 {
		return n.typ
	}
	n.typ = in.inferNow(n, b)
	n.typed = in.pass
	return n.typ
}

func (in *inference) inferNow(n *node, b *body) *Type {
	switch n.op {
	case opInt:
		v, ok := parseUint(n.name)
		return &Type{Kind: TypeInt, Bits: 64, Signed: !ok || v < 1<<63}
	case opString:
		return &Type{Kind: TypeString, Size: len(n.name) + 1}
	case opParam, opParamCount, opSizeof, opIncrement:
		return &Type{Kind: TypeInt, Bits: 64, Signed: true}
	case opIdent:
		return in.identType(n.name, b)
	case opVar:
		return in.variable(b, n.name).typ
	case opMap:
		if m := in.infos[n.name]; m != nil {
			return in.readMap(m)
		}
	case opCall:
		return in.callType(n, b)
	case opTuple:
		t := Type{Kind: TypeTuple}
		for _, k := range n.kids {
			e := in.infer(k, b)
			if e == nil {
				if !in.lastResort() {
					return nil
				}
				e = &Type{}
			}
			t.Elems = append(t.Elems, *e)
		}
		if size(t) > maxTypeSize {
			t.Elems = nil
		}
		return &t
	case opField:
		return in.fieldType(n, b)
	case opIndex, opCast:
		t := cType(in.ctypeOf(n, b))
		return &t
	case opUnary:
		return in.unaryType(n, b)
	case opBinary:
		return in.binaryType(n, b)
	case opTernary:
		return in.either(n.kids[1], n.kids[2], b)
	case opComptime:
		return in.infer(n.kids[0], b)
	case opBlockValue:
		if k := len(n.kids); k > 0 && n.kids[k-1].op == opExprStmt {
			return in.infer(n.kids[k-1].kids[0], b)
		}
	}
	return &Type{}
}

func (in *inference) either(x, y *node, b *body) *Type {
	a, c := in.infer(x, b), in.infer(y, b)
	if a == nil {
		return c
	}
	if c == nil {
		return a
	}
	j := join(*a, *c)
	return &j
}

// identType is the type of a builtin or an enumerator.
func (in *inference) identType(name string, b *body) *Type {
	unsigned := func(bits int) *Type { return &Type{Kind: TypeInt, Bits: bits} }
	switch name {
	case "comm", "pcomm":
		return &Type{Kind: TypeString, Size: 16}
	case "pid", "tid", "uid", "gid", "cpu", "rand", "numaid", "ppid", "cpid":
		return unsigned(32)
	case "nsecs", "elapsed", "cgroup", "jiffies", "ncpus":
		return unsigned(64)
	case "retval":
		if b.probe >= 0 && !in.p.onlyProviders(b, "kretprobe", "uretprobe") {
			return &Type{} // fexit: any type
		}
		return unsigned(64)
	case "kstack", "stack":
		return &Type{Kind: TypeKernelStack, StackMode: "bpftrace"}
	case "ustack":
		return &Type{Kind: TypeUserStack, StackMode: "bpftrace"}
	case "func":
		if in.p.onlyProviders(b, "uprobe", "uretprobe") {
			return &Type{Kind: TypeUserSymbol}
		}
		if in.p.onlyProviders(b, "kprobe", "kretprobe") {
			return &Type{Kind: TypeKernelSymbol}
		}
		return &Type{}
	case "probe":
		return &Type{Kind: TypeProbe}
	case "username":
		return &Type{Kind: TypeUsername}
	case "curtask", "ctx":
		return &Type{Kind: TypePointer, Bits: 64}
	case "args":
		return &Type{Kind: TypeStruct}
	case "true", "false":
		return &Type{Kind: TypeBool}
	}
	for _, prefix := range []string{"arg", "sarg"} {
		if digits := strings.TrimPrefix(name, prefix); digits != name && len(digits) == 1 && isDigit(digits[0]) {
			return unsigned(64)
		}
	}
	if in.p.enums[name] {
		return &Type{Kind: TypeEnum}
	}
	return &Type{}
}

// onlyProviders reports whether all attach points of a body's probe are of
// these providers.
func (p *parser) onlyProviders(b *body, list ...string) bool {
	if b.probe < 0 || b.probe >= len(p.s.Probes) {
		return false
	}
	for _, ap := range p.s.Probes[b.probe].AttachPoints {
		if !contains(list, ap.Provider) {
			return false
		}
	}
	return true
}

// fieldType is the type of x.f and x->f.
func (in *inference) fieldType(n *node, b *body) *Type {
	of := n.kids[0]
	if of.op == opIdent && of.name == "args" {
		t := in.p.argType(b, n.name)
		return &t
	}
	if c := in.ctypeOf(n, b); c != "" {
		t := cType(c)
		return &t
	}
	t := in.infer(of, b)
	if t == nil {
		return nil
	}
	if i, ok := parseUint(n.name); ok && t.Kind == TypeTuple && i < uint64(len(t.Elems)) {
		return &t.Elems[i]
	}
	return &Type{}
}

// argType is the type of args.f where every kernel has the same: the
// arguments of a system call are integers or addresses as wide as a register,
// what it returns is a long; pid and prio fields are integers.
func (p *parser) argType(b *body, field string) Type {
	if b.probe < 0 || b.probe >= len(p.s.Probes) {
		return Type{}
	}
	var typ Type
	for i, ap := range p.s.Probes[b.probe].AttachPoints {
		t, known := Type{}, false
		if p.argFields != nil {
			t, known = p.argFields(ap, field)
		}
		if !known {
			t = tracepointField(ap, field)
		}
		if i == 0 {
			typ = t
		} else {
			typ = join(typ, t)
		}
	}
	return typ
}

func tracepointField(ap AttachPoint, field string) Type {
	if ap.Provider != "tracepoint" || len(ap.Parts) < 2 {
		return Type{}
	}
	group, name := ap.Parts[0], ap.Parts[1]
	switch {
	case group == "syscalls" && strings.HasPrefix(name, "sys_exit_") && field == "ret":
		return Type{Kind: TypeInt, Bits: 64, Signed: true}
	case group == "syscalls" && strings.HasPrefix(name, "sys_enter_") && !strings.HasPrefix(field, "__"):
		return Type{Kind: TypeInt, Bits: 64}
	case group == "raw_syscalls" && (field == "ret" || field == "id"):
		return Type{Kind: TypeInt, Bits: 64, Signed: true}
	case group == "sched" && name == "sched_switch" && (field == "prev_comm" || field == "next_comm"):
		return Type{Kind: TypeString, Size: 16} // other events' comm is an offset on newer kernels
	case field == "pid" || strings.HasSuffix(field, "_pid"), field == "prio" || strings.HasSuffix(field, "_prio"):
		return Type{Kind: TypeInt, Bits: 32, Signed: true}
	}
	return Type{}
}

func (in *inference) unaryType(n *node, b *body) *Type {
	switch n.name {
	case "!":
		return &Type{Kind: TypeBool}
	case "*":
		t := cType(in.ctypeOf(n, b))
		return &t
	case "&":
		return &Type{Kind: TypePointer, Bits: 64}
	}
	t := in.infer(n.kids[0], b)
	if t == nil || t.Kind == TypeInt && t.Signed {
		return t
	}
	return &Type{Kind: TypeInt, Signed: t.Signed}
}

// binaryType is the type of a sum, a comparison and the like. Of integers of
// both signs the result is unsigned up to 0.23 and signed from 0.26 on: its
// width is left open to say so.
func (in *inference) binaryType(n *node, b *body) *Type {
	switch n.name {
	case "==", "!=", "<", ">", "<=", ">=", "&&", "||":
		return &Type{Kind: TypeBool}
	}
	signed, mixed := true, false
	for i, k := range n.kids {
		t := in.infer(k, b)
		if t == nil {
			continue
		}
		switch t.Kind {
		case TypeString, TypePointer:
			return &Type{Kind: t.Kind, Bits: t.Bits} // "a" + "b"; an address
		case TypeUnknown, TypeInt, TypeBool, TypeEnum:
			if t.Kind == TypeUnknown && n.name == "+" && len(n.kids) == 2 &&
				same(in.typeOf(n.kids[0], b), in.typeOf(n.kids[1], b)) {
				return &Type{} // may be strings
			}
			mixed = mixed || i > 0 && signed != t.Signed || t.Kind == TypeInt && t.Bits == 0
			signed = signed && t.Signed
		default:
			return &Type{}
		}
	}
	if mixed {
		return &Type{Kind: TypeInt, Signed: signed}
	}
	return &Type{Kind: TypeInt, Bits: 64, Signed: signed}
}
