package parser

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of arrays and objects in one value.
const maxDepth = 512

// scan reads JSON, as bpftrace writes it, from one piece of a line. Its
// methods return false with why set; short then says that the piece ended
// where more could have made it right.
type scan struct {
	b     []byte
	i     int
	why   string
	short bool
	name  string // the last map's
	note  string // a doubt about what was read, for Record.Problem

	d *dialect

	// Scratch, kept between lines; what leaves is copied.
	text    []byte
	again   []byte
	elems   []Value
	fields  []Field
	buckets []Bucket
	points  []Point
}

func (s *scan) reset(b []byte) { s.b, s.i, s.why, s.short, s.note = b, 0, "", false, "" }

func (s *scan) fail(why string) bool {
	s.why, s.short = why, s.i >= len(s.b)
	return false
}

// end fails for want of bytes.
func (s *scan) end() bool {
	s.i = len(s.b)
	return s.fail("the line ends in the middle")
}

func (s *scan) ws() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t' || s.b[s.i] == '\r') {
		s.i++
	}
}

// peek returns the next byte that is not blank, 0 at the end.
func (s *scan) peek() byte {
	if s.i < len(s.b) && s.b[s.i] > ' ' {
		return s.b[s.i]
	}
	s.ws()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// byte reads one byte of punctuation and the blanks before it.
func (s *scan) byte(c byte) bool {
	if s.peek() != c || s.i >= len(s.b) {
		if s.i >= len(s.b) {
			return s.end()
		}
		return s.fail("unexpected " + strconv.QuoteRune(rune(s.b[s.i])))
	}
	s.i++
	return true
}

// lit skips want where it comes next, byte for byte.
func (s *scan) lit(want string) bool {
	if len(s.b)-s.i >= len(want) && string(s.b[s.i:s.i+len(want)]) == want {
		s.i += len(want)
		return true
	}
	return false
}

// str reads a string and undoes its escapes. The bytes are good until the
// next call.
func (s *scan) str() ([]byte, bool) {
	if s.i >= len(s.b) {
		return nil, s.end()
	}
	if s.b[s.i] != '"' {
		return nil, s.fail("a string is missing")
	}
	s.i++
	for i, c := range s.b[s.i:min(s.i+24, len(s.b))] { // most keys are short
		if c == '"' {
			t := s.b[s.i : s.i+i]
			s.i += i + 1
			return t, true
		}
		if c == '\\' {
			break
		}
	}
	quote := bytes.IndexByte(s.b[s.i:], '"')
	if quote < 0 {
		return nil, s.end()
	}
	quote += s.i
	slash := bytes.IndexByte(s.b[s.i:quote], '\\')
	if slash < 0 {
		t := s.b[s.i:quote]
		s.i = quote + 1
		return t, true
	}
	return s.strEscaped(quote, slash)
}

// plainEscape has what each escape of two characters means, 0 for those that
// have more or are none.
var plainEscape = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f',
}

// strEscaped reads the rest of a string whose first escape is slash bytes on,
// and whose first quote mark stands at quote.
func (s *scan) strEscaped(quote, slash int) ([]byte, bool) {
	b, i := s.b, s.i
	text := s.text[:0]
	for {
		text = append(text, b[i:i+slash]...)
		i += slash
		var c byte
		if i+1 < len(b) {
			c = plainEscape[b[i+1]]
		}
		if c != 0 {
			text = append(text, c)
			i += 2
		} else {
			n, uni := unescape(&text, b[i:])
			s.text = text
			if n == 0 {
				return nil, s.end()
			}
			if s.i = i; n < 0 {
				return nil, s.fail("a bad escape in a string")
			}
			if uni {
				s.d.escaped = true
			}
			i += n
		}
		if i > quote {
			if quote = bytes.IndexByte(b[i:], '"'); quote < 0 {
				s.text = text
				return nil, s.end()
			}
			quote += i
		}
		slash = 0
		for slash < 8 && i+slash < quote && b[i+slash] != '\\' { // escapes often follow one another
			slash++
		}
		if slash == 8 {
			slash = bytes.IndexByte(b[i:quote], '\\')
		}
		if slash < 0 || i+slash == quote {
			text = append(text, b[i:quote]...)
			s.text, s.i = text, quote+1
			return text, true
		}
	}
}

// unescape appends what the escape at the start of b means and returns its
// length: 0 where b ends within it, -1 where it is none. uni says it was a \u.
// bpftrace writes each byte above 0x7f as \uffffffXX: a signed char as an int.
func unescape(dst *[]byte, b []byte) (n int, uni bool) {
	if len(b) < 2 {
		return 0, false
	}
	if b[1] == 'u' {
		return unescapeU(dst, b), true
	}
	if c := plainEscape[b[1]]; c != 0 {
		*dst = append(*dst, c)
		return 2, false
	}
	return -1, false
}

func unescapeU(dst *[]byte, b []byte) int {
	r := hex4(b[2:])
	if r < 0 {
		return short(b[2:], 4)
	}
	if r == 0xffff {
		switch v := hexByte(b[6:]); {
		case v >= 0:
			*dst = append(*dst, byte(v))
			return 10
		case len(b) < 10 && short(b[6:], 4) == 0 && bytes.HasPrefix([]byte("ff"), b[6:min(8, len(b))]):
			return 0
		}
	}
	if utf16.IsSurrogate(r) {
		if len(b) < 12 && (len(b) < 7 || b[6] == '\\') && (len(b) < 8 || b[7] == 'u') && r < 0xdc00 {
			return 0
		}
		if r < 0xdc00 && b[6] == '\\' && b[7] == 'u' {
			if pair := utf16.DecodeRune(r, hex4(b[8:])); pair != utf8.RuneError {
				*dst = utf8.AppendRune(*dst, pair)
				return 12
			}
		}
		r = utf8.RuneError
	}
	*dst = utf8.AppendRune(*dst, r)
	return 6
}

// short tells an escape that b ends in (0) from a wrong one (-1).
func short(b []byte, want int) int {
	for _, c := range b[:min(len(b), want)] {
		if hexDigit(c) < 0 {
			return -1
		}
	}
	if len(b) < want {
		return 0
	}
	return -1
}

func hexDigit(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		v := hexDigit(c)
		if v < 0 {
			return -1
		}
		r = r<<4 | v
	}
	return r
}

// hexByte reads the ffXX after \uffff, XX from 80 up; -1 for all else.
func hexByte(b []byte) rune {
	if len(b) < 4 || b[0] != 'f' || b[1] != 'f' {
		return -1
	}
	hi, lo := hexDigit(b[2]), hexDigit(b[3])
	if hi < 8 || lo < 0 {
		return -1
	}
	return hi<<4 | lo
}

// number reads an integer or float as JSON has it. An integer beyond 64 bits
// becomes its digits, as text.
func (s *scan) number() (Value, bool) {
	start := s.i
	neg := s.b[s.i] == '-'
	if neg {
		s.i++
	}
	first := s.i
	var u uint64
	over := false
	for i, c := range s.b[first:] {
		if c -= '0'; c > 9 {
			break
		}
		if i >= 19 && u > (math.MaxUint64-uint64(c))/10 {
			over = true
		}
		u = u*10 + uint64(c)
		s.i++
	}
	switch digits := s.i - first; {
	case digits == 0 && s.i >= len(s.b):
		return Value{}, s.end()
	case digits == 0 || digits > 1 && s.b[first] == '0':
		s.i = start
		return Value{}, s.fail("not a number")
	}
	if s.i < len(s.b) && (s.b[s.i] == '.' || s.b[s.i]|0x20 == 'e') {
		return s.float(start)
	}
	switch {
	case over || neg && u > 1<<63:
		return Text(string(s.b[start:s.i])), true
	case neg:
		return Int(-int64(u)), true
	default:
		return Uint(u), true
	}
}

func (s *scan) float(start int) (Value, bool) {
	for s.i < len(s.b) && bytes.IndexByte([]byte("0123456789.eE+-"), s.b[s.i]) >= 0 {
		s.i++
	}
	text := s.b[start:s.i]
	if last := text[len(text)-1]; last < '0' || last > '9' {
		if s.i >= len(s.b) {
			return Value{}, s.end()
		}
		s.i = start
		return Value{}, s.fail("not a number")
	}
	if dot := bytes.IndexByte(text, '.'); dot >= 0 && (text[dot+1] < '0' || text[dot+1] > '9') {
		s.i = start
		return Value{}, s.fail("not a number")
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		if math.IsInf(f, 0) { // beyond float64: the digits are exact
			return Text(string(text)), true
		}
		s.i = start
		return Value{}, s.fail("not a number")
	}
	return Float(f), true
}
