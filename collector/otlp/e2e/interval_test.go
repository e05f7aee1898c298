package e2e_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"tracecar/e2e/backend"
)

// intervalConfig has a probe whose maps are read every fourth export or so.
const intervalConfig = `
otlp: {endpoint: %q, protocol: grpc, interval: 300ms}
probes:
  - name: steady
    interval: 1200ms
    script: 'interval:ms:20 { @n["a, b"] = count(); @g = @g + 1; @h = hist(3); @s["x"] = stats(5); }'
  - {name: often, script: 'interval:ms:20 { @n = count(); }'}
`

// TestProbeInterval holds what Prometheus has of a probe with an interval
// against the reads of its maps, as the collector got them and as /api/probes
// shows them: a sample of each read, at its time, with its value, and no other.
func TestProbeInterval(t *testing.T) {
	prometheus := backend.NewPrometheus(t, "")
	collector := backend.NewCollector(t, prometheus)
	tracecar := backend.NewTracecar(t, newest(t), fmt.Sprintf(intervalConfig, collector.GRPC))
	reads := map[int64]float64{} // by the millisecond
	var points []backend.Point
	sent := map[int64]float64{}
	// Not all of the one are among the other: a read that /api/probes asked for
	// while a message was made is too old for the next one.
	backend.Until(t, "reads of the maps that were sent", func() error {
		at, n, err := lastRead(tracecar)
		if err != nil {
			return err
		}
		reads[at.UnixMilli()] = n
		points = counts(t, collector, 1)
		for _, p := range points {
			sent[p.Time.UnixMilli()] = float64(p.Value.(int64))
		}
		same := 0
		for at, n := range reads {
			got, ok := sent[at]
			if ok && got != n {
				t.Fatalf("read at %d: %v, sent: %v", at, n, got)
			}
			if ok {
				same++
			}
		}
		if same < 5 {
			return fmt.Errorf("%d of %d reads, %d sent", same, len(reads), len(sent))
		}
		return nil
	})
	healed(t, points)
	for i, p := range points[1:] {
		// A reader of nearly the same rhythm may come a tenth early.
		if p.Time.Sub(points[i].Time) < 1080*time.Millisecond {
			t.Errorf("points at %v and %v", points[i].Time, p.Time)
		}
	}
	if len(sent) != len(points) {
		t.Errorf("%d points at %d times", len(points), len(sent))
	}
	last := points[len(points)-1].Time
	// Every metric of the read is at its time, and at no other.
	for _, name := range []string{"steady_n_total", "steady_g", "steady_h_count", "steady_s_count"} {
		var held backend.Series
		backend.Until(t, "Prometheus has the last point of "+name, func() error {
			series, err := prometheus.Query(name + "[10m]")
			if err != nil || len(series) != 1 {
				return fmt.Errorf("%v %w", series, err)
			}
			held = series[0]
			if newest := held.Times[len(held.Times)-1]; newest.UnixMilli() < last.UnixMilli() {
				return fmt.Errorf("the newest is of %v, want %v", newest, last)
			}
			return nil
		})
		has := map[int64]bool{}
		for i, at := range held.Times {
			has[at.UnixMilli()] = true
			n, known := sent[at.UnixMilli()]
			if known && name == "steady_n_total" && held.Values[i] != n || !known && !at.After(last) {
				t.Errorf("%s at %v is %v, sent were %v", name, at, held.Values[i], sent)
			}
		}
		for at := range sent {
			if !has[at] {
				t.Errorf("%s has no sample at %d, sent were %v", name, at, sent)
			}
		}
	}
	// Between the reads the series goes on: whoever asks gets the newest read.
	got, err := prometheus.Range("steady_n_total", points[0].Time.Add(time.Second), 100*time.Millisecond)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v %v", got, err)
	}
	for i, at := range got[0].Times[1:] {
		if at.Sub(got[0].Times[i]) > 150*time.Millisecond {
			t.Errorf("a gap between %v and %v", got[0].Times[i], at)
		}
	}
	// The neighbour is read at each export, whatever this one wants.
	if n, err := prometheus.Value("count_over_time(often_n_total[10m])"); err != nil || n < float64(len(points)) {
		t.Errorf("%v samples of the probe without an interval: %v", n, err)
	}
	if n, err := prometheus.Value(`sum(tracecar_snapshot_failures_total)`); err != nil || n != 0 {
		t.Errorf("%v snapshots failed: %v", n, err)
	}
	if page := prometheus.Log(); page != "" {
		t.Errorf("Prometheus said:\n%s", page)
	}
}

// lastRead is when the maps of steady were read last, and its @n then.
func lastRead(tracecar *backend.Tracecar) (at time.Time, n float64, err error) {
	page, err := tracecar.Get("/api/probes?name=steady")
	if err != nil {
		return at, 0, err
	}
	var doc struct {
		Probes []struct {
			Name   string
			Result struct {
				Snapshot *struct{ Time time.Time }
				Maps     []struct {
					Name string
					Rows []struct{ Value float64 }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(page), &doc); err != nil {
		return at, 0, fmt.Errorf("%w: %s", err, page)
	}
	for _, p := range doc.Probes {
		if p.Name != "steady" || p.Result.Snapshot == nil {
			continue
		}
		for _, m := range p.Result.Maps {
			if m.Name == "@n" && len(m.Rows) == 1 {
				return p.Result.Snapshot.Time, m.Rows[0].Value, nil
			}
		}
	}
	return at, 0, fmt.Errorf("no read of @n: %s", page)
}
