package script

import "strings"

// cMembers learns the members of the struct, union or enum at src[start:end].
// What it cannot read is left out: a field of it is then of unknown type.
func (p *parser) cMembers(start, end int) {
	l := lexer{src: p.lex.src[start:end], report: func(int, string) {}}
	var toks []token
	for t := l.next(); t.kind != tokEOF; t = l.next() {
		if t.kind != tokHash {
			toks = append(toks, t)
		}
	}
	if len(toks) < 3 || toks[1].kind != tokIdent && !toks[1].is("{") {
		return
	}
	name := toks[0].text
	i := 1
	if toks[1].kind == tokIdent {
		name += " " + toks[1].text
		i = 2
	}
	if !toks[i].is("{") {
		return
	}
	toks = toks[i+1:]
	if strings.HasPrefix(name, "enum") {
		for j, t := range toks {
			if t.kind == tokIdent && (j == 0 || toks[j-1].is(",")) {
				p.enums[t.text] = true
			}
		}
		return
	}
	members := map[string]string{}
	for len(toks) > 0 && !toks[0].is("}") {
		n, nested := 0, false
		for depth := 0; n < len(toks) && (depth > 0 || !toks[n].is(";")); n++ {
			if toks[n].is("{") {
				depth++
				nested = true
			} else if toks[n].is("}") {
				depth--
			}
			if depth < 0 {
				break
			}
		}
		if !nested {
			declare(members, toks[:n])
		}
		toks = toks[min(n+1, len(toks)):]
	}
	p.structs[name] = members
}

// declare adds the declarators of one line, int a, *b, c[4];.
func declare(members map[string]string, toks []token) {
	var base []string
	for len(toks) > 0 && toks[0].kind == tokIdent &&
		(len(toks) > 1 && (toks[1].kind == tokIdent || toks[1].is("*"))) {
		base = append(base, toks[0].text)
		toks = toks[1:]
	}
	for len(toks) > 0 {
		typ := strings.Join(base, " ")
		name := ""
		for len(toks) > 0 && !toks[0].is(",") {
			switch t := toks[0]; {
			case t.is("*"):
				typ += " *"
			case t.is("(") || t.is(")"): // a pointer to a function
				typ = ""
			case t.kind == tokIdent:
				name = t.text
			case t.is("[") && len(toks) > 1:
				if toks[1].kind == tokInt {
					typ += " [" + toks[1].text + "]"
				} else {
					typ += " []"
				}
			}
			toks = toks[1:]
		}
		if len(toks) > 0 {
			toks = toks[1:]
		}
		if name != "" && typ != "" {
			members[name] = typ
		}
	}
}

// cInts are the integer types of C and of bpftrace: bits and sign.
var cInts = map[string]Type{
	"char": cInt(8, true), "signed char": cInt(8, true), "unsigned char": cInt(8, false),
	"short": cInt(16, true), "unsigned short": cInt(16, false),
	"short int": cInt(16, true), "unsigned short int": cInt(16, false),
	"int": cInt(32, true), "signed int": cInt(32, true), "signed": cInt(32, true),
	"unsigned": cInt(32, false), "unsigned int": cInt(32, false),
	"long": cInt(64, true), "long int": cInt(64, true), "unsigned long": cInt(64, false),
	"unsigned long int": cInt(64, false), "long long": cInt(64, true),
	"long long int": cInt(64, true), "unsigned long long": cInt(64, false),
	"unsigned long long int": cInt(64, false),
	"size_t":                 cInt(64, false), "ssize_t": cInt(64, true), "loff_t": cInt(64, true),
	"pid_t": cInt(32, true), "uid_t": cInt(32, false), "gid_t": cInt(32, false), "dev_t": cInt(32, false),
	"int8": cInt(8, true), "int16": cInt(16, true), "int32": cInt(32, true), "int64": cInt(64, true),
	"uint8": cInt(8, false), "uint16": cInt(16, false), "uint32": cInt(32, false), "uint64": cInt(64, false),
	"int8_t": cInt(8, true), "int16_t": cInt(16, true), "int32_t": cInt(32, true), "int64_t": cInt(64, true),
	"uint8_t": cInt(8, false), "uint16_t": cInt(16, false), "uint32_t": cInt(32, false), "uint64_t": cInt(64, false),
	"s8": cInt(8, true), "s16": cInt(16, true), "s32": cInt(32, true), "s64": cInt(64, true),
	"u8": cInt(8, false), "u16": cInt(16, false), "u32": cInt(32, false), "u64": cInt(64, false),
	"__s8": cInt(8, true), "__s16": cInt(16, true), "__s32": cInt(32, true), "__s64": cInt(64, true),
	"__u8": cInt(8, false), "__u16": cInt(16, false), "__u32": cInt(32, false), "__u64": cInt(64, false),
}

func cInt(bits int, signed bool) Type { return Type{Kind: TypeInt, Bits: bits, Signed: signed} }

// cType is the type that a type's text names.
func cType(text string) Type {
	text = strings.TrimSpace(strings.TrimPrefix(text, "const "))
	if strings.HasSuffix(text, "]") {
		open := strings.LastIndexByte(text, '[')
		base := strings.TrimSpace(text[:max(open, 0)])
		n, _ := parseUint(text[open+1 : len(text)-1])
		switch {
		case base == "char" || base == "string":
			return Type{Kind: TypeString, Size: int(min(n, 1<<30))}
		case base == "buffer":
			return Type{Kind: TypeBuffer, Size: int(min(n, 1<<30))}
		case base == "inet":
			return Type{Kind: TypeInet}
		}
		return Type{Kind: TypeArray}
	}
	if strings.HasSuffix(text, "*") {
		return Type{Kind: TypePointer, Bits: 64}
	}
	if t, ok := cInts[text]; ok {
		return t
	}
	switch text {
	case "bool", "_Bool":
		return Type{Kind: TypeBool}
	case "string":
		return Type{Kind: TypeString}
	case "buffer":
		return Type{Kind: TypeBuffer}
	case "inet":
		return Type{Kind: TypeInet}
	case "timestamp":
		return Type{Kind: TypeTimestamp}
	case "macaddr_t":
		return Type{Kind: TypeMAC}
	case "cgroup_path_t":
		return Type{Kind: TypeCgroupPath}
	case "strerror_t":
		return Type{Kind: TypeStrerror}
	}
	switch {
	case strings.HasPrefix(text, "struct "), strings.HasPrefix(text, "union "):
		return Type{Kind: TypeStruct}
	case strings.HasPrefix(text, "enum "):
		return Type{Kind: TypeEnum}
	case strings.HasSuffix(text, "_t"):
		for _, agg := range []string{"count_t", "sum_t", "min_t", "max_t", "avg_t"} {
			if strings.TrimPrefix(text, "u") == agg {
				return cInt(64, text[0] != 'u')
			}
		}
	}
	return Type{}
}

// elemType is the text of the type that an array's or pointer's text points to.
func elemType(text string) string {
	if strings.HasSuffix(text, "]") {
		return strings.TrimSpace(text[:max(strings.LastIndexByte(text, '['), 0)])
	}
	if strings.HasSuffix(text, "*") {
		return strings.TrimSpace(strings.TrimSuffix(text, "*"))
	}
	return ""
}

// ctypeOf is the text of an expression's C type, "" where it is not known.
func (in *inference) ctypeOf(n *node, b *body) string {
	switch n.op {
	case opCast:
		return n.ctype
	case opVar:
		if v := in.vars[varKey{b, n.name}]; v != nil {
			return v.ctype
		}
	case opUnary:
		if n.name == "*" {
			return elemType(in.ctypeOf(n.kids[0], b))
		}
	case opIndex:
		return elemType(in.ctypeOf(n.kids[0], b))
	case opField:
		t := strings.TrimSpace(strings.TrimSuffix(in.ctypeOf(n.kids[0], b), "*"))
		return in.p.structs[t][n.name]
	}
	return ""
}
