package policy

import (
	"strings"

	"tracecar/parser/script"
)

type kind uint8

const (
	kindIdent  kind = iota
	kindVar         // $x
	kindParam       // $1, $#
	kindMap         // @x
	kindNumber      // 12, 0x1f, 200ms
	kindString      // with its quotes
	kindPunct       // one sign; "->", "::" and ".." are one
	kindHash        // #
	kindPoint       // one attach point, as a whole
	kindOther       // all else
)

type token struct {
	kind  kind
	text  string
	start int
	depth int // of the brackets around it
	// code is set inside braces and predicates.
	code bool
	// match is the index of the other bracket, for brackets; -1 if there is none.
	match int
	// within is the index of the innermost bracket that is open, -1 if none is.
	within int
}

func (t token) is(s string) bool { return t.kind == kindPunct && t.text == s }

// tokenise reads a script's tokens without the parser's grammar: it takes
// from it only where attach points are, as these have no tokens. torn is
// where a string or comment begins that has no end, -1 if there is none.
func tokenise(s *script.Script) (list []token, torn int) {
	src := s.Source
	var spans []script.Span
	for _, p := range s.Probes {
		for _, ap := range p.AttachPoints {
			spans = append(spans, ap.Span)
		}
	}
	var open []int
	for i := 0; i < len(src); {
		for len(spans) > 0 && spans[0].Start.Offset < i {
			spans = spans[1:]
		}
		var t token
		if i == 0 && strings.HasPrefix(src, "#!") {
			i = len(firstLine(src))
			continue
		}
		if len(spans) > 0 && spans[0].Start.Offset == i && spans[0].End.Offset > i {
			t = token{kind: kindPoint, text: src[i:spans[0].End.Offset]}
		} else if n := blank(src[i:]); n != 0 {
			if n < 0 {
				return list, i
			}
			i += n
			continue
		} else if t = scan(src[i:]); t.kind == kindString && (len(t.text) < 2 || t.text[len(t.text)-1] != '"') {
			return list, i
		}
		t.start, t.match, t.depth, t.within = i, -1, len(open), -1
		if n := len(open); n > 0 {
			t.within = open[n-1]
		}
		i += len(t.text)
		list = append(list, t)
		open = bracket(list, open)
	}
	markCode(list)
	return list, -1
}

// bracket pairs the last token of list with the bracket that it closes.
func bracket(list []token, open []int) []int {
	t := &list[len(list)-1]
	switch {
	case t.is("("), t.is("["), t.is("{"):
		return append(open, len(list)-1)
	case t.is(")"), t.is("]"), t.is("}"):
		if n := len(open); n > 0 && pairs[list[open[n-1]].text] == t.text {
			t.match, list[open[n-1]].match = open[n-1], len(list)-1
			t.depth--
			return open[:n-1]
		}
	}
	return open
}

var pairs = map[string]string{"(": ")", "[": "]", "{": "}"}

// markCode marks what stands in braces, and what stands between the end of a
// probe's attach points and its brace.
func markCode(list []token) {
	predicate := false
	for i := range list {
		t := &list[i]
		switch {
		case t.depth > 0:
			t.code = true
		case t.kind == kindPoint:
			predicate = true
		case t.is("{"), t.is("}"):
			predicate = false
		default:
			t.code = predicate
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// blank is the length of the white space or comment at the start of s, 0 if
// there is none, -1 for a comment without an end.
func blank(s string) int {
	switch {
	case s[0] == ' ', s[0] == '\t', s[0] == '\n', s[0] == '\r':
		return 1
	case strings.HasPrefix(s, "//"):
		if n := strings.IndexByte(s, '\n'); n >= 0 {
			return n
		}
		return len(s)
	case strings.HasPrefix(s, "/*"):
		n := strings.Index(s[2:], "*/")
		if n < 0 {
			return -1
		}
		return n + 4
	}
	return 0
}

// scan reads the token at the start of s. A string goes to its quote, or to
// the end of its line if there is none.
func scan(s string) token {
	switch c := s[0]; {
	case letter(c):
		return token{kind: kindIdent, text: s[:word(s, 0)]}
	case digit(c):
		return token{kind: kindNumber, text: s[:word(s, 0)]}
	case c == '@':
		return token{kind: kindMap, text: s[:word(s, 1)]}
	case c == '$' && len(s) > 1 && letter(s[1]):
		return token{kind: kindVar, text: s[:word(s, 1)]}
	case c == '$' && len(s) > 1 && s[1] == '#':
		return token{kind: kindParam, text: s[:2]}
	case c == '$' && len(s) > 1 && digit(s[1]):
		n := 2
		for n < len(s) && digit(s[n]) {
			n++
		}
		return token{kind: kindParam, text: s[:n]}
	case c == '"':
		for i := 1; i < len(s) && s[i] != '\n'; i++ {
			if s[i] == '"' {
				return token{kind: kindString, text: s[:i+1]}
			}
			if s[i] == '\\' && i+1 < len(s) && s[i+1] != '\n' {
				i++
			}
		}
		return token{kind: kindString, text: s[:1]}
	case c == '#':
		return token{kind: kindHash, text: s[:1]}
	case strings.HasPrefix(s, "->"), strings.HasPrefix(s, "::"), strings.HasPrefix(s, ".."):
		return token{kind: kindPunct, text: s[:2]}
	case strings.IndexByte("{}[]();,~=<>+-*/%&|^!?:.", c) >= 0:
		return token{kind: kindPunct, text: s[:1]}
	}
	return token{kind: kindOther, text: s[:1]}
}

func letter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func digit(c byte) bool { return '0' <= c && c <= '9' }

// word is the end of the letters and digits in s from n on.
func word(s string, n int) int {
	for n < len(s) && (letter(s[n]) || digit(s[n])) {
		n++
	}
	return n
}
