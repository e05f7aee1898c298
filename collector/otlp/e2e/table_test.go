package e2e_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"tracecar/e2e/backend"
)

// tableConfig sends the metrics of testdata/table.bt, with what a
// configuration can declare.
const tableConfig = `
otlp: {endpoint: %q, interval: 2s}
resource: {attributes: {deployment.environment.name: e2e}}
probes:
  - name: table
    file: %q
    logs: off
    metrics:
      "@exp": {name: e2e.exponential, unit: us, buckets: exponential}
      "@paired": {name: e2e.paired, unit: ms, description: "A latency", value_scale: 0.001, sum: "@paired_sum"}
      "@dev": {attributes: [device], decode: {device: majorminor}}
      "@errs": {attributes: [errno], decode: {errno: errno}}
      "@secret": {drop: true}
`

// want is a data point as the table of the design has it.
type want struct {
	name, unit string
	kind       pmetric.MetricType
	monotonic  bool
	attributes map[string]any // beside tracecar.probe
	value      any            // of sums and gauges
	count      uint64
	sum        any // float64, or nil where it must be unset
	bounds     []float64
	buckets    []uint64 // short of the zeros at the end
}

var table = []want{
	{name: "table.calls", kind: sum, monotonic: true, attributes: attrs("key0", "a, b", "key1", int64(7)), value: int64(2)},
	{name: "table.calls", kind: sum, monotonic: true, attributes: attrs("key0", "x", "key1", int64(-1)), value: int64(1)},
	{name: "table.signed_bytes", unit: "By", kind: sum, attributes: attrs("key0", "dd"), value: int64(-5)},
	{name: "table.unsigned_bytes", unit: "By", kind: sum, monotonic: true, attributes: attrs("key0", "dd"), value: int64(5)},
	{name: "table.low_us", unit: "us", kind: gauge, value: int64(3)},
	{name: "table.high", kind: gauge, attributes: attrs("key0", "q"), value: int64(9)},
	{name: "table.mean", kind: gauge, value: int64(6)},
	{name: "table.plain", kind: gauge, attributes: attrs("key0", "k"), value: int64(1<<53 + 1)},
	{name: "table.st_ns", unit: "ns", kind: histogram, attributes: attrs("key0", "q"), count: 2, sum: 15.0},
	{name: "table.usecs", unit: "us", kind: histogram, attributes: attrs("key0", "sda"), count: 7,
		bounds: []float64{0, 1, 3, 7, 15, 31, 63, 127}, buckets: []uint64{1, 1, 2, 2, 0, 0, 0, 1}},
	{name: "table.line", kind: histogram, count: 3,
		bounds: []float64{-1, 9, 19, 29, 39, 49, 59, 69, 79, 89, 99}, buckets: []uint64{1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1}},
	{name: "e2e.exponential", unit: "us", kind: exponential, count: 2, buckets: []uint64{0, 0, 0, 1}},
	{name: "e2e.paired", unit: "ms", kind: histogram, count: 2, sum: 0.007,
		bounds: []float64{0, 0.001, 0.003, 0.007}, buckets: []uint64{0, 0, 1, 1}},
	{name: "table.dev", kind: sum, monotonic: true, attributes: attrs("device", "8:1"), value: int64(1)},
	{name: "table.errs", kind: sum, monotonic: true, attributes: attrs("errno", "ENOENT"), value: int64(1)},
	{name: "table.bytes", kind: sum, monotonic: true, attributes: attrs("key0", "caf\ufffd", "key0.base64", "Y2Fm6Q=="), value: int64(1)},
}

const (
	sum         = pmetric.MetricTypeSum
	gauge       = pmetric.MetricTypeGauge
	histogram   = pmetric.MetricTypeHistogram
	exponential = pmetric.MetricTypeExponentialHistogram
)

func attrs(kv ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i].(string)] = kv[i+1]
	}
	return m
}

// TestTable holds every row of the mapping against what a collector received.
func TestTable(t *testing.T) {
	for _, version := range backend.Bpftraces(t) {
		t.Run(version.Version, func(t *testing.T) {
			prometheus := backend.NewPrometheus(t, "")
			collector := backend.NewCollector(t, prometheus)
			began := time.Now()
			backend.NewTracecar(t, version, fmt.Sprintf(tableConfig, collector.GRPC, testdata(t, "table.bt")))
			for _, w := range table {
				label := fmt.Sprintf("%s %v", w.name, w.attributes)
				backend.Until(t, label, func() error {
					return w.received(collector, attrs("tracecar.probe", "table"), began)
				})
			}
			absent(t, collector, "table.stacks", "table.secret", "table.paired", "table.paired_sum")
			grows(t, collector)
			queries(t, prometheus)
		})
	}
}

// received finds the newest point of w's series and compares it.
func (w *want) received(c *backend.Collector, base map[string]any, began time.Time) error {
	points, err := c.Points()
	if err != nil {
		return err
	}
	all := maps.Clone(base)
	maps.Copy(all, w.attributes)
	var seen []string
	for _, p := range slices.Backward(points) {
		if p.Name != w.name {
			continue
		}
		if !maps.Equal(p.Attributes, all) {
			seen = append(seen, fmt.Sprint(p.Attributes))
			continue
		}
		return w.same(&p, began)
	}
	slices.Sort(seen)
	return fmt.Errorf("not received; of that name: %v", slices.Compact(seen))
}

func (w *want) same(p *backend.Point, began time.Time) error {
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"type", p.Type, w.kind}, {"unit", p.Unit, w.unit}, {"monotonic", p.Monotonic, w.monotonic},
		{"value", p.Value, w.value}, {"count", p.Count, w.count}, {"min", p.Min, (*float64)(nil)}, {"max", p.Max, (*float64)(nil)},
		{"service.name", p.Resource["service.name"], "tracecar"},
		{"deployment.environment.name", p.Resource["deployment.environment.name"], "e2e"},
	} {
		if c.got != c.want {
			return fmt.Errorf("%s is %v, want %v: %+v", c.what, c.got, c.want, *p)
		}
	}
	var got any
	if p.Sum != nil {
		got = *p.Sum
	}
	if f, isFloat := w.sum.(float64); got != w.sum && (!isFloat || got == nil || math.Abs(f-*p.Sum) > 1e-12) {
		return fmt.Errorf("sum is %v, want %v", got, w.sum)
	}
	if err := w.sameBuckets(p); err != nil {
		return err
	}
	if w.kind == gauge {
		if !p.Start.IsZero() {
			return fmt.Errorf("a gauge that starts at %v", p.Start)
		}
	} else if p.Start.Before(began) || !p.Start.Before(p.Time) || p.Temporality != pmetric.AggregationTemporalityCumulative {
		return fmt.Errorf("%v from %v to %v, begun at %v", p.Temporality, p.Start, p.Time, began)
	}
	if now := time.Now(); p.Time.Before(began) || p.Time.After(now) {
		return fmt.Errorf("at %v, which is not between %v and %v", p.Time, began, now)
	}
	return nil
}

// sameBuckets wants the bounds first and the counts first; bounds that follow
// have nothing in them.
func (w *want) sameBuckets(p *backend.Point) error {
	if p.Type == histogram && len(p.Buckets) > 0 && len(p.Buckets) != len(p.Bounds)+1 {
		return fmt.Errorf("%d buckets of %d bounds", len(p.Buckets), len(p.Bounds))
	}
	if len(p.Bounds) < len(w.bounds) || len(p.Buckets) < len(w.buckets) {
		return fmt.Errorf("bounds %v, buckets %v", p.Bounds, p.Buckets)
	}
	for i, b := range w.bounds {
		if math.Abs(p.Bounds[i]-b) > 1e-12 {
			return fmt.Errorf("bounds are %v, want %v", p.Bounds, w.bounds)
		}
	}
	for i, n := range p.Buckets {
		if i < len(w.buckets) && n != w.buckets[i] || i >= len(w.buckets) && n != 0 {
			return fmt.Errorf("buckets are %v, want %v", p.Buckets, w.buckets)
		}
	}
	return nil
}

func absent(t *testing.T, c *backend.Collector, names ...string) {
	t.Helper()
	points, err := c.Points()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		if slices.Contains(names, p.Name) {
			t.Errorf("%s was exported: %+v", p.Name, p)
			return
		}
		for k := range p.Attributes {
			if strings.Contains(k, "stack") {
				t.Errorf("a stack among the attributes of %s: %v", p.Name, p.Attributes)
			}
		}
	}
}

// grows follows a count: it never falls, and its start stays.
func grows(t *testing.T, c *backend.Collector) {
	t.Helper()
	backend.Until(t, "table.ticks has grown", func() error {
		points, err := c.Points()
		if err != nil {
			return err
		}
		ticks := slices.DeleteFunc(slices.Clone(points), func(p backend.Point) bool { return p.Name != "table.ticks" })
		if len(ticks) < 5 {
			return fmt.Errorf("%d points", len(ticks))
		}
		for i, p := range ticks[1:] {
			if last := ticks[i]; p.Value.(int64) < last.Value.(int64) || !p.Start.Equal(last.Start) || !p.Time.After(last.Time) {
				t.Fatalf("%+v after %+v", p, last)
			}
		}
		last := ticks[len(ticks)-1]
		// One tick each 100 ms since the start, give or take what a busy machine
		// makes of it.
		if n, due := float64(last.Value.(int64)), last.Time.Sub(last.Start).Seconds()*10; n > due+2 || n < due/3 {
			return fmt.Errorf("%v ticks in %v", n, last.Time.Sub(last.Start))
		}
		return nil
	})
}

// queries asks Prometheus what its users ask.
func queries(t *testing.T, p *backend.Prometheus) {
	t.Helper()
	for query, want := range map[string]float64{
		`table_calls_total{tracecar_probe="table",key0="a, b",key1="7"}`: 2,
		`table_signed_bytes{key0="dd"}`:                                  -5,
		`table_unsigned_bytes_total`:                                     5,
		`table_low_us_microseconds`:                                      3,
		`table_usecs_microseconds_bucket{le="7"}`:                        6,
		`table_usecs_microseconds_count`:                                 7,
		// The 4th of 7 ends (1, 3]: 3.5 of 7 are 3/4 into it.
		`histogram_quantile(0.5, table_usecs_microseconds_bucket)`: 2.5,
		`histogram_count(e2e_exponential_microseconds)`:            2,
		`e2e_paired_milliseconds_sum`:                              0.007,
	} {
		backend.Until(t, query, func() error {
			got, err := p.Value(query)
			if err == nil && math.Abs(got-want) > 1e-9 {
				err = fmt.Errorf("%v, want %v", got, want)
			}
			return err
		})
	}
	backend.Until(t, "rate", func() error {
		got, err := p.Value(`rate(table_ticks_total[10s])`)
		if err == nil && (got < 1 || got > 12) {
			err = fmt.Errorf("%v ticks a second, want 10", got)
		}
		return err
	})
}
