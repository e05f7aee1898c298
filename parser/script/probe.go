package script

import "strings"

// probe reads attach points, a predicate and a body.
func (p *parser) probe(start int) {
	pr := Probe{}
	pr.AttachPoints = p.attachPoints()
	index := len(p.s.Probes)
	b := body{probe: index}
	p.lex.skipSpace()
	if p.lex.pos < len(p.lex.src) && p.lex.src[p.lex.pos] == '/' {
		b.pred, pr.Predicate = p.predicate()
	}
	if p.peek().is("{") {
		from := p.peek().start
		// The probe stands before its body: what the body reports refers to it.
		b.code = p.block()
		pr.Body = p.lines.span(from, p.lastEnd)
		pr.Span = p.lines.span(start, p.lastEnd)
	} else {
		p.fail("expected {")
		if p.peek().kind != tokEOF && len(pr.AttachPoints) == 0 {
			p.torn = append(p.torn, p.take())
		}
		pr.Span = p.lines.span(start, max(start, p.lastEnd))
		if len(pr.AttachPoints) == 0 && b.pred == nil {
			return
		}
	}
	p.s.Probes = append(p.s.Probes, pr)
	p.bodies = append(p.bodies, b)
}

// predicate reads /…/. The slash that ends it is one that a "/" or a "{"
// follows, with only white space between.
func (p *parser) predicate() (*node, string) {
	open := p.lex.pos
	p.lex.pos++
	p.ahead = nil
	p.inPred = true
	from := p.lex.pos
	n := p.expression()
	for !p.atPredicateEnd() && p.peek().kind != tokEOF && !p.peek().is("{") {
		p.fail("unexpected in a predicate")
		p.torn = append(p.torn, p.take())
	}
	p.inPred = false
	t := p.peek()
	text := strings.TrimSpace(p.lex.src[from:max(t.start, from)])
	if t.is("/") {
		p.take()
		p.lastEnd = t.end
	} else {
		p.unclear(open, "predicate has no end")
	}
	p.rewind()
	return n, text
}

// atPredicateEnd reports whether the next token is the slash that ends a predicate.
func (p *parser) atPredicateEnd() bool {
	t := p.peek()
	if !t.is("/") {
		return false
	}
	for i := t.end; i < len(p.lex.src); i++ {
		if !isSpace(p.lex.src[i]) {
			return p.lex.src[i] == '{' || p.lex.src[i] == '/'
		}
	}
	return true
}

// attachPoints reads attach points up to a predicate or a body.
func (p *parser) attachPoints() []AttachPoint {
	var list []AttachPoint
	for {
		p.lex.skipSpace()
		ap, ok := p.attachPoint()
		if ok {
			list = append(list, ap)
		}
		p.lex.skipSpace()
		if p.lex.pos >= len(p.lex.src) || p.lex.src[p.lex.pos] != ',' {
			return list
		}
		p.lex.pos++
	}
}

// attachPoint reads one attach point, up to a comma, a brace or a slash. After
// a colon everything up to the next white space, comma or brace belongs to it,
// slashes too; up to 0.24, words may also follow after white space and are
// strung together.
func (p *parser) attachPoint() (AttachPoint, bool) {
	src := p.lex.src
	start := p.lex.pos
	end := start
	var text strings.Builder // without white space and comments
	var quoted []bool        // per byte of text
	add := func(to int, q bool) {
		text.WriteString(src[p.lex.pos:to])
		for range to - p.lex.pos {
			quoted = append(quoted, q)
		}
		end = to
		p.lex.pos = to
	}
loop:
	for p.lex.pos < len(src) {
		at := p.lex.pos
		switch c := src[at]; {
		case isSpace(c), strings.HasPrefix(src[at:], "//"), strings.HasPrefix(src[at:], "/*"):
			if c == '/' && at == end && strings.Contains(text.String(), ":") {
				// A comment up to 0.24, part of the name after that.
				p.unclear(at, "a comment that touches the attach point")
			}
			p.lex.skipSpace()
		case c == ':':
			add(p.nameEnd(at), false)
		case c == '"':
			add(p.lex.stringEnd(), true)
			if p.lex.pos < len(src) && src[p.lex.pos] == '/' {
				p.unclear(p.lex.pos, "a slash that touches the attach point")
			}
		case c == '$' && at+1 < len(src) && isDigit(src[at+1]), isIdentPart(c), strings.IndexByte("*[].+", c) >= 0:
			add(at+1, false)
		default:
			break loop
		}
	}
	if end == start {
		p.unclear(start, "expected an attach point")
		return AttachPoint{}, false
	}
	ap := AttachPoint{Span: p.lines.span(start, end), Text: src[start:end]}
	ap.split(text.String(), quoted)
	p.nameParams(text.String(), quoted)
	if _, known := providers[ap.Provider]; !known { // of no version
		p.unknownProvider(start, ap)
	}
	p.lastEnd = end
	return ap, true
}

// nameParams counts the positional parameters of an attach point: bpftrace puts
// them in wherever no quotes are.
func (p *parser) nameParams(text string, quoted []bool) {
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || quoted[i] {
			continue
		}
		end := i + 1
		for end < len(text) && isDigit(text[end]) && !quoted[end] {
			end++
		}
		if end > i+1 {
			p.param(text[i+1 : end])
		}
	}
}

// nameEnd is the end of what belongs to the colon at offset at. Up to 0.24 a
// slash behind a bracket starts a predicate, and other signs are refused.
func (p *parser) nameEnd(at int) int {
	src := p.lex.src
	bracket := false
	for i := at + 1; i < len(src); i++ {
		switch c := src[i]; {
		case isSpace(c), c == ',', c == '{', c == '"', c == ':':
			return i
		case c == '[', c == ']':
			bracket = true
		case c == '/' && bracket:
			p.unclear(i, "a slash that touches the attach point")
			bracket = false
		case c == '$' && i+1 < len(src) && src[i+1] == '{', c == '\\' && i+1 < len(src) && !isIdentPart(src[i+1]):
			p.unclear(i, "a sign that versions read differently")
			if c == '\\' {
				i++
			}
		}
	}
	return len(src)
}

// unknownProvider says that a provider is none that any version has. A name
// without a provider is a kernel function since 0.2x, and a wildcard one may
// match several.
func (p *parser) unknownProvider(start int, ap AttachPoint) {
	if ap.Wildcard && strings.ContainsAny(ap.Provider, "*?[") {
		return
	}
	p.unclear(start, "unknown provider "+clip(ap.Provider))
}

// split fills in the provider and the parts.
func (ap *AttachPoint) split(text string, quoted []bool) {
	var parts []string
	var part []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ':' && !quoted[i]:
			parts = append(parts, string(part))
			part = part[:0]
			continue
		case !quoted[i] && (c == '*' || c == '?' || c == '['):
			ap.Wildcard = true
		}
		part = append(part, text[i])
	}
	parts = append(parts, string(part))
	for i, s := range parts {
		if strings.IndexByte(s, '"') >= 0 {
			parts[i] = unquoteParts(s)
		}
	}
	ap.Provider = ProviderName(parts[0])
	ap.Parts = parts[1:]
}

// unquoteParts decodes the quoted pieces of one part.
func unquoteParts(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '"' {
			b.WriteByte(s[i])
			i++
			continue
		}
		l := lexer{src: s, pos: i, report: func(int, string) {}}
		end := l.stringEnd()
		text, _ := unquote(s[i:end])
		b.WriteString(text)
		i = end
	}
	return b.String()
}
