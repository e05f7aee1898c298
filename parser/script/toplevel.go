package script

import "strings"

// program reads everything that stands outside of bodies.
func (p *parser) program() {
	for {
		p.rewind()
		p.lex.skipSpace()
		start := p.lex.pos
		if start >= len(p.lex.src) {
			return
		}
		p.topLevel(start)
		if len(p.ahead) == 0 && p.lex.pos == start { // always gets on
			p.unclear(start, "unexpected "+clip(p.lex.src[start:start+1]))
			p.lex.pos++
		}
	}
}

func (p *parser) topLevel(start int) {
	rest := p.lex.src[start:]
	if rest[0] == '#' {
		p.directive(start)
		return
	}
	word := rest[:identLen(rest)]
	ahead := lexer{src: p.lex.src, pos: start + len(word), report: func(int, string) {}}
	ahead.skipSpace()
	after := p.lex.src[ahead.pos:]
	switch {
	case word == "struct" || word == "union" || word == "enum":
		p.cDefinition(start)
	case word == "config" && first(after) == '=':
		p.config()
	case word == "import" && first(after) == '"':
		p.importLine(start)
	case (word == "macro" || word == "fn" || word == "subprog") && isIdentStart(first(after)):
		p.definition(start)
	case word == "let" && first(after) == '@':
		p.mapDeclaration(start)
	case p.lex.src[start] == ';':
		p.lex.pos++
	default:
		p.probe(start)
	}
}

func first(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

// config reads config = { name = value; … }.
func (p *parser) config() {
	p.take()
	p.expect("=")
	if !p.expect("{") {
		p.skipTo()
		return
	}
	for !p.peek().is("}") && p.peek().kind != tokEOF {
		if p.accept(";") {
			continue
		}
		t := p.take()
		if t.kind != tokIdent || !p.peek().is("=") {
			p.unclear(t.start, "expected a setting, found "+clip(t.text))
			continue
		}
		p.take()
		from := p.peek().start
		for !p.peek().is(";") && !p.peek().is("}") && p.peek().kind != tokEOF {
			if v := p.take(); v.kind != tokIdent && v.kind != tokInt && v.kind != tokString && !v.is("-") {
				p.unclear(v.start, "expected a value, found "+clip(v.text))
			}
		}
		value := strings.TrimSpace(p.lex.src[from:max(p.lastEnd, from)])
		if value == "" {
			p.unclear(from, "setting "+t.text+" has no value")
		}
		p.s.Config = append(p.s.Config, Setting{p.lines.pos(t.start), t.text, value})
	}
	p.expect("}")
	p.accept(";")
}

func (p *parser) importLine(start int) {
	p.take()
	t := p.take()
	path, ok := unquote(t.text)
	if !ok {
		p.unclear(t.start, "unknown escape in a string")
	}
	p.s.Imports = append(p.s.Imports, Directive{p.lines.span(start, t.end), "import", path})
	p.accept(";")
}

// definition reads macro name(…) { … } and fn name(…): type { … }.
func (p *parser) definition(start int) {
	word, name := p.take(), p.take()
	b := body{probe: -1, name: name.text, params: map[string]string{}, macro: word.text == "macro"}
	d := Definition{Name: name.text}
	if p.expect("(") {
		for !p.peek().is(")") && p.peek().kind != tokEOF && !p.peek().is("{") {
			t := p.take()
			switch {
			case t.is(","):
				continue
			case t.kind == tokVar, t.kind == tokMap, t.kind == tokIdent:
				d.Params = append(d.Params, t.text)
				b.params[t.text] = ""
				b.order = append(b.order, t.text)
				if p.accept(":") {
					b.params[t.text] = p.typeName()
				}
			default:
				p.unclear(t.start, "expected a parameter, found "+clip(t.text))
			}
		}
		p.expect(")")
	}
	if p.accept(":") {
		p.typeName()
	}
	b.code = p.block()
	d.Span = p.lines.span(start, max(p.lastEnd, start))
	if b.macro {
		p.macros[b.name] = append(p.macros[b.name], len(p.bodies))
		p.s.Macros = append(p.s.Macros, d)
	} else {
		p.s.Functions = append(p.s.Functions, d)
	}
	p.bodies = append(p.bodies, b)
}

// mapDeclaration reads let @m = hash(100);.
func (p *parser) mapDeclaration(start int) {
	p.take()
	t := p.take()
	m := p.node(opMap, t.start, t.text)
	n := p.node(opLet, start, "let", m)
	if p.accept(":") {
		n.ctype = p.typeName()
	}
	if p.accept("=") {
		n = p.node(opLet, start, "let", m, p.expression())
	}
	p.decls = append(p.decls, n)
	if !p.accept(";") {
		p.fail("expected ;")
		p.skipTo()
	}
}

// skipTo passes over tokens to the next ";" or the end of the braces that are
// open here, keeping them for the lists of calls and maps.
func (p *parser) skipTo() {
	depth := 0
	for {
		t := p.peek()
		switch {
		case t.kind == tokEOF:
			return
		case t.is("{"):
			depth++
		case t.is("}"):
			if depth == 0 {
				return
			}
			depth--
			if depth == 0 {
				p.torn = append(p.torn, p.take())
				return
			}
		case t.is(";") && depth == 0:
			p.take()
			return
		}
		p.torn = append(p.torn, p.take())
	}
}
