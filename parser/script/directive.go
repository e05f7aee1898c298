package script

import "strings"

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
	before, twice := p.defines[name]
	switch {
	case isConstant(tokens) && (!twice || isConstant(before) && before[len(before)-1].kind == tokens[len(tokens)-1].kind):
		// Whichever it is, it hides nothing: #define AF_INET 2 for kernels without BTF.
	case twice:
		p.unclear(start, name+" is defined twice")
	case p.conditional > 0:
		p.unclear(start, name+" is defined on a condition")
	}
	switch {
	case builtins[name] || keywords[name]:
		// Versions differ on which word they replace first.
		p.unclear(start, "#define of bpftrace's own "+name)
	}
	p.defines[name] = tokens
}

// isConstant reports whether a #define stands for one number or string.
func isConstant(tokens []token) bool {
	for i, t := range tokens {
		last := i == len(tokens)-1
		if last && t.kind != tokInt && t.kind != tokString || !last && !t.is("-") {
			return false
		}
	}
	return true
}
