package parser

import "bytes"

// head is how every message begins.
const head = `{"type": "`

// verdict is what became of a line read as a message.
type verdict uint8

const (
	good  verdict = iota // the record is set
	shape                // JSON, perhaps, but not what such a message has
	bad                  // not a message
)

// typeOf knows bpftrace's names.
func typeOf(name []byte) (Type, bool) {
	switch string(name) {
	case "printf":
		return TypePrintf, true
	case "map":
		return TypeMap, true
	case "hist":
		return TypeHist, true
	case "value":
		return TypeValue, true
	case "stats":
		return TypeStats, true
	case "tseries":
		return TypeTSeries, true
	case "time":
		return TypeTime, true
	case "cat":
		return TypeCat, true
	case "join":
		return TypeJoin, true
	case "syscall":
		return TypeSyscall, true
	case "attached_probes":
		return TypeAttachedProbes, true
	case "lost_events":
		return TypeLostEvents, true
	case "helper_error":
		return TypeHelperError, true
	case "runtime_error":
		return TypeRuntimeError, true
	case "errorf":
		return TypeErrorf, true
	case "warnf":
		return TypeWarnf, true
	case "test_result":
		return TypeTestResult, true
	case "benchmark_result", "benchmark_results": // the latter in 0.24
		return TypeBenchmark, true
	}
	return TypeUnknown, false
}

func isText(t Type) bool { return t >= TypePrintf && t <= TypeSyscall }

func isMap(t Type) bool { return t >= TypeMap && t <= TypeTSeries }

// members says which of a message's members have been seen.
type members struct {
	data, count bool
	dataCount   uint64
	problem     Problem
	from        int  // where the data's value begins
	whole       bool // the state of the map was read to its end
}

// message reads one whole line, or what is left of one, as a message. It
// leaves rec as it found it, but for Type, where it is not good.
func (r *Reader) message(b []byte, rec *Record) verdict {
	s := &r.scan
	s.reset(b)
	if plainPrintf(b, rec, r.skipText) {
		return good
	}
	if !s.typeHead() {
		return bad
	}
	end := bytes.IndexByte(b[s.i:], '"')
	if end < 0 {
		s.end()
		return bad
	}
	t, ok := typeOf(b[s.i : s.i+end])
	if !ok {
		s.why = "a type of message this version of tracecar does not know"
		return shape
	}
	s.i += end + 1
	rec.Type = t
	var m members
	switch ok := r.members(t, rec, &m); {
	case ok:
		return r.complete(t, rec, &m)
	case rec.Map != nil:
		return r.cutMap(t, rec, &m)
	case t == TypeValue && m.from > 0 && s.d.bareValues():
		return r.bareValue(rec, &m)
	}
	return shape
}

var printfHead = []byte(head + `printf"`)

// plainPrintf reads the commonest line there is: a printf without escapes, or
// with no other than a newline at its end. It changes b where that is so.
func plainPrintf(b []byte, rec *Record, skipText bool) bool {
	const begin, end = head + `printf", "data": "`, `"}`
	if len(b) < len(begin)+len(end) || string(b[:len(begin)]) != begin || string(b[len(b)-len(end):]) != end {
		return false
	}
	b = b[len(begin) : len(b)-len(end)]
	switch slash := bytes.IndexByte(b, '\\'); {
	case slash < 0:
		if bytes.IndexByte(b, '"') >= 0 {
			return false
		}
	case slash != len(b)-2 || b[slash+1] != 'n' || bytes.IndexByte(b[:slash], '"') >= 0:
		return false
	default:
		b = b[:slash+1]
		b[slash] = '\n'
	}
	rec.Type = TypePrintf
	if skipText {
		rec.Bytes = b
	} else {
		rec.Text = string(b)
	}
	return true
}

// typeHead reads up to the name of the type.
func (s *scan) typeHead() bool {
	if s.lit(head) {
		return true
	}
	if !s.byte('{') {
		return false
	}
	s.ws()
	if !s.lit(`"type"`) {
		return s.failShort(`"type"`, "not one of bpftrace's messages")
	}
	if !s.byte(':') {
		return false
	}
	return s.byte('"')
}

func (r *Reader) members(t Type, rec *Record, m *members) bool {
	s := &r.scan
	for {
		if s.peek() != ',' {
			if !s.byte('}') {
				return false
			}
			if s.ws(); s.i < len(s.b) {
				return s.fail("text after the message")
			}
			return true
		}
		s.i++
		if s.ws(); s.lit(`"data":`) {
			if m.data {
				return s.fail("data comes twice")
			}
			m.data = true
			if !r.data(t, rec, m) {
				return false
			}
			continue
		}
		name, ok := s.str()
		if !ok {
			return false
		}
		if !r.member(t, string(name), rec, m) {
			return false
		}
	}
}

// data reads the value of the member data.
func (r *Reader) data(t Type, rec *Record, m *members) (ok bool) {
	s := &r.scan
	s.ws()
	m.from = s.i
	switch {
	case isText(t):
		text, ok := s.str()
		if ok {
			rec.Text = string(text)
		}
		return ok
	case isMap(t):
		return r.mapData(t, rec, m)
	case t == TypeAttachedProbes:
		m.dataCount, ok = s.oneCount(`"probes":`)
		return ok
	case t == TypeLostEvents:
		m.dataCount, ok = s.oneCount(`"events":`)
		return ok
	}
	v, ok := s.value(0)
	if ok {
		rec.Value = v
	}
	return ok
}

// oneCount reads an object of one number.
func (s *scan) oneCount(member string) (uint64, bool) {
	if !s.byte('{') {
		return 0, false
	}
	if s.ws(); !s.lit(member) {
		return 0, s.fail("the number is missing")
	}
	n, ok := s.count()
	return n, ok && s.byte('}')
}

func (s *scan) count() (uint64, bool) {
	v, _, ok := s.counter()
	if !ok {
		return 0, false
	}
	n, ok := v.Uint64()
	if !ok {
		s.fail("a negative number")
	}
	return n, ok
}

// member reads any member but type and data; the colon comes next.
func (r *Reader) member(t Type, name string, rec *Record, m *members) bool {
	s := &r.scan
	if !s.byte(':') {
		return false
	}
	s.ws()
	switch {
	case name == "count" && (t == TypeAttachedProbes || t == TypeLostEvents):
		n, ok := s.count()
		m.count, rec.Count = true, n
		return ok
	case t >= TypeHelperError && t <= TypeWarnf:
		return r.problemMember(name, &m.problem)
	}
	_, ok := s.value(0) // a member of a later version
	return ok
}
