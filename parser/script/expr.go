package script

import "strings"

// level is how tightly a binary operator binds, 1 the loosest; 0 is no
// binary operator.
func level(op string) int {
	switch op {
	case "||":
		return 1
	case "&&":
		return 2
	case "|":
		return 3
	case "^":
		return 4
	case "&":
		return 5
	case "==", "!=":
		return 6
	case "<", ">", "<=", ">=":
		return 7
	case "<<", ">>":
		return 8
	case "+", "-":
		return 9
	case "*", "/", "%":
		return 10
	}
	return 0
}

// bad stands for what could not be read; kids are the parts that could.
func (p *parser) bad(start int, kids ...*node) *node { return p.node(opBad, start, "", kids...) }

// expression reads one expression. On an error it reports it and returns an
// opBad node, having taken nothing more than what it understood.
func (p *parser) expression() *node {
	start := p.peek().start
	if p.depth++; p.depth > maxHeight {
		p.unclear(start, "nested too deeply")
		p.depth--
		p.skipTo()
		return p.bad(start)
	}
	defer func() { p.depth-- }()
	if p.peek().word("comptime") {
		p.take()
		return p.node(opComptime, start, "", p.expression())
	}
	cond := p.binary(1)
	if !p.peek().is("?") {
		return cond
	}
	p.take()
	var then *node
	if p.peek().is(":") { // x ?: y
		then = cond
	} else {
		then = p.expression()
	}
	if !p.expect(":") {
		return p.bad(start, cond, then)
	}
	return p.node(opTernary, start, "", cond, then, p.expression())
}

// binary reads operators of level lowest and tighter. All of a level go into
// one node, so that a long sum is not a deep tree.
func (p *parser) binary(lowest int) *node {
	start := p.peek().start
	left := p.unary()
	for left.op != opBad {
		op := p.operator()
		at := level(op)
		if at < lowest || at == 0 {
			break
		}
		kids := []*node{left}
		for right := left; level(p.operator()) == at && right.op != opBad; kids = append(kids, right) {
			p.take()
			right = p.binary(at + 1)
		}
		left = p.node(opBinary, start, op, kids...)
	}
	return left
}

// operator is the operator ahead, "" if there is none; the slash that ends a
// predicate is none.
func (p *parser) operator() string {
	t := p.peek()
	if t.kind != tokPunct || p.inPred && p.atPredicateEnd() {
		return ""
	}
	return t.text
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func (p *parser) unary() *node {
	t := p.peek()
	if t.kind == tokPunct {
		switch t.text {
		case "!", "~", "-", "+", "*", "&", "++", "--":
			p.take()
			if p.depth++; p.depth > maxHeight {
				p.unclear(t.start, "nested too deeply")
				p.depth--
				return p.bad(t.start)
			}
			kid := p.unary()
			p.depth--
			if len(t.text) == 2 {
				return p.node(opIncrement, t.start, t.text, kid)
			}
			return p.node(opUnary, t.start, t.text, kid)
		case "(":
			if p.atCast() {
				return p.cast()
			}
		}
	}
	return p.postfix()
}

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
				p.callArgs(start, "typeof")
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

func (p *parser) postfix() *node {
	start := p.peek().start
	n := p.primary()
	for n.op != opBad {
		switch t := p.peek(); {
		case t.is("."), t.is("->"):
			p.take()
			f := p.peek()
			switch {
			case f.kind == tokIdent, f.kind == tokInt:
				p.take()
				n = p.node(opField, start, f.text, n)
			case f.is("["): // a field by number, .[0]
				p.take()
				n = p.node(opIndex, start, "", n, p.expression())
				p.expect("]")
				n.end, n.outerEnd = p.lastEnd, p.lastEnd
			default:
				p.fail("expected a field name")
				return p.bad(start, n)
			}
		case t.is("["):
			p.take()
			kids := append([]*node{n}, p.list("]")...)
			if !p.expect("]") {
				return p.bad(start, kids...)
			}
			n = p.node(opIndex, start, "", kids...)
		case t.is("++"), t.is("--"):
			p.take()
			n = p.node(opIncrement, start, t.text, n)
		default:
			return n
		}
	}
	return n
}

// list reads expressions with commas between them, up to the token end.
func (p *parser) list(end string) []*node {
	var kids []*node
	for !p.peek().is(end) && p.peek().kind != tokEOF {
		e := p.expression()
		if p.peek().is("..") {
			p.take()
			e = p.node(opRange, e.start, "", e, p.expression())
		}
		kids = append(kids, e)
		if e.op == opBad || !p.accept(",") {
			break
		}
	}
	return kids
}

func (p *parser) primary() *node {
	t := p.peek()
	switch t.kind {
	case tokInt:
		p.take()
		return p.node(opInt, t.start, t.text)
	case tokString:
		p.take()
		s, ok := unquote(t.text)
		if !ok {
			p.unclear(t.start, "unknown escape in a string")
		}
		return p.node(opString, t.start, s)
	case tokVar:
		p.take()
		return p.node(opVar, t.start, t.text)
	case tokParam:
		p.take()
		return p.node(opParam, t.start, t.text[1:])
	case tokParamCount:
		p.take()
		return p.node(opParamCount, t.start, "$#")
	case tokMap:
		p.take()
		if !p.peek().is("[") {
			return p.node(opMap, t.start, t.text)
		}
		p.take()
		kids := p.list("]")
		if !p.expect("]") {
			p.torn = append(p.torn, t)
			return p.bad(t.start, kids...)
		}
		return p.node(opMap, t.start, t.text, kids...)
	case tokIdent:
		return p.identifier()
	}
	switch {
	case t.is("("):
		return p.paren()
	case t.is("{"):
		b := p.block()
		return p.node(opBlockValue, t.start, "", b.kids...)
	}
	p.fail("expected an expression")
	return p.bad(t.start)
}

func (p *parser) identifier() *node {
	t := p.peek()
	if typeWords[t.text] && t.text != "typeof" && !p.peekN(1).is("(") {
		name := p.typeName() // sizeof(struct foo), offsetof(uint64, x)
		n := p.node(opSizeof, t.start, "type")
		n.ctype = name
		return n
	}
	p.take()
	switch {
	case p.peek().is("("):
		p.take()
		return p.callArgs(t.start, t.text)
	case p.peek().is("::") && p.peekN(1).kind == tokIdent:
		p.take()
		f := p.take()
		return p.node(opIdent, t.start, f.text)
	}
	return p.node(opIdent, t.start, t.text)
}

// callArgs reads what follows the opening parenthesis of a call.
func (p *parser) callArgs(start int, name string) *node {
	kids := p.list(")")
	if !p.expect(")") {
		p.torn = append(p.torn, token{kind: tokIdent, start: start, end: start + len(name), text: name},
			token{kind: tokPunct, start: start, end: start, text: "("})
		return p.bad(start, kids...)
	}
	return p.node(opCall, start, name, kids...)
}

// paren reads ( expression ), a tuple or a record (a = 1, b = 2).
func (p *parser) paren() *node {
	start := p.take().start
	var kids []*node
	tuple := p.peek().is(")")
	var names []string
	for !p.peek().is(")") {
		if p.peek().kind == tokIdent && p.peekN(1).is("=") {
			names = append(names, p.take().text)
			p.take()
			tuple = true
		}
		e := p.expression()
		kids = append(kids, e)
		if e.op == opBad {
			return p.bad(start, kids...)
		}
		if !p.accept(",") {
			break
		}
		tuple = true
	}
	if !p.expect(")") {
		return p.bad(start, kids...)
	}
	if tuple {
		return p.node(opTuple, start, strings.Join(names, ","), kids...)
	}
	n := kids[0]
	n.outerStart, n.outerEnd = start, p.lastEnd
	return n
}
