package script

import "strings"

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
