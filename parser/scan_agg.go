package parser

import (
	"math"
	"slices"
	"time"
)

// hist reads the bucket array of a hist() or lhist().
func (s *scan) hist() (Value, bool) {
	if !s.byte('[') {
		return Value{}, false
	}
	s.buckets = s.buckets[:0]
	if s.peek() == ']' {
		s.i++
		return BucketsOf([]Bucket{}), true
	}
	for {
		if !s.plainBucket() && !s.bucket() {
			return Value{}, false
		}
		if s.peek() == ',' {
			s.i++
			continue
		}
		if !s.byte(']') {
			return Value{}, false
		}
		s.fix31()
		return BucketsOf(slices.Clone(s.buckets)), true
	}
}

// fix31 gives the last bucket of 0.17's hist() its real bounds: there all
// values of 2^31 and above fall into one bucket, whose label wraps.
func (s *scan) fix31() {
	n := len(s.buckets)
	last := &s.buckets[n-1]
	if s.d.family == familyNew || !last.HasMin || !last.HasMax || last.Min != math.MinInt32 || last.Max != 0 {
		return
	}
	if n > 1 && s.buckets[n-2].Max != math.MaxInt32 {
		return // an lhist
	}
	last.Min, last.Max, last.HasMax = 1<<31, 0, false
	s.note = noteOld31
}

// plainBucket reads a bucket of the usual form, or nothing.
func (s *scan) plainBucket() bool {
	b := s.b[s.i:]
	if len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	if s.d.escaped || s.d.hexSure {
		return false
	}
	lo, b, ok := plainMember(b, `{"min": `)
	if !ok {
		return false
	}
	hi, b, ok := plainMember(b, `, "max": `)
	if !ok {
		return false
	}
	n, b, ok := plainMember(b, `, "count": `)
	if !ok || len(b) == 0 || b[0] != '}' {
		return false
	}
	s.i = len(s.b) - len(b) + 1
	s.buckets = append(s.buckets, Bucket{Min: lo, Max: hi, HasMin: true, HasMax: true, Count: uint64(n)})
	return true
}

// plainMember reads name and a number of up to 18 digits, and gives what follows.
func plainMember(b []byte, name string) (int64, []byte, bool) {
	if len(b) < len(name)+1 || string(b[:len(name)]) != name {
		return 0, nil, false
	}
	b = b[len(name):]
	var v int64
	i := 0
	for i < len(b) && i < 19 && b[i]-'0' <= 9 {
		v = v*10 + int64(b[i]-'0')
		i++
	}
	if i == 0 || i == 19 || i > 1 && b[0] == '0' {
		return 0, nil, false
	}
	return v, b[i:], true
}

func (s *scan) bucket() bool {
	if !s.byte('{') {
		return false
	}
	var b Bucket
	counted := false
	for {
		s.ws()
		var ok bool
		switch {
		case !b.HasMin && s.lit(`"min":`):
			b.Min, ok = s.int64()
			b.HasMin = true
		case !b.HasMax && s.lit(`"max":`):
			b.Max, ok = s.int64()
			b.HasMax = true
		case !counted && s.lit(`"count":`):
			var v Value
			if v, _, ok = s.counter(); ok {
				if b.Count, ok = v.Uint64(); !ok {
					s.fail("a negative count")
				}
			}
			counted = true
		default:
			for _, name := range [...]string{`"min":`, `"max":`} {
				if s.failShort(name, ""); s.short {
					return false
				}
			}
			return s.failShort(`"count":`, "not a histogram bucket")
		}
		if !ok {
			return false
		}
		if s.peek() == ',' {
			s.i++
			continue
		}
		if !counted && s.i < len(s.b) {
			return s.fail("a bucket without a count")
		}
		if !s.byte('}') {
			return false
		}
		s.buckets = append(s.buckets, b)
		return true
	}
}

// failShort fails, for want of bytes where what is left begins want.
func (s *scan) failShort(want, why string) bool {
	if rest := s.b[s.i:]; len(rest) < len(want) && string(rest) == want[:len(rest)] {
		return s.end()
	}
	return s.fail(why)
}

// stats reads what stats() prints: count, average and total, in this order.
func (s *scan) stats() (Value, bool) {
	if !s.byte('{') {
		return Value{}, false
	}
	var st Stats
	for _, m := range [...]struct {
		name string
		to   *Value
	}{{`"count":`, &st.Count}, {`"average":`, &st.Average}, {`"total":`, &st.Total}} {
		if m.to != &st.Count && !s.byte(',') {
			return Value{}, false
		}
		s.ws()
		if !s.lit(m.name) {
			return Value{}, s.failShort(m.name, "not a stats() value")
		}
		var ok bool
		if *m.to, ok = s.integer(); !ok {
			return Value{}, false
		}
	}
	if !s.byte('}') {
		return Value{}, false
	}
	return StatsOf(st), true
}

// tseries reads the array of intervals of a tseries().
func (s *scan) tseries() (Value, bool) {
	if !s.byte('[') {
		return Value{}, false
	}
	s.points = s.points[:0]
	if s.peek() == ']' {
		s.i++
		return PointsOf([]Point{}), true
	}
	for {
		if !s.point() {
			return Value{}, false
		}
		if s.peek() == ',' {
			s.i++
			continue
		}
		if !s.byte(']') {
			return Value{}, false
		}
		return PointsOf(slices.Clone(s.points)), true
	}
}

func (s *scan) point() bool {
	if !s.byte('{') {
		return false
	}
	s.ws()
	if !s.lit(`"interval_start":`) {
		return s.failShort(`"interval_start":`, "not a tseries interval")
	}
	quoted := s.peek() == '"' // not in 0.24.0
	if quoted {
		s.i++
	}
	const layout = "2006-01-02 15:04:05.000000000"
	if len(s.b)-s.i < len(layout) {
		return s.end()
	}
	t, err := time.Parse(layout, string(s.b[s.i:s.i+len(layout)]))
	if err != nil || t.Year() < 1678 || t.Year() > 2261 { // what int64 nanoseconds hold
		return s.fail("not a time")
	}
	s.i += len(layout)
	if quoted && !s.byte('"') || !s.byte(',') {
		return false
	}
	s.ws()
	if !s.lit(`"value":`) {
		return s.failShort(`"value":`, "not a tseries interval")
	}
	v, hexed, ok := s.counter()
	if !ok {
		return false
	}
	if hexed && v.Kind() == KindUint { // the sign is lost; time series of such unsigned values are rarer
		v = Int(int64(v.num))
		s.note = noteSign
	}
	if !s.byte('}') {
		return false
	}
	s.points = append(s.points, Point{t.UnixNano(), v})
	return true
}
