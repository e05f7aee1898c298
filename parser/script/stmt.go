package script

// block reads { … }.
func (p *parser) block() *node {
	start := p.peek().start
	if !p.expect("{") {
		return p.node(opBlock, start, "")
	}
	if p.depth++; p.depth > maxHeight {
		p.unclear(start, "nested too deeply")
		p.skipBlock()
		p.depth--
		return p.node(opBlock, start, "")
	}
	kids := p.statements()
	p.depth--
	if !p.accept("}") {
		p.fail("expected }")
	}
	return p.node(opBlock, start, "", kids...)
}

// skipBlock passes over what is left of a block, and its closing brace.
func (p *parser) skipBlock() {
	for depth := 1; p.peek().kind != tokEOF; {
		t := p.take()
		p.torn = append(p.torn, t)
		if t.is("{") {
			depth++
		} else if t.is("}") {
			if depth--; depth == 0 {
				return
			}
		}
	}
}

// statements reads up to the closing brace.
func (p *parser) statements() []*node {
	var kids []*node
	for {
		t := p.peek()
		if t.kind == tokEOF || t.is("}") {
			return kids
		}
		if t.is(";") {
			p.take()
			continue
		}
		n := p.statement()
		if n != nil {
			kids = append(kids, n)
		}
		if n == nil || !p.statementEnd(n) {
			if p.peek().start == t.start && p.peek().kind != tokEOF && !p.peek().is("}") {
				p.torn = append(p.torn, p.take())
			}
			p.skipTo()
		}
	}
}

// statementEnd takes the semicolon that a statement without a block needs.
func (p *parser) statementEnd(n *node) bool {
	if p.accept(";") || p.peek().is("}") {
		return true
	}
	switch n.op {
	case opIf, opWhile, opUnroll, opFor, opBlock:
		return true
	}
	p.fail("expected ; or }")
	return false
}

func (p *parser) statement() *node {
	t := p.peek()
	if t.is("{") {
		return p.block()
	}
	if t.kind == tokIdent {
		switch t.text {
		case "if":
			return p.ifStatement()
		case "comptime":
			if p.peekN(1).word("if") {
				p.take()
				return p.ifStatement()
			}
		case "while":
			p.take()
			return p.loop(opWhile, t)
		case "unroll":
			p.take()
			return p.loop(opUnroll, t)
		case "for":
			return p.forStatement()
		case "let":
			return p.let()
		case "return":
			p.take()
			if p.peek().is(";") || p.peek().is("}") {
				return p.node(opReturn, t.start, "")
			}
			return p.node(opReturn, t.start, "", p.expression())
		case "import": // in code only bpftrace's own library may
			if p.peekN(1).kind == tokString {
				p.unclear(t.start, "import in code")
				p.importLine(t.start)
				return p.node(opBlock, t.start, "")
			}
		case "break", "continue":
			p.take()
			return p.node(opJump, t.start, t.text)
		}
	}
	return p.simple(t)
}

// simple reads an assignment or an expression.
func (p *parser) simple(t token) *node {
	left := p.expression()
	if left.op == opBad {
		p.orphans = append(p.orphans, left)
		return nil
	}
	switch op := p.peek(); {
	case op.kind != tokPunct:
	case op.text == "=", op.text == "+=", op.text == "-=", op.text == "*=", op.text == "/=", op.text == "%=",
		op.text == "&=", op.text == "|=", op.text == "^=", op.text == "<<=", op.text == ">>=":
		p.take()
		right := p.expression()
		return p.node(opAssign, t.start, op.text, left, right)
	}
	return p.node(opExprStmt, t.start, "", left)
}

// let reads let $x, let $x : type and let $x = value.
func (p *parser) let() *node {
	start := p.take().start
	t := p.peek()
	if t.kind != tokVar && t.kind != tokMap {
		p.fail("expected a variable")
		return nil
	}
	v := p.postfix()
	ctype := ""
	if p.accept(":") {
		ctype = p.typeName()
	}
	kids := []*node{v}
	if p.accept("=") {
		kids = append(kids, p.expression())
	}
	n := p.node(opLet, start, "let", kids...)
	n.ctype = ctype
	return n
}

// ifStatement reads if … { } else if … { } else { }, flat.
func (p *parser) ifStatement() *node {
	start := p.peek().start
	var kids []*node
	for {
		p.take() // if
		if p.peek().word("comptime") {
			p.take()
		}
		kids = append(kids, p.expression(), p.block())
		if !p.peek().word("else") {
			break
		}
		p.take()
		if p.peek().word("comptime") && p.peekN(1).word("if") {
			p.take()
		}
		if !p.peek().word("if") {
			kids = append(kids, p.block())
			break
		}
	}
	return p.node(opIf, start, "", kids...)
}

func (p *parser) loop(op nodeOp, t token) *node {
	cond := p.expression()
	return p.node(op, t.start, "", cond, p.block())
}

// forStatement reads for ($kv : @m) { }, for ($i : 0..10) { } and both
// without the parentheses.
func (p *parser) forStatement() *node {
	start := p.take().start
	paren := p.accept("(")
	t := p.peek()
	if t.kind != tokVar {
		p.fail("expected a variable")
		return nil
	}
	p.take()
	v := p.node(opVar, t.start, t.text)
	if !p.accept(":") && !p.peek().word("in") {
		p.fail("expected :")
		return nil
	}
	over := p.expression()
	if p.peek().is("..") {
		p.take()
		over = p.node(opRange, over.start, "", over, p.expression())
	}
	if paren {
		p.expect(")")
	}
	return p.node(opFor, start, "", v, over, p.block())
}
