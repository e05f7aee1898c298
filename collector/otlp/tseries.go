package otlp

import (
	"slices"
	"time"

	"tracecar/collector"
)

// updateSeries makes points of the closed intervals of a tseries(), from the
// newest that was sent on: an interval that goes on would change under its
// time stamp.
func (mm *mapMetric) updateSeries(m *collector.Map, at time.Time) {
	for i := range slices.Backward(m.Rows) {
		r := &m.Rows[i]
		attrs := mm.labels.set(r)
		points := r.Value.Points()
		s := mm.series[attrs.Equivalent()]
		if s == nil {
			if len(mm.series) >= mm.limit {
				mm.forgetSeries()
			}
			if len(mm.series) >= mm.limit {
				mm.folded++
				mm.lost++
				continue
			}
			s = &series{newest: mm.floor}
			mm.series[attrs.Equivalent()] = s
			for j := range points {
				if points[j].UnixNano <= mm.floor {
					mm.lost++
				}
			}
		}
		s.look = mm.look
		for j, pt := range points {
			open := j == len(points)-1
			if mm.interval > 0 {
				open = pt.UnixNano+int64(mm.interval) > at.UnixNano()
			}
			n, ok := numberOf(pt.Value, mm.decl.Scale)
			if open && !mm.ended || !ok || pt.UnixNano < s.newest {
				continue
			}
			mm.points = append(mm.points, point{attrs: attrs, time: time.Unix(0, pt.UnixNano), num: n, s: s})
		}
	}
}

// forgetSeries drops the series that the last whole look did not see, in favour
// of new ones.
func (mm *mapMetric) forgetSeries() {
	for d, s := range mm.series {
		if s.look+1 < mm.look {
			delete(mm.series, d)
		}
	}
}

// keepFloor keeps, of a run that has ended, the newest interval of each map:
// the next run of the same series may begin within it, and a second value of
// one time would be refused.
func (e *Exporter) keepFloor(r *runState) {
	e.naming.Lock()
	defer e.naming.Unlock()
	for _, mm := range r.metrics {
		key := r.key() + "\x00" + mm.mapName
		for i := range mm.points {
			if mm.shape != shapeSeries {
				break
			}
			if len(e.floors) >= maxLadders {
				clear(e.floors)
			}
			e.floors[key] = max(e.floors[key], mm.points[i].time.UnixNano())
		}
	}
}

// useFloor gives a map the newest interval that an earlier run had.
func (e *Exporter) useFloor(r *runState, mm *mapMetric) {
	e.naming.Lock()
	defer e.naming.Unlock()
	mm.floor = e.floors[r.key()+"\x00"+mm.mapName]
}

// unsent are the points of the last look that are still to be sent. A look may
// be exported more than once, so what was taken since it has to be left out.
func (mm *mapMetric) unsent() []point {
	if mm.shape != shapeSeries {
		return mm.points
	}
	var out []point
	for i := range mm.points {
		if p := &mm.points[i]; p.time.UnixNano() > p.s.newest {
			out = append(out, *p)
		}
	}
	return out
}

// taken returns what notes that the unsent points were received; nil where
// nothing depends on it.
func (mm *mapMetric) taken() func() {
	if mm.shape != shapeSeries {
		return nil
	}
	points := mm.unsent()
	if len(points) == 0 {
		return nil
	}
	return func() {
		for i := range points {
			points[i].s.newest = max(points[i].s.newest, points[i].time.UnixNano())
		}
	}
}
