package script

// formatPiece is one conversion of a printf format, or the text between two.
type formatPiece struct {
	text string // as written
	verb string // "" for literal text
	// flags and width of a conversion
	left, zero, plus, space, alt bool
	width, precision             int // precision -1: none
}

// splitFormat cuts a decoded format into literal text and conversions. "%%"
// is literal text, "%".
func splitFormat(format string) []formatPiece {
	var list []formatPiece
	lit := []byte{}
	flush := func() {
		if len(lit) > 0 {
			list = append(list, formatPiece{text: string(lit)})
			lit = lit[:0]
		}
	}
	for i := 0; i < len(format); {
		if format[i] != '%' {
			lit = append(lit, format[i])
			i++
			continue
		}
		if i+1 < len(format) && format[i+1] == '%' {
			lit = append(lit, '%')
			i += 2
			continue
		}
		c, n := conversion(format[i:])
		if n == 0 {
			lit = append(lit, '%')
			i++
			continue
		}
		flush()
		list = append(list, c)
		i += n
	}
	flush()
	return list
}

// conversion reads one conversion at the start of s; n is 0 if there is none.
func conversion(s string) (c formatPiece, n int) {
	c.precision = -1
	i := 1
flags:
	for ; i < len(s); i++ {
		switch s[i] {
		case '-':
			c.left = true
		case '0':
			c.zero = true
		case '+':
			c.plus = true
		case ' ':
			c.space = true
		case '#':
			c.alt = true
		default:
			break flags
		}
	}
	for ; i < len(s) && isDigit(s[i]); i++ {
		c.width = min(c.width*10+int(s[i]-'0'), 1<<16)
	}
	if i < len(s) && s[i] == '.' {
		c.precision = 0
		for i++; i < len(s) && isDigit(s[i]); i++ {
			c.precision = min(c.precision*10+int(s[i]-'0'), 1<<16)
		}
	}
	from := i
	for i < len(s) && i-from < 2 && (s[i] == 'l' || s[i] == 'h') || i < len(s) && i == from && (s[i] == 'z' || s[i] == 'j' || s[i] == 't') {
		i++
	}
	if i == len(s) {
		return c, 0
	}
	switch s[i] {
	case 'd', 'i', 'u', 'x', 'X', 'o', 'p', 's', 'c':
		i++
	case 'r':
		i++
		if i < len(s) && (s[i] == 'x' || s[i] == 'h') {
			i++
		}
	default:
		return c, 0
	}
	c.text, c.verb = s[:i], s[from:i]
	return c, i
}
