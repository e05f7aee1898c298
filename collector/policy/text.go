package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"tracecar/parser/script"
)

const (
	maxArgs     = 64
	maxArgBytes = 4096
	maxPoint    = 512 // bytes of one attach point
)

// args checks the positional parameters. bpftrace puts them in as numbers and
// strings, never as code; attach points are substituted before they are
// checked (points).
func (c *checker) args() {
	nowhere := script.Pos{}
	if len(c.req.Args) > maxArgs {
		c.deny(nowhere, RuleArgs, fmt.Sprintf("%d parameters", len(c.req.Args)), strconv.Itoa(maxArgs))
	}
	for i, a := range c.req.Args {
		switch bad := badRune(a); {
		case len(a) > maxArgBytes:
			c.deny(nowhere, RuleArgs, fmt.Sprintf("parameter $%d has %d bytes", i+1, len(a)), fmt.Sprintf("%d bytes", maxArgBytes))
		case bad >= 0:
			c.deny(nowhere, RuleArgs, fmt.Sprintf("parameter $%d has a control character or bytes that are no UTF-8", i+1), "UTF-8 text")
		}
	}
}

// badRune is the offset of the first character that a text may not have
// anywhere, -1 if there is none: bytes that are no UTF-8, control characters
// but tab and line ends, and what is not to be seen, or turns the direction of
// writing, so that people read another script than bpftrace.
func badRune(s string) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1,
			r < ' ' && r != '\t' && r != '\n' && r != '\r',
			r == '\r' && !strings.HasPrefix(s[i+1:], "\n"),
			0x7f <= r && r < 0xa0,
			r == 0xad, r == 0x61c, 0x200b <= r && r <= 0x200f, 0x2028 <= r && r <= 0x202e, 0x2060 <= r && r <= 0x206f,
			r == 0xfeff, 0xe0000 <= r && r <= 0xe007f:
			return i
		}
		i += n
	}
	return -1
}

// bytes checks what needs no reading.
func (c *checker) bytes() {
	src := c.s.Source
	if i := badRune(src); i >= 0 {
		r, _ := utf8.DecodeRuneInString(src[i:])
		c.denyAt(i, RuleText, fmt.Sprintf("%U, or a byte that is no UTF-8", r), "UTF-8 text without control and invisible characters")
	}
	for _, cut := range []string{"\\\n", "\\\r\n", "??/\n", "??/\r\n"} {
		if i := strings.Index(src, cut); i >= 0 {
			c.denyAt(i, RuleText, "a line that goes on in the next", "")
		}
	}
}

// tokenText checks what stands outside of strings and comments.
func (c *checker) tokenText() {
	if c.torn >= 0 {
		c.denyAt(c.torn, RuleText, "a string or comment has no end", "")
	}
	directives := map[int]bool{}
	for _, list := range [][]script.Directive{c.s.Includes, c.s.Directives} {
		for _, d := range list {
			directives[d.Start.Offset] = true
		}
	}
	for i, t := range c.tokens {
		next := token{}
		if i+1 < len(c.tokens) && c.tokens[i+1].start == t.start+len(t.text) {
			next = c.tokens[i+1]
		}
		switch {
		case t.kind == kindHash && !directives[t.start]:
			c.denyAt(t.start, RuleText, "# outside of strings and comments", "")
		case t.kind == kindHash && strings.TrimLeft(c.s.Source[strings.LastIndexByte(c.s.Source[:t.start], '\n')+1:t.start], " \t") != "":
			c.denyAt(t.start, RuleText, "a preprocessor line that does not begin its line", "")
		case t.kind == kindOther && (utf8.RuneStart(t.text[0]) || i == 0):
			r, _ := utf8.DecodeRuneInString(c.s.Source[t.start:])
			c.denyAt(t.start, RuleText, fmt.Sprintf("%q outside of strings and comments", r), "ASCII")
		case t.is("%") && next.is(":"), t.is("<") && (next.is("%") || next.is(":") || next.is("::")), t.is("?") && next.is("?"):
			c.denyAt(t.start, RuleText, "a digraph or trigraph", "")
		case t.kind == kindPoint && !plainPoint(t.text):
			c.denyAt(t.start, RuleText, "unusual characters in an attach point, or too many", "ASCII without #, \\ and comments")
		}
	}
}

// plainPoint reports whether an attach point is read alike by everybody.
func plainPoint(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f || s[i] == '#' || s[i] == '\\' {
			return false
		}
	}
	return len(s) <= maxPoint && !strings.Contains(s, "//") && !strings.Contains(s, "/*")
}

// unclear refuses what the parser could not tell.
func (c *checker) unclear() {
	for _, u := range c.s.Unclear {
		c.deny(u.Pos, RuleUnclear, u.Message, "")
	}
}
