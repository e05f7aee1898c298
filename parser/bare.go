package parser

import "bytes"

// Before 0.24 some values are printed without quotes: strftime (0.17),
// strerror and cgroup_path (to 0.19), macaddr (to 0.23). What surrounds a value
// in its message is fixed, so the text between is the value; where the text
// holds what could be read otherwise, the record says so.

// bare takes the text from an index to what ends the line. shape says that
// the end is not on this line, bad that it cannot be such a text.
func (s *scan) bare(from int, end string) (Value, verdict) {
	b := s.b
	if from >= len(b) || b[from] == '"' || b[from] == '{' {
		return Value{}, bad
	}
	if !bytes.HasSuffix(b, []byte(end)) || len(b)-len(end) <= from {
		if b[from] == '[' {
			return Value{}, bad
		}
		return Value{}, shape
	}
	return s.bareText(b[from : len(b)-len(end)])
}

func (s *scan) bareText(text []byte) (Value, verdict) {
	if len(text) == 0 || text[0] == '"' || text[0] == '{' ||
		bytes.Contains(text, []byte("}}")) || bytes.Contains(text, []byte(head)) {
		return Value{}, bad
	}
	if s.d.known && s.d.minor >= 23 && text[0] != '[' && !isMAC(text) {
		return Value{}, bad
	}
	s.note = ""
	if text[0] == '[' || bytes.IndexByte(text, '"') >= 0 {
		s.note = noteBare
	}
	return Text(string(text)), good
}

// isMAC reports whether text is what macaddr() gives: all that 0.23 still
// prints without quotes.
func isMAC(text []byte) bool {
	if len(text) != len("00:00:00:00:00:00") {
		return false
	}
	for i, c := range text {
		if i%3 == 2 && c != ':' || i%3 != 2 && hexDigit(c) < 0 {
			return false
		}
	}
	return true
}

// bareValue reads the message again as one whose value has no quotes.
func (r *Reader) bareValue(rec *Record, m *members) verdict {
	s := &r.scan
	v, verdict := s.bare(m.from, "}")
	switch verdict {
	case good:
		rec.Value = v
		if s.note != "" {
			rec.Problem = &Problem{Message: s.note}
		}
		return good
	case shape:
		r.openAt, r.openEnd = m.from, "}"
	}
	return shape
}

// bareRow reads the value of a row as text without quotes: up to what begins
// the next row, or ends the line.
func (r *Reader) bareRow(from int, whole bool) rowStep {
	s := &r.scan
	rest := s.b[from:]
	last := -1
	if whole && bytes.HasSuffix(rest, []byte("}}}")) {
		last = len(rest) - len("}}}")
	}
	next := bytes.Index(rest, []byte(`, "`))
	step, n := rowMore, next
	switch {
	case next < 0 && last < 0:
		if !whole {
			s.end()
		}
		return rowFail
	case next < 0:
		step, n = rowLast, last
	}
	v, verdict := s.bareText(rest[:n])
	if verdict != good {
		return rowFail
	}
	s.i = from + n + 1
	r.rows.add(v)
	return step
}

// unescapeTwice undoes the second escaping of a key (0.22, 0.23). Strings of a
// nested tuple, whose quotes the second escaping did not reach, stay JSON.
func (s *scan) unescapeTwice(key []byte) []byte {
	out := s.again[:0]
	inner := false
	for i := 0; i < len(key); {
		switch c := key[i]; {
		case c == '"':
			inner = !inner
		case c == '\\' && inner && i+1 < len(key):
			out = append(out, c)
			i++
		case c == '\\' && !inner:
			if n, _ := unescape(&out, key[i:]); n > 0 {
				i += n
				continue
			}
		}
		out = append(out, key[i])
		i++
	}
	s.again = out
	return out
}
