package script

import "strings"

// stringEnd finds the end of the string that starts at pos. A string ends at
// its line: bpftrace refuses one that does not, and reads on after the line.
func (l *lexer) stringEnd() int {
	for i := l.pos + 1; i < len(l.src); i++ {
		switch l.src[i] {
		case '"':
			return i + 1
		case '\n':
			l.report(l.pos, "string has no end")
			return i
		case '\\':
			i++
			if i < len(l.src) && l.src[i] == '\n' {
				l.report(l.pos, "string has no end")
				return i
			}
		}
	}
	l.report(l.pos, "string has no end")
	return len(l.src)
}

// unquote decodes a string token. ok is false for an escape that bpftrace
// does not know; it stays as written.
func unquote(text string) (s string, ok bool) {
	text = strings.TrimPrefix(text, `"`)
	if n := len(text); n > 0 && text[n-1] == '"' {
		text = text[:n-1]
	}
	if strings.IndexByte(text, '\\') < 0 {
		return text, true
	}
	ok = true
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; {
		case c == 'n':
			b.WriteByte('\n')
		case c == 't':
			b.WriteByte('\t')
		case c == 'r':
			b.WriteByte('\r')
		case c == '"', c == '\\':
			b.WriteByte(c)
		case '0' <= c && c <= '7': // up to three octal digits
			v, n := 0, 0
			for n < 3 && i+n < len(text) && '0' <= text[i+n] && text[i+n] <= '7' {
				v = v<<3 | int(text[i+n]-'0')
				n++
			}
			b.WriteByte(byte(v))
			i += n - 1
		case c == 'x': // one or two hexadecimal digits
			v, n := 0, 0
			for n < 2 && i+1+n < len(text) && hexDigit(text[i+1+n]) >= 0 {
				v = v<<4 | hexDigit(text[i+1+n])
				n++
			}
			if n == 0 {
				b.WriteString(`\x`)
				ok = false
				break
			}
			b.WriteByte(byte(v))
			i += n
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
			ok = false
		}
	}
	return b.String(), ok
}

func hexDigit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
