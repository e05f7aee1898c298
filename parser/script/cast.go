package script

import "strings"

// typeWords begin a type and nothing else.
var typeWords = map[string]bool{
	"struct": true, "union": true, "enum": true, "typeof": true,
	"void": true, "bool": true, "string": true, "buffer": true, "inet": true, "timestamp": true,
	"int": true, "char": true, "short": true, "long": true, "unsigned": true, "signed": true,
	"uint8": true, "uint16": true, "uint32": true, "uint64": true,
	"int8": true, "int16": true, "int32": true, "int64": true,
	"uint8_t": true, "uint16_t": true, "uint32_t": true, "uint64_t": true, "size_t": true,
	"int8_t": true, "int16_t": true, "int32_t": true, "int64_t": true,
}

// builtins are the identifiers that are values without being called.
var builtins = map[string]bool{
	"pid": true, "tid": true, "uid": true, "gid": true, "cpu": true, "comm": true, "nsecs": true,
	"elapsed": true, "cgroup": true, "kstack": true, "ustack": true, "stack": true, "retval": true,
	"func": true, "probe": true, "curtask": true, "rand": true, "ctx": true, "username": true,
	"args": true, "numaid": true, "cpid": true, "jiffies": true, "pcomm": true, "ppid": true,
	"true": true, "false": true, "usermode": true, "ncpus": true,
}

// atCast reports whether the parenthesis ahead opens a cast: (type) or
// (type *), and for a name that may also be a value only where an operand
// follows.
func (p *parser) atCast() bool {
	t := p.peekN(1)
	if t.kind != tokIdent {
		return false
	}
	if typeWords[t.text] {
		return true
	}
	i := 2
	for p.peekN(i).is("*") {
		i++
	}
	if p.peekN(i).is("[") && p.peekN(i+1).kind == tokInt && p.peekN(i+2).is("]") {
		return p.peekN(i+3).is(")") && p.operandAt(i+4)
	}
	if !p.peekN(i).is(")") {
		return false
	}
	return i > 2 || !builtins[t.text] && p.operandAt(i+1)
}

// operandAt reports whether the token n places ahead can only begin an operand.
func (p *parser) operandAt(n int) bool {
	t := p.peekN(n)
	switch t.kind {
	case tokIdent:
		return t.text != "else" && t.text != "in"
	case tokVar, tokParam, tokParamCount, tokMap, tokInt, tokString:
		return true
	}
	return t.is("(")
}

func (p *parser) cast() *node {
	start := p.take().start
	ctype := p.typeName()
	if !p.expect(")") {
		return p.bad(start)
	}
	if p.depth++; p.depth > maxHeight {
		p.unclear(start, "nested too deeply")
		p.depth--
		return p.bad(start)
	}
	kid := p.unary()
	p.depth--
	n := p.node(opCast, start, "", kid)
	n.ctype = ctype
	return n
}

// typeName reads a type and returns it with single spaces, "struct foo *".
func (p *parser) typeName() string {
	var words []string
	for {
		t := p.peek()
		switch {
		case t.word("typeof"):
			start := p.take().start
			if p.expect("(") {
				p.asides = append(p.asides, p.callArgs(start, "typeof"))
			}
			words = append(words, "typeof")
		case t.kind == tokIdent && (len(words) == 0 || cWord(words[len(words)-1])):
			words = append(words, p.take().text)
		case t.is("*") && len(words) > 0:
			words = append(words, p.take().text)
		case t.is("[") && len(words) > 0:
			p.take()
			size := ""
			if !p.peek().is("]") {
				e := p.expression()
				p.asides = append(p.asides, e)
				size = p.text(e)
			}
			words = append(words, "["+size+"]")
			if !p.expect("]") {
				return strings.Join(words, " ")
			}
		case t.is("(") && len(words) == 0: // a tuple's type
			p.take()
			var elems []string
			for !p.peek().is(")") && p.peek().kind == tokIdent {
				elems = append(elems, p.typeName())
				if !p.accept(",") {
					break
				}
			}
			p.expect(")")
			words = append(words, "("+strings.Join(elems, ",")+")")
		default:
			if len(words) == 0 {
				p.fail("expected a type")
			}
			return strings.Join(words, " ")
		}
	}
}

// cWord reports whether another word of the same type may follow.
func cWord(w string) bool {
	switch w {
	case "struct", "union", "enum", "unsigned", "signed", "const", "volatile", "long", "short":
		return true
	}
	return false
}
