package script

import (
	"strconv"
	"strings"
)

// Argument is one argument of a printf, recovered from what it printed.
type Argument struct {
	Name string // of the Conversion: unique within one output
	Text string // what was printed for it, without padding
	Type Type
	// IsInt says that Int holds the number printed; where Unsigned is set
	// too, Int holds the bits of a uint64.
	IsInt, Unsigned bool
	Int             int64
	// Inexact says that what was printed does not tell the argument for
	// sure: the padding of %-16s hides spaces at a string's end, %.3s may
	// have cut it, %d prints only the low 32 bits of an argument that may
	// have more.
	Inexact bool
}

const (
	// maxMatchSteps bounds the work of one Match; past it the text counts as ambiguous.
	maxMatchSteps = 20000
	maxPieces     = 256
)

// Match recovers the arguments of a printf from the text it printed. It is
// false where the text cannot come from this format, and where it can in more
// than one way: "%s %s" printing "a b c". Work and memory are bounded.
func (o *Output) Match(text string) ([]Argument, bool) {
	args, ways := o.match(text)
	return args, ways == 1
}

// MatchOutputs finds the one printf among outs that can have printed text,
// and its arguments. It is false where none can, where several can that would
// give different fields, and where a printf's format is not known.
func MatchOutputs(outs []Output, text string) (*Output, []Argument, bool) {
	return MatchOutputsOf("printf", outs, text)
}

// MatchOutputsOf is MatchOutputs for another function: "errorf", "warnf".
func MatchOutputsOf(name string, outs []Output, text string) (*Output, []Argument, bool) {
	var found *Output
	var args []Argument
	for i := range outs {
		o := &outs[i]
		if o.Name != name {
			continue
		}
		if !o.HasFormat {
			return nil, nil, false
		}
		a, ways := o.match(text)
		if ways == 0 {
			continue
		}
		if ways > 1 || found != nil && !sameArguments(a, args) {
			return nil, nil, false
		}
		if found == nil {
			found, args = o, a
		}
	}
	return found, args, found != nil
}

func sameArguments(a, b []Argument) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Text != b[i].Text || a[i].IsInt != b[i].IsInt ||
			a[i].Int != b[i].Int || a[i].Inexact != b[i].Inexact || !same(a[i].Type, b[i].Type) {
			return false
		}
	}
	return true
}

// matcher tries the pieces of a format one after the other.
type matcher struct {
	text   string
	pieces []formatPiece
	fields []Conversion
	ends   []int // where each piece ended in the attempt under way
	found  []int // the ends of the first success
	ways   int   // 0, 1, 2 for more, or for too much work
	steps  int
}

// match gives the arguments and the number of ways to read text: 0, 1, 2 for more.
func (o *Output) match(text string) ([]Argument, int) {
	if !o.HasFormat {
		return nil, 2
	}
	pieces := o.pieces
	if pieces == nil {
		pieces = splitFormat(o.Format)
	}
	if len(pieces) > maxPieces {
		return nil, 2
	}
	m := &matcher{text: text, pieces: pieces, fields: o.Fields, ends: make([]int, len(pieces))}
	m.try(0, 0, 0)
	if m.ways != 1 {
		return nil, m.ways
	}
	return m.arguments(), 1
}

// try matches piece i and all after it at offset at; field is the number of
// the next conversion.
func (m *matcher) try(i, field, at int) {
	if m.ways > 1 {
		return
	}
	if m.steps++; m.steps > maxMatchSteps {
		m.ways = 2
		return
	}
	if i == len(m.pieces) {
		if at == len(m.text) {
			if m.ways++; m.ways == 1 {
				m.found = append([]int(nil), m.ends...)
			}
		}
		return
	}
	p := &m.pieces[i]
	next := func(end int) { m.ends[i] = end; m.try(i+1, field+1, end) }
	switch {
	case p.verb == "":
		if strings.HasPrefix(m.text[at:], p.text) {
			m.ends[i] = at + len(p.text)
			m.try(i+1, field, m.ends[i])
		}
	case p.number(m.typeAt(field)):
		m.tryNumber(i, p, at, m.typeAt(field), next)
	default:
		m.tryText(i, p, at, m.fieldAt(field), next)
	}
}

// after is the literal text that must follow piece i, "" for none.
func (m *matcher) after(i int) string {
	if i+1 < len(m.pieces) && m.pieces[i+1].verb == "" {
		return m.pieces[i+1].text
	}
	return ""
}

func (m *matcher) fieldAt(field int) Conversion {
	if field < len(m.fields) {
		return m.fields[field]
	}
	return Conversion{}
}

func (m *matcher) typeAt(field int) Type { return m.fieldAt(field).Type }

// tryText tries the ends that a string may have at offset at.
func (m *matcher) tryText(i int, p *formatPiece, at int, field Conversion, next func(int)) {
	low, high := at, len(m.text)
	switch {
	case p.verb == "c":
		high = min(high, at+max(1, p.width)) // up to 0.23 a NUL prints nothing
	case field.Expr == "comm":
		high = min(high, at+max(field.Type.Size-1, p.width))
	}
	low = at + p.width
	if field.literal != nil && p.verb == "s" && p.precision < 0 {
		low = at + max(p.width, len(*field.literal))
		high = min(high, low)
	}
	if i+1 == len(m.pieces) {
		low = max(low, len(m.text)) // the last piece takes the rest
	}
	after := m.after(i)
	for end := low; end <= high && m.ways < 2; end++ {
		if after != "" {
			n := strings.Index(m.text[end:], after)
			if n < 0 {
				return
			}
			if end += n; end > high {
				return
			}
		}
		if m.steps++; m.steps > maxMatchSteps {
			m.ways = 2
			return
		}
		if _, _, ok := p.content(m.text[at:end], field); ok {
			next(end)
		}
	}
}

// content takes the padding off a string conversion's text. exact is false
// where padding or precision may hide something.
func (p *formatPiece) content(text string, field Conversion) (s string, exact, ok bool) {
	s, exact = text, true
	if p.width > 0 && len(text) == p.width {
		if p.left {
			s = strings.TrimRight(text, " ")
		} else {
			s = strings.TrimLeft(text, " ")
		}
		if p.zero {
			exact = !strings.HasPrefix(text, "0") && !strings.HasSuffix(text, "0")
		}
		exact = exact && s == text
	}
	if p.precision >= 0 {
		exact = exact && len(s) < p.precision
	}
	if lit := field.literal; lit != nil && p.verb == "s" && p.precision < 0 {
		if strings.TrimSpace(s) == strings.TrimSpace(*lit) {
			return *lit, true, true
		}
		return s, exact, false
	}
	switch p.verb {
	case "c":
		ok = len(s) <= 1 || s == ""
		if p.width > 0 && s == "" {
			exact = false // a space, or a NUL
		}
		return s, exact, ok
	case "rx":
		return s, exact, hexBytes(s, `\x`, "")
	case "rh":
		return s, exact, hexBytes(s, "", " ")
	}
	return s, exact, true
}

// hexBytes reports whether s is bytes in hexadecimal, with prefix before each
// and sep between two.
func hexBytes(s, prefix, sep string) bool {
	for first := true; s != ""; first = false {
		if !first {
			if !strings.HasPrefix(s, sep) {
				return false
			}
			s = s[len(sep):]
		}
		s2 := strings.TrimPrefix(s, prefix)
		if prefix != "" && s2 == s || len(s2) < 2 || hexDigit(s2[0]) < 0 || hexDigit(s2[1]) < 0 {
			return false
		}
		s = s2[2:]
	}
	return true
}

// arguments makes the result from the ends found.
func (m *matcher) arguments() []Argument {
	args := make([]Argument, 0, len(m.fields))
	at, n := 0, 0
	for i := range m.pieces {
		p := &m.pieces[i]
		text := m.text[at:m.found[i]]
		at = m.found[i]
		if p.verb == "" {
			continue
		}
		f := m.fieldAt(n)
		a := Argument{Name: f.Name, Type: f.Type}
		if a.Name == "" {
			a.Name = "arg" + strconv.Itoa(n)
		}
		n++
		if p.number(f.Type) {
			num, _ := p.parse(text, f.Type)
			a.Text, a.IsInt, a.Int, a.Unsigned, a.Inexact = num.text, num.isInt, num.value, num.unsigned, num.inexact
		} else {
			s, exact, _ := p.content(text, f)
			a.Text, a.Inexact = s, !exact
		}
		args = append(args, a)
	}
	return args
}
