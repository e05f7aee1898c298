package parser

import "bytes"

// huge makes a record of a line that is too long to be held: the rows of a map
// are read while the line arrives, other lines are gathered up to the limit.
func (r *Reader) huge() {
	rec := &r.rec
	var used int
	if t, ok := r.rowsAhead(rec); ok {
		used = r.hugeMap(t, rec)
	} else {
		for r.more(0) {
		}
		line, whole, cut := r.piece(0)
		if !cut && whole {
			n := len(line)
			line = bytes.TrimSuffix(line, []byte("\r"))
			found := r.start+n < r.end
			n, lines := r.read(line, n, found)
			r.skip(n, found, lines)
			return
		}
		used = len(line)
		r.torn(line, rec)
		r.skip(used, false, 0)
	}
	r.skipLine(rec, used)
}

// rowsAhead reports whether the line is a keyed map, of the usual form up to
// its rows; then the buffer starts with the first of them.
func (r *Reader) rowsAhead(rec *Record) (Type, bool) {
	b, _, _ := r.piece(0)
	s := &r.scan
	s.reset(b)
	if !s.lit(head) {
		return 0, false
	}
	end := bytes.IndexByte(b[s.i:min(len(b), s.i+16)], '"')
	if end < 0 {
		return 0, false
	}
	t, ok := typeOf(b[s.i : s.i+end])
	s.i += end
	if !ok || !isMap(t) || !s.lit(`", "data":`) {
		return 0, false
	}
	s.ws()
	m, form := s.mapHead(t)
	if form != formKeyed {
		return 0, false
	}
	rec.Type, rec.Map = t, m
	return t, true
}

// hugeMap reads the rows of a map and what follows them, piece by piece. It
// returns how much of the line it has left behind.
func (r *Reader) hugeMap(t Type, rec *Record) (used int) {
	s := &r.scan
	r.rows.reset()
	note := ""
	leave := func() {
		used += s.i
		r.drop(s.i)
		if s.note != "" {
			note = s.note
		}
	}
	leave()
	step := rowMore
	for {
		b, whole, _ := r.piece(used)
		s.reset(b)
		step = r.allRows(t, whole)
		size := len(b) - s.i
		leave()
		if step == rowLast || whole || !s.short {
			break
		}
		// A row that does not fit is not tried again for every few bytes.
		for ok := r.more(used); ok && r.end-r.start < 2*size; {
			ok = r.more(used)
		}
	}
	rec.Map.Rows = r.rows.take()
	rec.Map.Cut = step != rowLast
	why := s.why
	if step == rowLast {
		for r.end-r.start < 4096 && r.more(used) {
		}
		b, _, _ := r.piece(used)
		s.reset(b)
		m := members{data: true, whole: true}
		if why = ""; !s.byte('}') || !r.members(t, rec, &m) {
			why = s.why
		}
		leave()
	}
	if why == "" {
		why = note
	}
	if why != "" {
		rec.Problem = &Problem{Message: why}
	}
	return used
}

// torn makes a record of the first part of a line beyond the limit.
func (r *Reader) torn(b []byte, rec *Record) {
	s := &r.scan
	switch v := r.message(b, rec); {
	case v == good: // a map without rows, or all of a message
	case isText(rec.Type) && s.short && v == shape:
		rec.Text = s.textSoFar()
	default:
		rec.Type, rec.Text = TypeMalformed, string(b)
		r.dialect.noteEscapes(b)
	}
}

// textSoFar reads the string of a text message that does not end, and leaves
// out an escape that is cut.
func (s *scan) textSoFar() string {
	at := bytes.Index(s.b, []byte(`"data":`))
	if at < 0 {
		return ""
	}
	b := bytes.TrimLeft(s.b[at+len(`"data":`):], " \t")
	if len(b) == 0 || b[0] != '"' {
		return ""
	}
	s.text = s.text[:0]
	for b = b[1:]; len(b) > 0; {
		n := 1
		if b[0] != '\\' {
			s.text = append(s.text, b[0])
		} else if n, _ = unescape(&s.text, b); n <= 0 {
			break
		}
		b = b[n:]
	}
	return string(s.text)
}

// piece returns what is in the buffer of the line, of which used bytes have
// been left behind: whole says that its end is there, cut that the limit ends it.
func (r *Reader) piece(used int) (b []byte, whole, cut bool) {
	b = r.buf[r.start:r.end]
	whole = r.eof
	if i := bytes.IndexByte(b[r.seen:], '\n'); i >= 0 {
		b, whole = b[:r.seen+i], true
	}
	r.seen = len(b)
	if left := r.limit - used; len(b) > left {
		return b[:max(left, 0)], true, true
	}
	return b, whole, false
}

// more reads more of the line; it returns false where its end, or more than
// the limit, is in the buffer.
func (r *Reader) more(used int) bool {
	if _, whole, _ := r.piece(used); whole {
		return false
	}
	r.fill()
	return true
}

// drop leaves n bytes behind, all of this line.
func (r *Reader) drop(n int) {
	r.start += n
	r.offset += int64(n)
	r.seen = max(0, r.seen-n)
}

// skipLine leaves the rest of the line behind, of which used bytes are gone,
// and counts what was beyond the limit.
func (r *Reader) skipLine(rec *Record, used int) {
	length := int64(used)
	slash := false // the piece before ended in half an escape
	for {
		b := r.buf[r.start:r.end]
		i := bytes.IndexByte(b, '\n')
		if i >= 0 {
			b = b[:i]
		}
		if slash && len(b) > 0 {
			r.dialect.escaped = r.dialect.escaped || b[0] == 'u'
			b = b[1:]
			r.drop(1)
			length++
		}
		r.dialect.noteEscapes(b)
		trail := len(b) - len(bytes.TrimRight(b, `\`))
		slash = trail%2 == 1
		length += int64(len(b))
		r.drop(len(b))
		if i >= 0 {
			r.skip(0, true, 1)
			break
		}
		if r.seen = 0; !r.fill() {
			r.line++
			break
		}
	}
	if over := length - int64(r.limit); over > 0 {
		rec.Truncated = over
		rec.Problem = &Problem{Message: "the line is longer than the limit"}
	}
}
