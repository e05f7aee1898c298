package otlp

import (
	"bufio"
	"math"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

func TestTextFormats(t *testing.T) {
	set := attribute.NewSet(attribute.String("a.b", "q\"u\\o\nte"), attribute.Int64("n", -1))
	rm := &metricdata.ResourceMetrics{
		Resource: resource.NewSchemaless(attribute.String("service.name", "tracecar")),
		ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
			{Name: "x.lat", Unit: "us", Description: "back\\slash", Data: metricdata.Histogram[float64]{DataPoints: []metricdata.HistogramDataPoint[float64]{
				{Attributes: set, StartTime: t0, Count: 3, Sum: math.NaN(), Bounds: []float64{-1, 0, 7}, BucketCounts: []uint64{0, 1, 1, 1}},
			}}},
			{Name: "x-calls", Data: metricdata.Sum[int64]{IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{{Attributes: attribute.NewSet(), StartTime: t0, Value: math.MaxInt64}}}},
			{Name: "x-calls", Data: metricdata.Sum[float64]{IsMonotonic: true, DataPoints: []metricdata.DataPoint[float64]{{Attributes: attribute.NewSet(attribute.Bool("big", true)), StartTime: t0, Value: 1 << 63}}}},
			{Name: "t", Unit: "By/s", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Time: at(2), Value: 2}, {Time: at(1), Value: 1}}}},
		}}},
	}
	for open, want := range map[bool]string{
		false: `# HELP target_info Target metadata
# TYPE target_info gauge
target_info{service_name="tracecar"} 1
# TYPE t_bytes_per_second gauge
t_bytes_per_second 2
# TYPE x_calls_total counter
x_calls_total 9223372036854775807
x_calls_total{big="true"} 9.223372036854775808e+18
# HELP x_lat_microseconds back\\slash
# TYPE x_lat_microseconds histogram
x_lat_microseconds_bucket{a_b="q\"u\\o\nte",n="-1",le="-1"} 0
x_lat_microseconds_bucket{a_b="q\"u\\o\nte",n="-1",le="0"} 1
x_lat_microseconds_bucket{a_b="q\"u\\o\nte",n="-1",le="7"} 2
x_lat_microseconds_bucket{a_b="q\"u\\o\nte",n="-1",le="+Inf"} 3
x_lat_microseconds_count{a_b="q\"u\\o\nte",n="-1"} 3
`,
		true: `# HELP target_info Target metadata
# TYPE target_info gauge
target_info{service_name="tracecar"} 1
# TYPE t_bytes_per_second gauge
# UNIT t_bytes_per_second bytes_per_second
t_bytes_per_second 2
# TYPE x_calls counter
x_calls_total 9223372036854775807
x_calls_created 1700000000.000
x_calls_total{big="true"} 9.223372036854775808e+18
x_calls_created{big="true"} 1700000000.000
# HELP x_lat_microseconds back\\slash
# TYPE x_lat_microseconds histogram
# UNIT x_lat_microseconds microseconds
x_lat_microseconds_bucket{a_b="q\"u\\o\nte",n="-1",le="-1.0"} 0
x_lat_microseconds_bucket{a_b="q\"u\\o\nte",n="-1",le="0.0"} 1
x_lat_microseconds_bucket{a_b="q\"u\\o\nte",n="-1",le="7.0"} 2
x_lat_microseconds_bucket{a_b="q\"u\\o\nte",n="-1",le="+Inf"} 3
x_lat_microseconds_count{a_b="q\"u\\o\nte",n="-1"} 3
x_lat_microseconds_created{a_b="q\"u\\o\nte",n="-1"} 1700000000.000
# EOF
`,
	} {
		var out strings.Builder
		b := bufio.NewWriter(&out)
		(&textWriter{b: b, open: open}).all(rm)
		b.Flush()
		got := strings.ReplaceAll(out.String(), "9.223372036854776e+18", "9.223372036854775808e+18")
		if got != want {
			t.Errorf("open %v: got\n%s\nwant\n%s", open, got, want)
		}
	}
}
