package stacks

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tracecar/parser"
)

// WriteFolded writes one line per stack: labels and frames from the root to
// the innermost, joined by ";", then a space and the value. Lines that are
// alike are added up. With offsets frames stand as bpftrace printed them;
// without, as their symbols.
func (p *Profile) WriteFolded(w io.Writer, offsets bool) error {
	order := make([]string, 0, len(p.Samples))
	values := make(map[string]int64, len(p.Samples))
	for i := range p.Samples {
		path := strings.Join(p.Samples[i].path(offsets), ";")
		if _, ok := values[path]; !ok {
			order = append(order, path)
		}
		values[path] += p.Samples[i].Value
	}
	out := bufio.NewWriter(w)
	for i := len(order) - 1; i >= 0; i-- { // the largest first
		out.WriteString(order[i])
		out.WriteByte(' ')
		out.WriteString(strconv.FormatInt(values[order[i]], 10))
		out.WriteByte('\n')
	}
	return out.Flush()
}

// path is the way from the root to the innermost frame.
func (s *Sample) path(offsets bool) []string {
	path := make([]string, 0, len(s.Labels)+len(s.Frames))
	for _, l := range s.Labels {
		path = append(path, element(l.text()))
	}
	for i := len(s.Frames) - 1; i >= 0; i-- {
		path = append(path, element(s.Frames[i].name(offsets)))
	}
	return path
}

// text is a label's value as one line of text.
func (l *Label) text() string {
	if l.Value.Kind() == parser.KindText {
		return l.Value.Text()
	}
	return strings.Trim(l.Value.String(), `"`)
}

// element is text that can stand between semicolons on one line: it has no
// empty form, no ";" and nothing that drives a terminal.
func element(text string) string {
	if text == "" {
		return "[empty]"
	}
	return strings.ReplaceAll(printable(text), ";", ":")
}

// printable escapes what is not a printable character.
func printable(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError && n == 1 || r < 0x80 && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}
