package otlp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
)

// TestProbeInterval: what a probe's own interval holds back is no newer read.
// Over OTLP it is sent once, under its time; at /metrics it stands with it.
func TestProbeInterval(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		e := newTestExporter(t, url, nil)
		r := newTestRunner(t, p.Path, e)
		source := `interval:ms:5 { @n = count(); @h = hist(3); printf("tick\n"); }`
		slow := r.Start(collector.Script{Source: source, Probe: "slow", Snapshots: true, SnapshotInterval: time.Hour})
		fast := r.Start(collector.Script{Source: source, Probe: "fast", Snapshots: true})
		for _, run := range []*collector.Run{slow, fast} {
			waitFor(t, "ticks", func() bool { return run.Progress().Events > 2 })
			<-run.Attached()
		}
		flush(t, e)
		snap, err := slow.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sent := timesOf(rec, "slow.n")
		if len(sent) != 1 || sent[0] != uint64(snap.Time.UnixNano()) {
			t.Fatalf("sent at %d, read at %d", sent, snap.Time.UnixNano())
		}
		rec.clear()
		// A read that is not a second old serves a second collection.
		waitFor(t, "a newer state of the other", func() bool {
			rec.clear()
			flush(t, e)
			now := timesOf(rec, "fast.n")
			return len(now) == 1 && now[0] > sent[0]+uint64(young)
		})
		if again := timesOf(rec, "slow.n"); again != nil {
			t.Errorf("sent again, of %d", again)
		}
		for accept, stamp := range map[string]string{
			"":                             fmt.Sprint(snap.Time.UnixMilli()),
			"application/openmetrics-text": unixText(snap.Time),
		} {
			page := scrapeText(t, e, accept)
			for line := range strings.Lines(page) {
				line = strings.TrimSuffix(line, "\n")
				dated := strings.HasPrefix(line, "slow_") || strings.HasPrefix(line, "tracecar_map_") && strings.Contains(line, `"slow"`)
				if strings.HasPrefix(line, "#") || strings.HasSuffix(line, " "+stamp) == dated {
					continue
				}
				t.Errorf("%q: want a time %v: %s", accept, dated, line)
			}
			for _, name := range []string{"slow_n_total{", "slow_h_bucket{", "slow_h_count{", "fast_n_total{"} {
				if !strings.Contains(page, "\n"+name) {
					t.Errorf("%q: no %s", accept, name)
				}
			}
		}
		// A state that was read before the last message was made is too late.
		e.mu.Lock()
		late := e.runs[0]
		e.mu.Unlock()
		late.mu.Lock()
		late.exported = time.Time{}
		late.mu.Unlock()
		rec.clear()
		flush(t, e)
		if got := timesOf(rec, "slow.n"); got != nil {
			t.Errorf("sent after a newer message, of %d", got)
		}
		slow.Stop()
		<-slow.Done()
		rec.clear()
		flush(t, e)
		if final := timesOf(rec, "slow.n"); len(final) != 1 || final[0] <= sent[0] {
			t.Errorf("the final state: %d after %d", final, sent)
		}
	})
}

// timesOf are the times of the points of a metric.
func timesOf(rec *receiver, name string) (times []uint64) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, rm := range rec.metrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if m.Name == name {
					for _, p := range m.GetSum().GetDataPoints() {
						times = append(times, p.TimeUnixNano)
					}
				}
			}
		}
	}
	return times
}
