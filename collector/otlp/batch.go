package otlp

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// batchBytes bounds one message of metrics, as estimated: collectors take
// 4 MiB by default, and refuse the whole message beyond.
const batchBytes = 2 << 20

// batches is a metric exporter that splits what it is given into messages of
// a size that collectors take.
type batches struct {
	metric.Exporter
	l       *link
	timeout time.Duration // of one message
	taken   func()        // all messages were
}

// Export sends all of rm or as much as gets through. Once the collector is
// away the rest is not tried: cumulative data heals with the next export.
func (b *batches) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	var errs error
	messages := split(rm, batchBytes)
	for i, m := range messages {
		sendCtx, cancel := context.WithTimeout(ctx, b.timeout)
		err := b.Exporter.Export(sendCtx, m)
		cancel()
		if n, ok := rejected(err); ok {
			// Taken but for a few points, which no repetition mends.
			b.l.lost.Add(n)
			err = nil
		}
		b.l.done(err)
		if err == nil {
			continue
		}
		errs = errors.Join(errs, err)
		if b.l.transient.Load() || ctx.Err() != nil {
			b.l.lost.Add(int64(points(messages[i:])))
			break
		}
		b.l.lost.Add(int64(points(messages[i : i+1])))
	}
	if errs == nil {
		b.taken()
	}
	return errs
}

var rejectedPoints = regexp.MustCompile(`^OTLP partial success: .* \((\d+) metric data points rejected\)$`)

// rejected tells how many points a collector refused of a message that it
// took. The SDK has only words for it.
func rejected(err error) (int64, bool) {
	for ; err != nil; err = errors.Unwrap(err) {
		m := rejectedPoints.FindStringSubmatch(err.Error())
		if m == nil {
			continue
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		return n, err == nil
	}
	return 0, false
}

// split makes messages of at most size bytes each, of one point at least. In
// each message metrics of one name, unit and kind are one; the order of points
// over all messages stays as it is.
func split(rm *metricdata.ResourceMetrics, size int) []*metricdata.ResourceMetrics {
	s := splitter{rm: rm, size: size}
	s.next()
	for i := range rm.ScopeMetrics {
		s.scope = &rm.ScopeMetrics[i]
		s.opened = false
		for j := range s.scope.Metrics {
			s.metric(&s.scope.Metrics[j])
		}
	}
	return s.out
}

type splitter struct {
	rm     *metricdata.ResourceMetrics
	size   int
	out    []*metricdata.ResourceMetrics
	used   int
	scope  *metricdata.ScopeMetrics
	opened bool              // the scope stands in the current message
	at     map[gatherKey]int // the metrics of the scope in the current message
}

func (s *splitter) next() {
	s.out = append(s.out, &metricdata.ResourceMetrics{Resource: s.rm.Resource})
	s.used, s.opened = 0, false
}

func (s *splitter) metric(m *metricdata.Metrics) {
	switch d := m.Data.(type) {
	case metricdata.Gauge[int64]:
		cut(s, m, d.DataPoints, numberSize, func(ps []metricdata.DataPoint[int64]) metricdata.Aggregation {
			return metricdata.Gauge[int64]{DataPoints: ps}
		})
	case metricdata.Gauge[float64]:
		cut(s, m, d.DataPoints, numberSize, func(ps []metricdata.DataPoint[float64]) metricdata.Aggregation {
			return metricdata.Gauge[float64]{DataPoints: ps}
		})
	case metricdata.Sum[int64]:
		cut(s, m, d.DataPoints, numberSize, func(ps []metricdata.DataPoint[int64]) metricdata.Aggregation {
			d.DataPoints = ps
			return d
		})
	case metricdata.Sum[float64]:
		cut(s, m, d.DataPoints, numberSize, func(ps []metricdata.DataPoint[float64]) metricdata.Aggregation {
			d.DataPoints = ps
			return d
		})
	case metricdata.Histogram[float64]:
		cut(s, m, d.DataPoints, func(p *metricdata.HistogramDataPoint[float64]) int {
			return 64 + 8*len(p.Bounds) + 8*len(p.BucketCounts) + attributesSize(p.Attributes)
		}, func(ps []metricdata.HistogramDataPoint[float64]) metricdata.Aggregation {
			d.DataPoints = ps
			return d
		})
	case metricdata.ExponentialHistogram[float64]:
		cut(s, m, d.DataPoints, func(p *metricdata.ExponentialHistogramDataPoint[float64]) int {
			return 96 + 8*len(p.PositiveBucket.Counts) + attributesSize(p.Attributes)
		}, func(ps []metricdata.ExponentialHistogramDataPoint[float64]) metricdata.Aggregation {
			d.DataPoints = ps
			return d
		})
	default: // of the SDK's own instruments: few, and each is there once
		s.put(m, m.Data)
	}
}

func cut[P any](s *splitter, m *metricdata.Metrics, ps []P, size func(*P) int, of func([]P) metricdata.Aggregation) {
	head := 32 + len(m.Name) + len(m.Description) + len(m.Unit)
	from, used := 0, s.used+head
	for i := range ps {
		n := size(&ps[i])
		if used+n > s.size && (i > from || s.used > 0) {
			if i > from {
				s.put(m, of(ps[from:i:i]))
			}
			s.next()
			from, used = i, head
		}
		used += n
	}
	if from < len(ps) {
		s.put(m, of(ps[from:]))
		s.used = used
	}
}

func (s *splitter) put(m *metricdata.Metrics, data metricdata.Aggregation) {
	rm := s.out[len(s.out)-1]
	if !s.opened {
		rm.ScopeMetrics = append(rm.ScopeMetrics, metricdata.ScopeMetrics{Scope: s.scope.Scope})
		s.opened, s.at = true, map[gatherKey]int{}
	}
	sm := &rm.ScopeMetrics[len(rm.ScopeMetrics)-1]
	key := gatherKey{m.Name, m.Unit, kindOf(m.Data)}
	if i, ok := s.at[key]; ok && key.kind != "" {
		sm.Metrics[i].Data = join(sm.Metrics[i].Data, data)
		return
	}
	s.at[key] = len(sm.Metrics)
	sm.Metrics = append(sm.Metrics, metricdata.Metrics{Name: m.Name, Description: m.Description, Unit: m.Unit, Data: data})
}

func numberSize[N int64 | float64](p *metricdata.DataPoint[N]) int {
	return 40 + attributesSize(p.Attributes)
}

func attributesSize(set attribute.Set) (n int) {
	for it := set.Iter(); it.Next(); {
		kv := it.Attribute()
		n += 16 + len(kv.Key)
		if kv.Value.Type() == attribute.STRING {
			n += len(kv.Value.AsString())
		}
	}
	return n
}

// points counts the data points of messages.
func points(ms []*metricdata.ResourceMetrics) (n int) {
	for _, rm := range ms {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				switch d := m.Data.(type) {
				case metricdata.Gauge[int64]:
					n += len(d.DataPoints)
				case metricdata.Gauge[float64]:
					n += len(d.DataPoints)
				case metricdata.Sum[int64]:
					n += len(d.DataPoints)
				case metricdata.Sum[float64]:
					n += len(d.DataPoints)
				case metricdata.Histogram[float64]:
					n += len(d.DataPoints)
				case metricdata.ExponentialHistogram[float64]:
					n += len(d.DataPoints)
				}
			}
		}
	}
	return n
}
