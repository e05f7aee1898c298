package parser

import (
	"slices"
	"strconv"
)

// value reads any JSON value.
func (s *scan) value(depth int) (Value, bool) {
	c := s.peek()
	switch {
	case c == '"':
		t, ok := s.str()
		if !ok {
			return Value{}, false
		}
		return Text(string(t)), true
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == '[':
		return s.array(depth)
	case c == '{':
		return s.object(depth)
	case s.i >= len(s.b):
		return Value{}, s.end()
	case s.lit("true"):
		return Bool(true), true
	case s.lit("false"):
		return Bool(false), true
	case s.lit("null"):
		return Value{}, true
	}
	for _, w := range [...]string{"true", "false", "null"} {
		if rest := string(s.b[s.i:]); len(rest) < len(w) && rest == w[:len(rest)] {
			return Value{}, s.end()
		}
	}
	return Value{}, s.fail("a value is missing or not JSON")
}

func (s *scan) array(depth int) (Value, bool) {
	if depth >= maxDepth {
		return Value{}, s.fail("nested deeper than " + strconv.Itoa(maxDepth))
	}
	s.i++
	if s.peek() == ']' {
		s.i++
		return Array([]Value{}), true
	}
	base := len(s.elems)
	defer func() {
		clear(s.elems[base:])
		s.elems = s.elems[:base]
	}()
	for {
		v, ok := s.value(depth + 1)
		if !ok {
			return Value{}, false
		}
		s.elems = append(s.elems, v)
		if s.peek() == ',' {
			s.i++
			continue
		}
		if !s.byte(']') {
			return Value{}, false
		}
		return Array(slices.Clone(s.elems[base:])), true
	}
}

func (s *scan) object(depth int) (Value, bool) {
	if depth >= maxDepth {
		return Value{}, s.fail("nested deeper than " + strconv.Itoa(maxDepth))
	}
	s.i++
	if s.peek() == '}' {
		s.i++
		return Object([]Field{}), true
	}
	base := len(s.fields)
	defer func() {
		clear(s.fields[base:])
		s.fields = s.fields[:base]
	}()
	for {
		s.ws()
		t, ok := s.str()
		if !ok {
			return Value{}, false
		}
		name := string(t)
		if !s.byte(':') {
			return Value{}, false
		}
		v, ok := s.value(depth + 1)
		if !ok {
			return Value{}, false
		}
		s.fields = append(s.fields, Field{name, v})
		if s.peek() == ',' {
			s.i++
			continue
		}
		if !s.byte('}') {
			return Value{}, false
		}
		return Object(slices.Clone(s.fields[base:])), true
	}
}

// integer reads an integer, as a number or (0.24+, beyond 2^53) as a string.
func (s *scan) integer() (Value, bool) {
	quoted := s.peek() == '"'
	at := s.i
	if quoted {
		s.i++
	}
	if s.i >= len(s.b) {
		return Value{}, s.end()
	}
	v, ok := s.number()
	if !ok {
		return Value{}, false
	}
	if k := v.Kind(); k != KindInt && k != KindUint {
		s.i = at
		return Value{}, s.fail("not a 64-bit integer")
	}
	if quoted && !s.byte('"') {
		return Value{}, false
	}
	return v, true
}

// int64 reads an integer that fits int64.
func (s *scan) int64() (int64, bool) {
	v, ok := s.integer()
	if !ok {
		return 0, false
	}
	i, ok := v.Int64()
	if !ok {
		return 0, s.fail("an integer beyond int64")
	}
	return i, true
}

// counter reads one of the numbers that 0.24 to 0.27 print in hexadecimal
// after a \u escape: the counts of a hist, lost events, the values of a tseries.
// A negative one comes as its 64 bits there; hexed says that it was read so.
func (s *scan) counter() (v Value, hexed, ok bool) {
	if c := s.peek(); c == '-' || c == '"' {
		v, ok = s.integer()
		return v, false, ok
	}
	start := s.i
	letters := false
	for s.i < len(s.b) {
		c := s.b[s.i]
		if c >= 'a' && c <= 'f' {
			letters = true
		} else if c < '0' || c > '9' {
			break
		}
		s.i++
	}
	if s.i >= len(s.b) {
		return Value{}, false, s.end() // a number is whole only once something follows it
	}
	if letters {
		if s.d.family == familyOld {
			s.i = start
			return Value{}, false, s.fail("not a number")
		}
		s.d.hexSure = true
	}
	base, sure := s.d.radix()
	if !sure && s.i-start > 1 { // one digit is the same number either way
		if s.note = noteDecimal; base == 16 {
			s.note = noteHex
		}
	}
	if base == 10 {
		s.i = start
		v, ok = s.integer()
		return v, false, ok
	}
	if n := s.i - start; n == 0 || n > 16 || n > 1 && s.b[start] == '0' {
		s.i = start
		return Value{}, true, s.fail("not a number")
	}
	var u uint64
	for _, c := range s.b[start:s.i] {
		u = u<<4 | uint64(hexDigit(c))
	}
	return Uint(u), true, true
}

const (
	noteDecimal = "some versions print numbers in hexadecimal after a \\u escape: read as decimal, for want of the version"
	noteHex     = "some versions print numbers in hexadecimal after a \\u escape: read so, for want of the version"
	noteSign    = "a tseries value of 2^63 or more in hexadecimal: read as a negative number"
	noteBare    = "bpftrace printed the value without quotes; read by what surrounds it"
	noteOld31   = "bucket labelled -2147483648 to 0 read as 2147483648 and above"
)
