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
	after := strings.TrimLeft(rest[len(word):], " \t\r\n")
	switch {
	case word == "struct" || word == "union" || word == "enum":
		p.cDefinition(start)
	case word == "config" && strings.HasPrefix(after, "="):
		p.config()
	case word == "import" && strings.HasPrefix(after, `"`):
		p.importLine(start)
	case (word == "macro" || word == "fn" || word == "subprog") && isIdentStart(first(after)):
		p.definition(start)
	case word == "let" && strings.HasPrefix(after, "@"):
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

// directive reads one # line. A backslash at its end joins the next line for
// the C compiler but not for bpftrace's own reading: the line after it is
// seen by both, so such a directive is unclear.
func (p *parser) directive(start int) {
	src := p.lex.src
	end := p.lex.lineEnd()
	p.lex.pos = end
	text := src[start:end]
	body := strings.TrimSpace(text[1:])
	name := body[:identLen(body)]
	if strings.HasPrefix(text, "#!") {
		name = "!"
	}
	d := Directive{p.lines.span(start, end), name, strings.TrimSpace(strings.TrimPrefix(body, name))}
	if strings.HasSuffix(strings.TrimRight(text, " \t\r"), `\`) {
		p.unclear(end-1, "a preprocessor line that goes on in the next")
	}
	switch name {
	case "include":
		p.s.Includes = append(p.s.Includes, d)
		return
	case "define":
		p.define(d, start)
	case "if", "ifdef", "ifndef":
		p.conditional++
	case "endif":
		p.conditional--
	}
	p.s.Directives = append(p.s.Directives, d)
}

// define keeps what a #define without parameters stands for.
func (p *parser) define(d Directive, start int) {
	name := d.Text[:identLen(d.Text)]
	if name == "" {
		p.unclear(start, "#define without a name")
		return
	}
	value := d.Text[len(name):]
	if strings.HasPrefix(value, "(") {
		return // with parameters: bpftrace does not expand these
	}
	l := lexer{src: value, report: func(_ int, message string) { p.unclear(start, message) }}
	var tokens []token
	for len(tokens) < 1000 {
		t := l.next()
		if t.kind == tokEOF {
			break
		}
		tokens = append(tokens, t)
	}
	if len(tokens) == 0 {
		return // bpftrace keeps no macro without a value
	}
	_, twice := p.defines[name]
	switch {
	case twice:
		p.unclear(start, name+" is defined twice")
	case p.conditional > 0:
		p.unclear(start, name+" is defined on a condition")
	case builtins[name] || keywords[name]:
		// Versions differ on which word they replace first.
		p.unclear(start, "#define of bpftrace's own "+name)
	}
	p.defines[name] = tokens
}

// cDefinition reads a struct, union or enum. From 0.25 on bpftrace
// knows comments in it, before that it only counts braces: where the two
// readings end at different places, it is unclear.
func (p *parser) cDefinition(start int) {
	src := p.lex.src
	plain := closingBrace(src, start, false)
	end := closingBrace(src, start, true)
	if end < 0 {
		p.unclear(start, "a C definition has no end")
		p.lex.pos = len(src)
		return
	}
	if plain != end {
		p.unclear(start, "a brace in a comment in a C definition")
	}
	p.cDirectives(start, end)
	p.cMembers(start, end)
	p.lex.pos = end
	p.accept(";")
}

// closingBrace finds the end of the braces that open first after start, -1 if
// there are none. Without any brace before a semicolon it is a declaration.
func closingBrace(src string, start int, comments bool) int {
	depth := 0
	for i := start; i < len(src); i++ {
		switch src[i] {
		case '{':
			depth++
		case '}':
			depth--
			if depth <= 0 {
				return i + 1
			}
		case ';':
			if depth == 0 {
				return i
			}
		case '/':
			if !comments || i+1 == len(src) {
				continue
			}
			if src[i+1] == '*' {
				n := strings.Index(src[i+2:], "*/")
				if n < 0 {
					return -1
				}
				i += n + 3
			} else if src[i+1] == '/' {
				n := strings.IndexByte(src[i:], '\n')
				if n < 0 {
					return -1
				}
				i += n
			}
		}
	}
	return -1
}

// cDirectives lists the preprocessor lines that hide in a C definition.
func (p *parser) cDirectives(start, end int) {
	src := p.lex.src
	for at := start; at < end; at++ {
		if src[at] != '#' && !strings.HasPrefix(src[at:], "%:") && !strings.HasPrefix(src[at:], "??=") {
			continue
		}
		stop := end
		if n := strings.IndexByte(src[at:end], '\n'); n >= 0 {
			stop = at + n
		}
		text := strings.TrimLeft(src[at:stop], "#%:?= \t")
		name := text[:identLen(text)]
		d := Directive{p.lines.span(at, stop), name, strings.TrimSpace(text[len(name):])}
		if name == "include" {
			p.s.Includes = append(p.s.Includes, d)
		} else {
			p.s.Directives = append(p.s.Directives, d)
		}
		p.unclear(at, "a preprocessor line in a C definition")
		at = stop
	}
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
			p.take()
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
