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

// attachPoint reads one attach point: what bpftrace's lexer strings together
// until a comma, a brace or a slash that is not part of a path. White space
// and comments in it fall away.
func (p *parser) attachPoint() (AttachPoint, bool) {
	src := p.lex.src
	start := p.lex.pos
	end := start
	var text strings.Builder // without white space and comments
	var quoted []bool        // per byte of text
	add := func(from, to int, q bool) {
		text.WriteString(src[from:to])
		for range to - from {
			quoted = append(quoted, q)
		}
		end = to
		p.lex.pos = to
	}
loop:
	for p.lex.pos < len(src) {
		at := p.lex.pos
		switch c := src[at]; {
		case c == ',' || c == '{' || c == '/' || c == '}' || c == ';':
			if c == '/' && at == end && strings.Contains(text.String(), ":") {
				// A comment or predicate up to 0.23, part of the name after that.
				p.unclear(at, "a slash that touches the attach point")
			}
			if c == '/' && (strings.HasPrefix(src[at:], "//") || strings.HasPrefix(src[at:], "/*")) {
				p.lex.skipSpace()
				continue
			}
			break loop
		case isSpace(c):
			p.lex.skipSpace()
		case c == ':':
			add(at, at+pathLen(src[at:]), false)
		case c == '"':
			stop := p.lex.stringEnd()
			add(at, stop, true)
		case isIdentPart(c) || strings.IndexByte("*?[].+-!_$\\#@", c) >= 0:
			add(at, at+1, false)
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
	if _, known := providers[ap.Provider]; !known { // of no version
		p.unknownProvider(start, ap)
	}
	p.lastEnd = end
	return ap, true
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

// pathLen is the length of a colon and the path or name right after it, in
// which slashes, "*" and "#" are ordinary: tracepoint:a:b/pid/ has no
// predicate, and a comment must not touch the name.
func pathLen(s string) int {
	i := 1
	for i < len(s) && (isIdentPart(s[i]) || strings.IndexByte("-./#$+*\\", s[i]) >= 0) {
		if s[i] == '\\' && i+1 < len(s) && s[i+1] != '\n' {
			i++
		}
		i++
	}
	return i
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
