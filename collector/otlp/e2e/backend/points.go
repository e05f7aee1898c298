package backend

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Point is one captured data point with all that stands around it.
type Point struct {
	// Batch counts the messages the collector received.
	Batch int
	// Resource and Attributes hold string, bool, int64, float64, []byte,
	// []any or map[string]any.
	Resource, Attributes    map[string]any
	Scope, ScopeVersion     string
	Name, Unit, Description string
	Type                    pmetric.MetricType
	// Monotonic is of sums, Temporality of sums and histograms.
	Monotonic   bool
	Temporality pmetric.AggregationTemporality
	// Start is zero where the point has none.
	Start, Time time.Time

	// Value is int64 or float64 for sums and gauges, nil for histograms.
	Value any

	// Of histograms. Sum, Min and Max are nil where unset.
	Count         uint64
	Sum, Min, Max *float64
	Bounds        []float64
	Buckets       []uint64
	// Of exponential histograms: Buckets are the positive ones.
	Scale, Offset int32
	Zero          uint64
}

func appendPoints(to []Point, d pmetric.Metrics, batch int) []Point {
	for _, rm := range d.ResourceMetrics().All() {
		resource := rm.Resource().Attributes().AsRaw()
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				base := Point{
					Batch: batch, Resource: resource, Scope: sm.Scope().Name(), ScopeVersion: sm.Scope().Version(),
					Name: m.Name(), Unit: m.Unit(), Description: m.Description(), Type: m.Type(),
				}
				to = appendMetric(to, base, m)
			}
		}
	}
	return to
}

func appendMetric(to []Point, base Point, m pmetric.Metric) []Point {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return appendNumbers(to, base, m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		base.Monotonic, base.Temporality = m.Sum().IsMonotonic(), m.Sum().AggregationTemporality()
		return appendNumbers(to, base, m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		base.Temporality = m.Histogram().AggregationTemporality()
		for _, dp := range m.Histogram().DataPoints().All() {
			p := base
			p.Attributes, p.Start, p.Time = dp.Attributes().AsRaw(), instant(dp.StartTimestamp()), instant(dp.Timestamp())
			p.Count, p.Bounds, p.Buckets = dp.Count(), dp.ExplicitBounds().AsRaw(), dp.BucketCounts().AsRaw()
			p.Sum, p.Min, p.Max = optional(dp.HasSum(), dp.Sum()), optional(dp.HasMin(), dp.Min()), optional(dp.HasMax(), dp.Max())
			to = append(to, p)
		}
	case pmetric.MetricTypeExponentialHistogram:
		base.Temporality = m.ExponentialHistogram().AggregationTemporality()
		for _, dp := range m.ExponentialHistogram().DataPoints().All() {
			p := base
			p.Attributes, p.Start, p.Time = dp.Attributes().AsRaw(), instant(dp.StartTimestamp()), instant(dp.Timestamp())
			p.Count, p.Zero, p.Scale = dp.Count(), dp.ZeroCount(), dp.Scale()
			p.Offset, p.Buckets = dp.Positive().Offset(), dp.Positive().BucketCounts().AsRaw()
			p.Sum, p.Min, p.Max = optional(dp.HasSum(), dp.Sum()), optional(dp.HasMin(), dp.Min()), optional(dp.HasMax(), dp.Max())
			to = append(to, p)
		}
	}
	return to
}

func appendNumbers(to []Point, base Point, points pmetric.NumberDataPointSlice) []Point {
	for _, dp := range points.All() {
		p := base
		p.Attributes, p.Start, p.Time = dp.Attributes().AsRaw(), instant(dp.StartTimestamp()), instant(dp.Timestamp())
		switch dp.ValueType() {
		case pmetric.NumberDataPointValueTypeInt:
			p.Value = dp.IntValue()
		case pmetric.NumberDataPointValueTypeDouble:
			p.Value = dp.DoubleValue()
		}
		to = append(to, p)
	}
	return to
}

func optional(has bool, f float64) *float64 {
	if !has {
		return nil
	}
	return &f
}
