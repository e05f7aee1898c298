package otlp

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"tracecar/collector"
	"tracecar/parser"
)

// update takes the state of the map at one time. sum is the map that tells the
// sums of this histogram, or nil; attached is since when maps are cumulative.
// whole says that m has all rows: only then what is not there has gone, and
// the overflow is exact.
func (mm *mapMetric) update(m, sum *collector.Map, attached, at time.Time, whole bool) {
	// The points of the look before were put into metrics, or are of no more use:
	// their place serves again.
	points := mm.points[:0]
	mm.points, mm.folded, mm.lost = nil, 0, 0
	if mm.leftOut != "" {
		return
	}
	mm.look++
	if mm.shape == shapeHistogram {
		for i := range m.Rows {
			mm.ladder.grow(m.Rows[i].Value.Buckets())
		}
	}
	if mm.shape == shapeSeries {
		mm.updateSeries(m, at)
		return
	}
	sums := mm.sums(sum)
	mm.points = slices.Grow(points, min(len(m.Rows), mm.limit+1))
	rest := point{sum: 0, attrs: mm.labels.overflow()}
	folded := 0
	// bpftrace sorts by value, ascending: the largest find a place first.
	for i := range slices.Backward(m.Rows) {
		r := &m.Rows[i]
		p := point{time: at}
		if !mm.value(r, &p) {
			mm.lost++
			continue
		}
		if sums != nil {
			p.sum = sums(r)
		}
		if s := mm.place(r, &p, attached); s == nil {
			mm.merge(&rest, &p, folded == 0)
			folded++
		}
	}
	if whole {
		mm.forget()
	}
	mm.finish(&rest, folded, attached, at, whole)
	mm.last = at
}

// place finds the series of a row, and keeps its point there; nil where the
// map has as many series as it may.
func (mm *mapMetric) place(r *collector.Row, p *point, attached time.Time) *series {
	mm.buf = appendKey(mm.buf[:0], r)
	ref := mm.rows[string(mm.buf)]
	if ref == nil {
		if mm.full || len(mm.series) >= mm.limit {
			mm.full = true
			return nil
		}
		// What a key is decoded to is decided once: names that change would
		// break a series in two.
		ref = &rowRef{s: mm.seriesOf(mm.labels.set(r), attached)}
		mm.rows[string(mm.buf)] = ref
	}
	ref.look = mm.look
	s := ref.s
	p.attrs = s.attrs
	if s.look == mm.look {
		// Two keys that are one to whoever reads the attributes.
		mm.merge(&mm.points[s.at], p, false)
		mm.folded++
		return s
	}
	s.look, s.at = mm.look, len(mm.points)
	p.s = s
	mm.points = append(mm.points, *p)
	return s
}

func (mm *mapMetric) seriesOf(attrs attribute.Set, attached time.Time) *series {
	d := attrs.Equivalent()
	s := mm.series[d]
	if s == nil {
		s = &series{attrs: attrs, start: attached}
		if mm.vanished {
			s.start = mm.last
		}
		mm.series[d] = s
	}
	return s
}

// appendKey appends bytes that differ for rows of different keys.
func appendKey(dst []byte, r *collector.Row) []byte {
	for _, v := range r.Key {
		dst = append(dst, byte(v.Kind()))
		switch v.Kind() {
		case parser.KindInt:
			n, _ := v.Int64()
			dst = binary.NativeEndian.AppendUint64(dst, uint64(n))
		case parser.KindText:
			dst = binary.AppendUvarint(dst, uint64(len(v.Text())))
			dst = append(dst, v.Text()...)
		default:
			dst = append(v.AppendJSON(dst), 0)
		}
	}
	if r.Ambiguous {
		dst = append(dst, 0xff)
	}
	return dst
}

// merge adds q to p, or makes p of it.
func (mm *mapMetric) merge(p, q *point, first bool) {
	switch mm.shape {
	case shapeCounter, shapeUpDown:
		p.num = p.num.add(q.num)
	case shapeGauge:
		switch {
		case mm.kind == "min" && (first || q.num.less(p.num)), mm.kind == "max" && (first || p.num.less(q.num)):
			p.num = q.num
		case mm.kind != "min" && mm.kind != "max":
			mm.lost++ // there is no sum of averages
		}
	default:
		p.total += q.total
		p.sum += q.sum
		if p.counts == nil {
			p.counts = make([]uint64, len(q.counts))
		}
		for i, n := range q.counts {
			p.counts[i] += n
		}
	}
}

// forget drops the series that this look did not see.
func (mm *mapMetric) forget() {
	for d, s := range mm.series {
		if s.look != mm.look {
			delete(mm.series, d)
			mm.vanished = true
		}
	}
	for key, ref := range mm.rows {
		if ref.look != mm.look {
			delete(mm.rows, key)
		}
	}
}

// finish gives the points their start times, and adds the overflow.
func (mm *mapMetric) finish(rest *point, folded int, attached, at time.Time, whole bool) {
	for i := range mm.points {
		p := &mm.points[i]
		mm.started(p, p.s)
	}
	mm.folded += uint64(folded)
	if folded == 0 {
		return
	}
	switch {
	case mm.shape == shapeGauge && mm.kind != "min" && mm.kind != "max":
	case !whole:
		// Rows are missing: what is left would not be the rest.
		mm.lost += uint64(folded)
	default:
		if mm.overflow == nil {
			mm.overflow = &series{start: attached}
		}
		rest.time = at
		mm.started(rest, mm.overflow)
		mm.points = append(mm.points, *rest)
	}
}

// started gives a point its start time: that of its series, and a new one, the
// time of the last look, where a cumulative value has fallen.
func (mm *mapMetric) started(p *point, s *series) {
	if mm.shape == shapeGauge {
		return
	}
	fell := p.total < s.total || mm.shape == shapeCounter && p.num.less(s.num)
	if !fell && len(p.counts) == len(s.counts) {
		for i, n := range p.counts {
			fell = fell || n < s.counts[i]
		}
	}
	if fell && !mm.last.IsZero() {
		s.start = mm.last
	}
	p.start = s.start
	s.num, s.counts, s.total = p.num, p.counts, p.total
}

// sums finds the sum of a row of a histogram in the map declared for it.
func (mm *mapMetric) sums(m *collector.Map) func(*collector.Row) float64 {
	if m == nil {
		return nil
	}
	byKey := make(map[string]float64, len(m.Rows))
	for i := range m.Rows {
		if n, ok := numberOf(m.Rows[i].Value, mm.decl.Scale); ok {
			byKey[string(appendKey(nil, &m.Rows[i]))] = n.asFloat()
		}
	}
	return func(r *collector.Row) float64 {
		if v, ok := byKey[string(appendKey(nil, r))]; ok {
			return v
		}
		return math.NaN()
	}
}
