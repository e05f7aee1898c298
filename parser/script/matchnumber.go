package script

import (
	"strconv"
	"strings"
)

// number reports whether a conversion prints a number: %d and its like, and
// %s of an integer (0.24+).
func (p *formatPiece) number(t Type) bool {
	switch p.verb[len(p.verb)-1] {
	case 'd', 'i', 'u', 'X', 'o', 'p':
		return true
	case 'x':
		return p.verb != "rx"
	case 's':
		return t.Kind == TypeInt
	}
	return false
}

// bits is how much of a number the conversion prints.
func (p *formatPiece) bits() int {
	switch {
	case strings.HasPrefix(p.verb, "hh"):
		return 8
	case strings.HasPrefix(p.verb, "h"):
		return 16
	case strings.ContainsAny(p.verb, "ljztps"):
		return 64
	}
	return 32
}

// printed is a number as printed.
type printed struct {
	text     string // without padding
	value    int64
	isInt    bool
	unsigned bool
	inexact  bool
}

// tryNumber tries the ends that a number may have at offset at.
func (m *matcher) tryNumber(i int, p *formatPiece, at int, t Type, next func(int)) {
	// Padding, sign, prefix and digits: nothing else can be part of it.
	limit := min(len(m.text), at+max(p.width, p.precision, 0)+26)
	end := at
	for end < limit && m.text[end] == ' ' {
		end++
	}
	if strings.HasPrefix(m.text[end:], "(nil)") {
		end += 5
	} else {
		for end < limit && (isIdentPart(m.text[end]) || m.text[end] == '-' || m.text[end] == '+') {
			end++
		}
	}
	for end < limit && m.text[end] == ' ' && end-at < p.width {
		end++
	}
	after, last := m.after(i), i+1 == len(m.pieces)
	for ; end > at && end-at >= p.width; end-- {
		if !strings.HasPrefix(m.text[end:], after) || last && end < len(m.text) {
			continue // what follows could not match
		}
		if m.steps++; m.steps > maxMatchSteps {
			m.ways = 2
			return
		}
		if _, ok := p.parse(m.text[at:end], t); ok {
			next(end)
		}
	}
}

// parse reads the whole of text as what the conversion prints, padding
// included. There is one way to print a number, so a text that is not written
// that way did not come from it.
func (p *formatPiece) parse(text string, t Type) (printed, bool) {
	var n printed
	s := text
	if len(text) == p.width { // only then can there be padding
		if p.left {
			s = strings.TrimRight(text, " ")
		} else {
			s = strings.TrimLeft(text, " ")
		}
	}
	if p.space && !strings.HasPrefix(s, "-") {
		s = strings.TrimPrefix(s, " ")
	}
	n.text = s
	base := 10
	verb := p.verb[len(p.verb)-1]
	digits := s
	negative := strings.HasPrefix(s, "-")
	switch verb {
	case 'p':
		if s == "(nil)" || s == "0" {
			n.isInt, n.unsigned = true, true
			return n, true
		}
		if !strings.HasPrefix(s, "0x") {
			return n, false
		}
		base, digits = 16, s[2:]
	case 'x', 'X':
		base = 16
		if p.alt && len(s) > 2 && strings.EqualFold(s[:2], "0x") {
			digits = s[2:]
		}
	case 'o':
		base = 8
		if p.alt && len(s) > 1 {
			digits = strings.TrimPrefix(s, "0")
		}
	case 'u':
	default:
		digits = strings.TrimPrefix(s, "-")
		if p.plus && !negative {
			digits = strings.TrimPrefix(s, "+")
		}
	}
	unsigned := base != 10 || verb == 'u' || verb == 's' && !t.Signed && t.Bits > 0
	if digits == "" || unsigned && negative || digits[0] == '+' || digits[0] == '-' || strings.Contains(digits, "_") {
		return n, false
	}
	if digits[0] == '0' && len(digits) > 1 && !p.zeros(s) {
		return n, false
	}
	if base == 16 && (digits != strings.ToLower(digits) && verb != 'X' || digits != strings.ToUpper(digits) && verb == 'X') {
		return n, false
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return n, false
	}
	bits := p.bits()
	switch {
	case unsigned && bits < 64 && v >= 1<<bits,
		!unsigned && !negative && v > 1<<(bits-1)-1,
		!unsigned && negative && (v > 1<<(bits-1) || v == 0):
		return n, false
	}
	n.isInt, n.value, n.unsigned = true, int64(v), unsigned
	if negative {
		n.value = -int64(v)
	}
	n.inexact = bits < 64 && (t.Kind != TypeBool && (t.Bits == 0 || t.Bits > bits))
	if p.left && p.zero { // 0.27 pads 3 to 30000
		n.isInt, n.inexact = false, true
	}
	return n, true
}

// zeros reports whether leading zeros can be padding.
func (p *formatPiece) zeros(s string) bool {
	return p.zero && !p.left && len(s) == p.width || p.precision > 0 && len(strings.TrimLeft(s, "+- ")) == p.precision
}
