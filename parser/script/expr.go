package script

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
