package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tracecar/e2e/backend"
)

const newerConfig = `
otlp: {endpoint: %q, interval: 1500ms}
resource: {attributes: {deployment.environment.name: e2e}}
probes:
  - {name: newer, file: %q}
`

// TestHistK is the row of hist(n, k), which 0.17 has not.
func TestHistK(t *testing.T) {
	for _, version := range backend.Bpftraces(t) {
		if version.Minor < 23 {
			continue
		}
		t.Run(version.Version, func(t *testing.T) {
			collector := backend.NewCollector(t, nil)
			began := time.Now()
			backend.NewTracecar(t, version, fmt.Sprintf(newerConfig, collector.GRPC, testdata(t, "histk.bt")))
			fine := want{name: "newer.fine", kind: histogram, count: 3, bounds: []float64{9, 11, 13}, buckets: []uint64{0, 1, 2}}
			backend.Until(t, fine.name, func() error {
				return fine.received(collector, attrs("tracecar.probe", "newer"), began)
			})
		})
	}
}

// TestTSeries is the row of tseries(), new in 0.24: gauge points at their own
// times. They are older than what Prometheus has of the same target, so it
// runs with the example's configuration, which lets them in.
func TestTSeries(t *testing.T) {
	version := newest(t)
	if version.Minor < 24 {
		t.Skip("skip: tseries() needs bpftrace 0.24")
	}
	prometheus := backend.NewPrometheus(t, filepath.Join(backend.Root(t), "examples", "otel", "prometheus.yaml"))
	collector := backend.NewCollector(t, prometheus)
	began := time.Now()
	backend.NewTracecar(t, version, fmt.Sprintf(newerConfig, collector.GRPC, testdata(t, "tseries.bt")))
	backend.Until(t, "points of newer.series", func() error {
		points, err := collector.Points()
		if err != nil {
			return err
		}
		points = slices.DeleteFunc(slices.Clone(points), func(p backend.Point) bool { return p.Name != "newer.series" })
		if len(points) < 3 {
			return fmt.Errorf("%d points", len(points))
		}
		for i, p := range points {
			// A window of one second in which the last of ten values is 5.
			if p.Type != gauge || p.Value != int64(5) || p.Attributes["key0"] != int64(7) || p.Time.Nanosecond() != 0 || p.Time.Before(began.Add(-time.Second)) {
				t.Fatalf("%+v", p)
			}
			if i > 0 && !p.Time.After(points[i-1].Time) {
				t.Fatalf("%v after %v: a point that was sent before", p.Time, points[i-1].Time)
			}
		}
		return nil
	})
	backend.Until(t, "the series in Prometheus", func() error {
		got, err := prometheus.Value(`sum(count_over_time(newer_series[1m]))`)
		if err == nil && got < 3 {
			err = fmt.Errorf("%v points", got)
		}
		return err
	})
}

// TestOverflow folds what is beyond the limit of series: the sum stays.
func TestOverflow(t *testing.T) {
	for _, version := range backend.Bpftraces(t) {
		t.Run(version.Version, func(t *testing.T) {
			prometheus := backend.NewPrometheus(t, "")
			collector := backend.NewCollector(t, prometheus)
			backend.NewTracecar(t, version, fmt.Sprintf(`
otlp: {endpoint: %q, interval: 1500ms}
probes:
  - name: many
    max_series: 5
    script: 'BEGIN { $i = 0; unroll(20) { @n[$i] = count(); $i = $i + 1; } } interval:s:60 { exit(); }'
`, collector.GRPC))
			for query, want := range map[string]float64{
				`count(many_n_total)`:                                   6,
				`sum(many_n_total)`:                                     20,
				`many_n_total{otel_metric_overflow="true"}`:             15,
				`tracecar_series_folded_total{tracecar_probe="many"}>0`: -1,
			} {
				backend.Until(t, query, func() error {
					got, err := prometheus.Value(query)
					if err == nil && want >= 0 && got != want {
						err = fmt.Errorf("%v, want %v", got, want)
					}
					return err
				})
			}
		})
	}
}
