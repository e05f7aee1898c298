package otlp

import (
	"slices"
	"time"

	"tracecar/collector"
)

// updateSeries makes points of the closed intervals of a tseries() that were
// not sent yet: an interval that goes on would change under its time stamp.
func (mm *mapMetric) updateSeries(m *collector.Map, at time.Time) {
	for i := range slices.Backward(m.Rows) {
		r := &m.Rows[i]
		attrs := mm.labels.set(r)
		s := mm.series[attrs.Equivalent()]
		if s == nil {
			if len(mm.series) >= mm.limit {
				mm.folded++
				mm.lost++
				continue
			}
			s = &series{}
			mm.series[attrs.Equivalent()] = s
		}
		points := r.Value.Points()
		for j, pt := range points {
			open := j == len(points)-1
			if mm.interval > 0 {
				open = pt.UnixNano+int64(mm.interval) > at.UnixNano()
			}
			n, ok := numberOf(pt.Value, mm.decl.Scale)
			if open && !mm.ended || !ok || pt.UnixNano <= s.newest {
				continue
			}
			mm.points = append(mm.points, point{attrs: attrs, time: time.Unix(0, pt.UnixNano), num: n, s: s})
		}
	}
}

// taken returns what notes that the points of the last look were received;
// nil where nothing depends on it.
func (mm *mapMetric) taken() func() {
	if mm.shape != shapeSeries || len(mm.points) == 0 {
		return nil
	}
	points := mm.points
	return func() {
		for i := range points {
			points[i].s.newest = max(points[i].s.newest, points[i].time.UnixNano())
		}
	}
}
