package script

import "strings"

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
