package script

import "strings"

// namer hands out names that are unique within one map or one format.
type namer map[string]bool

// take returns name, with _2, _3 … where it is taken; "" stays "".
func (m namer) take(name string) string {
	if name == "" {
		return ""
	}
	unique := name
	for i := 2; m[unique]; i++ {
		unique = name + "_" + itoa(i)
	}
	m[unique] = true
	return unique
}

// attribute makes a name of lower-case letters, digits, "_" and "." that
// starts with a letter or "_", "" where that cannot be.
func attribute(name string) string {
	name = strings.ToLower(name)
	if name == "" || isDigit(name[0]) {
		return ""
	}
	for i := 0; i < len(name); i++ {
		if !isIdentPart(name[i]) && name[i] != '.' {
			return ""
		}
	}
	return name
}

// wrappers are functions whose result is named after their argument: the
// filename in str(args.filename).
var wrappers = map[string]int{
	"str": 0, "kstr": 0, "ustr": 0, "buf": 0, "ksym": 0, "usym": 0, "kaddr": -1, "ntop": -2,
	"macaddr": 0, "bswap": 0, "path": 0, "kptr": 0, "uptr": 0, "reg": -3,
}

// nameOf names a value by what it is in the script, "" where nothing fits.
func nameOf(n *node) string {
	switch n.op {
	case opIdent:
		if n.name == "args" || keywords[n.name] || strings.ToUpper(n.name) == n.name {
			return "" // a constant, or a whole struct
		}
		return attribute(n.name)
	case opVar:
		return attribute(n.name[1:])
	case opMap:
		return attribute(n.name[1:])
	case opField:
		return attribute(n.name)
	case opCast, opComptime:
		return nameOf(n.kids[0])
	case opIndex:
		return nameOf(n.kids[0])
	case opUnary:
		if n.name == "*" || n.name == "&" {
			return nameOf(n.kids[0])
		}
	case opCall:
		return callName(n)
	}
	return ""
}

func callName(n *node) string {
	at, wraps := wrappers[n.name]
	if !wraps || len(n.kids) == 0 {
		return attribute(n.name)
	}
	switch at {
	case -1:
		return attribute(n.name)
	case -2: // ntop(address), ntop(family, address)
		at = len(n.kids) - 1
	case -3: // reg("ip")
		if n.kids[0].op == opString {
			return attribute(n.kids[0].name)
		}
		return "reg"
	}
	if inner := nameOf(n.kids[at]); inner != "" && n.kids[at].op != opCall {
		return inner
	}
	if n.name == "str" {
		return ""
	}
	return attribute(n.name)
}
