package parser

// problemMember reads a member of an error message.
func (r *Reader) problemMember(name string, p *Problem) bool {
	s := &r.scan
	switch name {
	case "msg", "helper", "filename":
		text, ok := s.str()
		if !ok {
			return false
		}
		switch name {
		case "msg":
			p.Message = same(r.last.Message, text)
		case "helper":
			p.Helper = same(r.last.Helper, text)
		default:
			p.File = same(r.last.File, text)
		}
		return true
	case "retcode", "line", "col":
		n, ok := s.int64()
		if !ok {
			return false
		}
		switch name {
		case "retcode":
			p.Retcode = n
		case "line":
			p.Line = int(n)
		default:
			p.Column = int(n)
		}
		return true
	}
	_, ok := s.value(0)
	return ok
}

// same returns text as a string, and old itself where it is the same: a full
// map sends one and the same error without end.
func same(old string, text []byte) string {
	if old == string(text) {
		return old
	}
	return string(text)
}

// complete checks that a message has what its type has, and sets rec's rest.
func (r *Reader) complete(t Type, rec *Record, m *members) verdict {
	s := &r.scan
	switch t {
	case TypeAttachedProbes, TypeLostEvents:
		switch {
		case !m.data && !m.count:
			s.why = "the number is missing"
			return shape
		case !m.count:
			rec.Count = m.dataCount
		case m.data && rec.Count != m.dataCount:
			s.note = "two different numbers in one message; the first is given"
		}
		if t == TypeAttachedProbes {
			if m.count {
				s.d.learn(familyNew) // 0.24 brought the member
			} else {
				s.d.learn(familyOld)
			}
		}
	case TypeHelperError, TypeRuntimeError, TypeErrorf, TypeWarnf:
		if m.problem.Message == "" && m.problem.Helper == "" && t == TypeHelperError {
			s.why = "no error in the message"
			return shape
		}
		if t != TypeHelperError {
			s.d.learn(familyNew)
		}
		if r.last == nil || *r.last != m.problem {
			p := m.problem
			r.last = &p
		}
		rec.Problem = r.last
		return good
	default:
		if !m.data {
			s.why = "data is missing"
			return shape
		}
		if t == TypeTSeries || t >= TypeTestResult {
			s.d.learn(familyNew)
		}
	}
	if s.note != "" {
		rec.Problem = &Problem{Message: s.note}
	}
	return good
}
