package otlp

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"tracecar/collector"
	"tracecar/collector/otlp/decode"
	"tracecar/parser"
	"tracecar/parser/script"
)

// mapMetric is how one map of one run is exported, and what was exported last:
// it lives as long as the run's state is exported. It is not safe for
// concurrent use.
type mapMetric struct {
	name, unit, description string
	claimed                 []string // the names in Prometheus
	mapName, kind           string
	decl                    Metric
	shape                   shape
	// leftOut says why the map is no metric, "" where it is one.
	leftOut string
	told    bool // that it is left out
	labels  *labels
	ladder  *ladder
	limit   int
	// interval is that of a tseries(), 0 if not known.
	interval time.Duration
	// floor is the newest interval of an earlier run of the same series.
	floor int64

	series map[attribute.Distinct]*series
	rows   map[string]*rowRef // by appendKey: what key has which series
	buf    []byte
	// full is set when a row found no place: from then on only series that
	// exist are kept apart, so that the overflow is a sum of the same rows.
	full     bool
	overflow *series
	// vanished is set once a series has gone: what appears after it may have
	// been there before, so it starts at the last look.
	vanished bool
	last     time.Time
	look     uint64 // number of looks
	ended    bool   // the run has: no interval goes on

	points []point
	folded uint64 // rows of the last look that have no series of their own
	lost   uint64 // rows of the last look that are in no point at all
}

// rowRef is a key's series; keys that are decoded alike share one.
type rowRef struct {
	s    *series
	look uint64
}

// series is what is remembered of one.
type series struct {
	attrs  attribute.Set
	start  time.Time
	num    number
	counts []uint64
	total  uint64
	look   uint64
	at     int   // its point among those of this look
	newest int64 // tseries: time of the newest point that was sent
}

// point is one data point.
type point struct {
	attrs       attribute.Set
	start, time time.Time
	num         number
	counts      []uint64 // of the ladder
	total       uint64
	sum         float64
	s           *series
}

// newMapMetric decides how a map is exported. sm and parsed may be nil.
func newMapMetric(probe string, base []attribute.KeyValue, m *collector.Map, sm *script.Map, scratch bool, decl *Metric, limit int) *mapMetric {
	declared := decl != nil
	if !declared {
		decl = &Metric{}
	}
	mm := &mapMetric{
		name: decl.Name, unit: decl.Unit, description: decl.Description,
		mapName: m.Name, kind: m.Kind, decl: *decl, limit: limit,
		series: map[attribute.Distinct]*series{}, rows: map[string]*rowRef{},
	}
	if mm.name == "" {
		mm.name = metricName(probe, m.Name)
	}
	if mm.unit == "" {
		mm.unit = unitOf(m.Name, m.Kind)
	}
	mm.name, mm.unit = text(mm.name), text(mm.unit)
	if mm.description == "" {
		mm.description = describe(m)
	}
	mm.description = text(mm.description)
	made := map[string]decode.Decoder{}
	for name, spec := range decl.Decode {
		if d, err := decode.New(spec); err == nil { // New has checked them
			made[name] = d
		}
	}
	mm.labels = newLabels(base, m, decl, made)
	mm.shape = shapeOf(m, sm, decl.Type)
	if mm.shape == shapeHistogram {
		mm.ladder = newLadder(m.Kind, sm)
	}
	if mm.shape == shapeSeries {
		mm.interval = seriesInterval(sm)
	}
	switch {
	case decl.Drop:
		mm.leftOut = leftDropped
	case stackKeyed(m, sm):
		mm.leftOut = leftStack
	case scratch && !declared && m.Kind == string(script.KindValue):
		mm.leftOut = leftScratch
	}
	return mm
}

// value takes a row's value into a point; false where it has none to give.
func (mm *mapMetric) value(r *collector.Row, p *point) bool {
	switch mm.shape {
	case shapeHistogram:
		buckets := r.Value.Buckets()
		if r.Value.Kind() != parser.KindBuckets {
			return false
		}
		p.counts = make([]uint64, len(mm.ladder.bounds)+1)
		mm.ladder.counts(buckets, p.counts)
		for _, n := range p.counts {
			p.total += n
		}
		p.sum = noSum
	case shapeStats:
		if r.Value.Kind() != parser.KindStats {
			return false
		}
		s := r.Value.Stats()
		n, ok := numberOf(s.Count, 0)
		sum, ok2 := numberOf(s.Total, mm.decl.Scale)
		if !ok || !ok2 || n.asFloat() < 0 || n.asFloat() > math.MaxInt64 {
			return false
		}
		p.total, p.sum = uint64(n.i), sum.asFloat()
	default:
		n, ok := numberOf(r.Value, mm.decl.Scale)
		p.num = n
		return ok
	}
	return true
}
