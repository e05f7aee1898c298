package script

import "strings"

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokVar        // $name
	tokParam      // $1
	tokParamCount // $#
	tokMap        // @name, @
	tokInt        // 12, 0x1f, 1e6, 1_000, 200ms
	tokString     // "…", text includes the quotes
	tokPunct
	tokHash // a # line
	tokBad  // bytes that start no token
)

// token is one token; start and end are where it stands in the source. For a
// token that a #define put there, they are those of the identifier it
// replaces, and text is the macro's.
type token struct {
	kind       tokenKind
	start, end int
	text       string
	expanded   bool
}

// is reports whether the token is the punctuation s.
func (t token) is(s string) bool { return t.kind == tokPunct && t.text == s }

// word reports whether the token is the identifier s.
func (t token) word(s string) bool { return t.kind == tokIdent && t.text == s }

// lexer makes tokens of the part of a script that is bpftrace code; attach
// points and C definitions have their own rules (toplevel.go).
type lexer struct {
	src string
	pos int
	// report is told what is wrong with a token, once each.
	report func(offset int, message string)
}

func isIdentStart(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isIdentPart(c byte) bool { return isIdentStart(c) || isDigit(c) }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// skipSpace passes over white space and comments. Comments do not nest, and
// strings mean nothing in them. Up to 0.24 a line that starts with "#!" is
// one too, wherever it stands; after that only the first line.
func (l *lexer) skipSpace() {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case isSpace(c):
			l.pos++
		case strings.HasPrefix(l.src[l.pos:], "//"):
			l.skipLine()
		case strings.HasPrefix(l.src[l.pos:], "/*"):
			end := strings.Index(l.src[l.pos+2:], "*/")
			if end < 0 {
				l.report(l.pos, "comment has no end")
				l.pos = len(l.src)
				return
			}
			l.pos += 2 + end + 2
		case strings.HasPrefix(l.src[l.pos:], "#!") && (l.pos == 0 || l.src[l.pos-1] == '\n'):
			l.skipLine()
		default:
			return
		}
	}
}

func (l *lexer) skipLine() {
	if n := strings.IndexByte(l.src[l.pos:], '\n'); n >= 0 {
		l.pos += n
	} else {
		l.pos = len(l.src)
	}
}

// threes and twos are the punctuation of more than one character.
var (
	threes = []string{"<<=", ">>=", "..."}
	twos   = []string{"==", "!=", "<=", ">=", "<<", ">>", "&&", "||", "++", "--", "+=", "-=",
		"*=", "/=", "%=", "&=", "|=", "^=", "->", "..", "::", "%:", "=>"}
)

func (l *lexer) next() token {
	l.skipSpace()
	t := token{start: l.pos, end: l.pos}
	if l.pos >= len(l.src) {
		return t
	}
	rest := l.src[l.pos:]
	switch c := rest[0]; {
	case isIdentStart(c):
		t.kind, t.end = tokIdent, l.pos+identLen(rest)
	case isDigit(c):
		t.kind, t.end = tokInt, l.pos+numberLen(rest)
	case c == '"':
		t.kind, t.end = tokString, l.stringEnd()
	case c == '@':
		t.kind, t.end = tokMap, l.pos+1+identLen(rest[1:])
	case c == '$':
		t.kind, t.end = l.dollar(rest)
	case c == '#':
		t.kind, t.end = tokHash, l.lineEnd()
	default:
		t.kind, t.end = l.punct(rest)
	}
	t.text = l.src[t.start:t.end]
	l.pos = t.end
	return t
}

func (l *lexer) lineEnd() int {
	if n := strings.IndexByte(l.src[l.pos:], '\n'); n >= 0 {
		return l.pos + n
	}
	return len(l.src)
}

func identLen(s string) int {
	n := 0
	if n < len(s) && isIdentStart(s[n]) {
		for n < len(s) && isIdentPart(s[n]) {
			n++
		}
	}
	return n
}

// numberLen covers 10, 0x1f, 1e6, 1_000_000, 10ul and durations such as
// 200ms: a digit and all that can belong to the same word.
func numberLen(s string) int {
	n := 0
	for n < len(s) && isIdentPart(s[n]) {
		n++
	}
	return n
}

func (l *lexer) dollar(rest string) (tokenKind, int) {
	if len(rest) > 1 {
		switch c := rest[1]; {
		case c == '#':
			return tokParamCount, l.pos + 2
		case isDigit(c):
			n := 1
			for n < len(rest) && isDigit(rest[n]) {
				n++
			}
			return tokParam, l.pos + n
		case isIdentStart(c):
			return tokVar, l.pos + 1 + identLen(rest[1:])
		}
	}
	return tokBad, l.pos + 1
}

func (l *lexer) punct(rest string) (tokenKind, int) {
	c := rest[0]
	if strings.IndexByte("{}[]();,~", c) >= 0 {
		return tokPunct, l.pos + 1
	}
	if len(rest) > 1 && strings.IndexByte("=<>&|+-.:^%*/!", c) >= 0 {
		for _, p := range threes {
			if strings.HasPrefix(rest, p) {
				return tokPunct, l.pos + 3
			}
		}
		for _, p := range twos {
			if strings.HasPrefix(rest, p) {
				return tokPunct, l.pos + 2
			}
		}
	}
	if strings.IndexByte("<>=+-*/%&|^!?:.", c) >= 0 {
		return tokPunct, l.pos + 1
	}
	// One bad token for a run of bytes that no version knows.
	n := 1
	for n < len(rest) && rest[n] >= 0x80 {
		n++
	}
	return tokBad, l.pos + n
}
