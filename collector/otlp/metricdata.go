package otlp

import (
	"math"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// metrics gives what the last look saw and is still to be sent.
func (mm *mapMetric) metrics() []metricdata.Metrics {
	return mm.metricsOf(mm.unsent(), mm.exponentially())
}

// shown gives all that the last look saw, for the text formats: these have no
// exponential histograms.
func (mm *mapMetric) shown() []metricdata.Metrics { return mm.metricsOf(mm.points, false) }

// metricsOf makes metrics of points. Numbers beyond an int64 stand in a metric
// of the same name beside the others.
func (mm *mapMetric) metricsOf(points []point, exponential bool) []metricdata.Metrics {
	if len(points) == 0 {
		return nil
	}
	var data []metricdata.Aggregation
	switch mm.shape {
	case shapeHistogram, shapeStats:
		data = append(data, mm.histogram(points, exponential))
	case shapeCounter, shapeUpDown:
		ints, floats := numbersOf(points)
		if len(ints) > 0 {
			data = append(data, metricdata.Sum[int64]{DataPoints: ints, Temporality: metricdata.CumulativeTemporality, IsMonotonic: mm.shape == shapeCounter})
		}
		if len(floats) > 0 {
			data = append(data, metricdata.Sum[float64]{DataPoints: floats, Temporality: metricdata.CumulativeTemporality, IsMonotonic: mm.shape == shapeCounter})
		}
	default:
		ints, floats := numbersOf(points)
		if len(ints) > 0 {
			data = append(data, metricdata.Gauge[int64]{DataPoints: ints})
		}
		if len(floats) > 0 {
			data = append(data, metricdata.Gauge[float64]{DataPoints: floats})
		}
	}
	out := make([]metricdata.Metrics, 0, len(data))
	for _, d := range data {
		out = append(out, metricdata.Metrics{Name: mm.name, Description: mm.description, Unit: mm.unit, Data: d})
	}
	return out
}

func numbersOf(points []point) (ints []metricdata.DataPoint[int64], floats []metricdata.DataPoint[float64]) {
	ints = make([]metricdata.DataPoint[int64], 0, len(points))
	for i := range points {
		p := &points[i]
		if p.num.float {
			floats = append(floats, metricdata.DataPoint[float64]{Attributes: p.attrs, StartTime: p.start, Time: p.time, Value: p.num.f})
		} else {
			ints = append(ints, metricdata.DataPoint[int64]{Attributes: p.attrs, StartTime: p.start, Time: p.time, Value: p.num.i})
		}
	}
	return ints, floats
}

func (mm *mapMetric) histogram(points []point, exponential bool) metricdata.Aggregation {
	if exponential && !mm.ladder.negative {
		return mm.exponential(points)
	}
	h := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	var bounds []float64
	if mm.ladder != nil {
		bounds = mm.ladder.floats(mm.decl.Scale)
	}
	for i := range points {
		p := &points[i]
		h.DataPoints = append(h.DataPoints, metricdata.HistogramDataPoint[float64]{
			Attributes: p.attrs, StartTime: p.start, Time: p.time,
			Count: p.total, Sum: p.knownSum(), Bounds: bounds, BucketCounts: p.counts,
		})
	}
	return h
}

// exponentially tells whether the map is to be an exponential histogram.
func (mm *mapMetric) exponentially() bool {
	return mm.decl.Exponential && mm.ladder != nil && mm.ladder.octaves && (mm.decl.Scale == 0 || mm.decl.Scale == 1)
}

// exponential states bpftrace's [2^e, 2^(e+1)-1] as (2^e, 2^(e+1)]: all that
// OTLP's buckets, open below, allow. 0 and 1 are exact.
func (mm *mapMetric) exponential(points []point) metricdata.Aggregation {
	h := metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality}
	for i := range points {
		p := &points[i]
		dp := metricdata.ExponentialHistogramDataPoint[float64]{
			Attributes: p.attrs, StartTime: p.start, Time: p.time, Count: p.total, Sum: p.knownSum(),
		}
		if len(p.counts) > 0 {
			// counts: 0, 1, 2-3, 4-7, …, and what is above all bounds. The bucket
			// (0.5, 1] has the index -1, (1, 2] the index 0.
			dp.ZeroCount = p.counts[0]
			above := p.counts[1:]
			dp.PositiveBucket.Offset = -1
			dp.PositiveBucket.Counts = make([]uint64, len(above)+1)
			for j, n := range above {
				at := j
				if j > 0 {
					at = j + 1 // [2, 3] is (2, 4], index 1
				}
				dp.PositiveBucket.Counts[at] = n
			}
		}
		h.DataPoints = append(h.DataPoints, dp)
	}
	return h
}

// knownSum is the sum, or noSum, bit for bit: arithmetic may have made another
// NaN of it.
func (p *point) knownSum() float64 {
	if math.IsNaN(p.sum) {
		return noSum
	}
	return p.sum
}
