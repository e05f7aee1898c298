package parser

import "bytes"

// mapForm is how the state of a map begins.
type mapForm uint8

const (
	formBad    mapForm = iota
	formScalar         // a value comes next
	formKeyed          // the first key comes next
	formEmpty          // an empty object, read to its end
)

// mapData reads the data of a map message: {"@name": state}. From the state
// on, rec.Map is set and holds what was read, even where it fails.
func (r *Reader) mapData(t Type, rec *Record, m *members) bool {
	s := &r.scan
	state, form := s.mapHead(t)
	if form == formBad {
		return false
	}
	rec.Map = state
	m.from = s.i
	switch form {
	case formKeyed:
		r.rows.reset()
		step := r.allRows(t, true)
		m.whole = step == rowLast
		state.Rows = r.rows.take()
	case formEmpty:
		m.whole = true
	default:
		var v Value
		if v, m.whole = s.mapValue(t); m.whole {
			state.Rows = []Row{{Value: v}}
		}
	}
	return m.whole && s.byte('}')
}

// mapHead reads up to the state of the map, and into it where it is keyed.
func (s *scan) mapHead(t Type) (*MapState, mapForm) {
	if !s.byte('{') {
		return nil, formBad
	}
	s.ws()
	name, ok := s.str()
	if !ok {
		return nil, formBad
	}
	if len(name) == 0 || name[0] != '@' {
		s.fail("not the name of a map")
		return nil, formBad
	}
	m := &MapState{Name: same(s.name, name)}
	s.name = m.Name
	if !s.byte(':') {
		return nil, formBad
	}
	if s.peek() != '{' {
		return m, formScalar
	}
	if t == TypeMap && s.i+1 < len(s.b) && s.b[s.i+1] == ' ' {
		return m, formScalar // before 0.24 a struct begins with "{ ", the rows of a map with "{"
	}
	// A stats() map without a key looks like an avg() map with the keys count,
	// average and total; it is taken for the former.
	if t == TypeStats && bytes.HasPrefix(s.b[s.i:], []byte(`{"count":`)) {
		at := s.i
		_, ok := s.stats()
		s.i = at
		if ok || s.short {
			return m, formScalar
		}
	}
	s.i++
	if s.peek() == '}' {
		s.i++
		return m, formEmpty
	}
	m.Keyed = true
	return m, formKeyed
}

// mapValue reads the value of one row.
func (s *scan) mapValue(t Type) (Value, bool) {
	c := s.peek()
	switch {
	case t == TypeHist:
		return s.hist()
	case t == TypeTSeries:
		return s.tseries()
	case t == TypeStats && c == '{':
		return s.stats()
	case t == TypeStats:
		return s.integer()
	}
	return s.value(0)
}

// rowStep says how reading a row went.
type rowStep uint8

const (
	rowMore rowStep = iota // read, and a comma after it
	rowLast                // read, and the brace that ends the rows
	rowFail                // not read; the scan stands where the row begins
)

// allRows reads rows to the last, or to the first that cannot be read.
func (r *Reader) allRows(t Type, whole bool) rowStep {
	s := &r.scan
	for {
		if t == TypeMap || t == TypeStats {
			var last bool
			if s.i, last = r.rows.plain(s.b, s.i); last {
				return rowLast
			}
		}
		if step := r.row(t, whole); step != rowMore {
			return step
		}
	}
}

// row reads one row and what ends it. whole says that the line ends with the piece.
func (r *Reader) row(t Type, whole bool) rowStep {
	s := &r.scan
	start := s.i
	keys := len(r.rows.keys)
	if s.i < len(s.b) && s.b[s.i] == ' ' {
		s.i++
	}
	s.ws()
	key, ok := s.str()
	if ok {
		if s.d.doubleEscapedKeys() && bytes.IndexByte(key, '\\') >= 0 {
			key = s.unescapeTwice(key)
		}
		r.rows.keys = append(r.rows.keys, key...)
		ok = s.byte(':')
	}
	if ok {
		if s.i < len(s.b) && s.b[s.i] == ' ' {
			s.i++
		}
		from := s.i
		v, ok := s.mapValue(t)
		if ok {
			switch c := s.peek(); {
			case c == ',' || c == '}':
				s.i++
				r.rows.add(v)
				if c == '}' {
					return rowLast
				}
				return rowMore
			case s.i >= len(s.b):
				s.end()
			default:
				s.fail("text after the value")
			}
		}
		if t == TypeMap && s.d.bareValues() && (whole || !s.short) {
			if step := r.bareRow(from, whole); step != rowFail {
				return step
			}
		}
	}
	r.rows.keys = r.rows.keys[:keys]
	s.i = start
	return rowFail
}

// cutMap makes a record of a map whose line went wrong within its state or
// after it.
func (r *Reader) cutMap(t Type, rec *Record, m *members) verdict {
	s := &r.scan
	if !rec.Map.Keyed && t == TypeMap && s.d.bareValues() {
		switch text, v := s.bare(m.from, "}}"); v {
		case good:
			rec.Map.Rows = []Row{{Value: text}}
			if s.note != "" {
				rec.Problem = &Problem{Message: s.note}
			}
			return good
		case shape:
			r.openAt, r.openEnd = m.from, "}}"
		}
	}
	rec.Map.Cut = !m.whole
	rec.Problem = &Problem{Message: s.why}
	s.d.noteEscapes(s.b)
	return good
}
