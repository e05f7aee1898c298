package otlp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/collector/executor"
	"tracecar/collector/executor/executortest"
)

// both wants a point with this value over OTLP and at /metrics, of the probe
// "p" and with the further attribute kv, if any.
func both(t *testing.T, e *Exporter, rec *receiver, name, unit, kv string, want int64) {
	t.Helper()
	rec.clear()
	flush(t, e)
	kvs, labels := "tracecar.probe=p", `tracecar_probe="p"`
	if kv != "" {
		key, value, _ := strings.Cut(kv, "=")
		// Attributes stand in their order.
		kvs, labels = kv+","+kvs, fmt.Sprintf("%s=%q,%s", key, value, labels)
		if key > attrProbe {
			kvs, labels = "tracecar.probe=p,"+kv, fmt.Sprintf(`tracecar_probe="p",%s=%q`, key, value)
		}
	}
	if got, want := rec.points(name), fmt.Sprintf("counter{%s} %d", kvs, want); !slices.Contains(got, want) {
		t.Errorf("%s: %q, want %s", name, got, want)
	}
	line := fmt.Sprintf("%s%s_total{%s} %d\n", strings.ReplaceAll(name, ".", "_"), unit, labels, want)
	if page := scrapeText(t, e, ""); !strings.Contains(page, line) {
		t.Errorf("/metrics lacks %q", line)
	}
}

// TestSelfTelemetryLive has a real bpftrace do what the metrics count, and
// compares them with what the Result says.
func TestSelfTelemetryLive(t *testing.T) {
	const (
		full  = `BEGIN { @k[1] = 1; @k[2] = 1; @k[3] = 1; @k[4] = 1; @k[5] = 1; exit(); }`
		many  = `BEGIN { @c[1] = count(); @c[2] = count(); @c[3] = count(); printf("a\n"); printf("b\n"); printf("c\n"); exit(); }`
		torn  = `BEGIN { print(strftime("%Y%n%m", nsecs)); exit(); }`
		stack = `BEGIN { @s[kstack(1)] = count(); @t["x"] = "text"; exit(); }`
	)
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		for name, c := range map[string]struct {
			script collector.Script
			limits executor.Limits
			series int
			check  func(t *testing.T, res *collector.Result, want func(name, unit, kv string, n int64))
		}{
			"helper errors": {collector.Script{Source: full}, executor.Limits{MaxMapKeys: 2}, 0,
				func(t *testing.T, res *collector.Result, want func(name, unit, kv string, n int64)) {
					// 0.17 tells of them only with an option that also reports each
					// delete() of a key that is not there.
					n := int64(3)
					if strings.HasPrefix(p.Version, "0.17.") {
						n = 0
					}
					want("tracecar.helper.errors", "", "", n)
				}},
			"series folded": {collector.Script{Source: many}, executor.Limits{}, 2,
				func(t *testing.T, res *collector.Result, want func(name, unit, kv string, n int64)) {
					want("tracecar.series.folded", "", "", 1)
				}},
			"truncations": {collector.Script{Source: many, MaxRows: 1, MaxEvents: 1}, executor.Limits{}, 0,
				func(t *testing.T, res *collector.Result, want func(name, unit, kv string, n int64)) {
					want("tracecar.truncated", "", "what=rows", 2)
					want("tracecar.truncated", "", "what=events", 2)
					want("tracecar.truncated", "", "what=lines", 0)
				}},
			// Up to 0.17 bpftrace prints the line end of such a value as it is.
			"parse problems": {collector.Script{Source: torn}, executor.Limits{}, 0,
				func(t *testing.T, res *collector.Result, want func(name, unit, kv string, n int64)) {
					var n int64
					if strings.HasPrefix(p.Version, "0.17.") {
						n = 1
					}
					want("tracecar.parse.problems", "", "", n)
				}},
			"maps left out": {collector.Script{Source: stack}, executor.Limits{}, 0,
				func(t *testing.T, res *collector.Result, want func(name, unit, kv string, n int64)) {
					want("tracecar.maps.left_out", "", "reason=stack", 1)
					want("tracecar.rows.lost", "", "", 1)
				}},
		} {
			t.Run(name, func(t *testing.T) {
				rec := &receiver{}
				url, _ := serveGRPC(t, rec, "")
				e := newTestExporter(t, url, func(cfg *Config) {
					if c.series > 0 {
						cfg.MaxSeries = c.series
					}
				})
				r := collector.NewRunner(collector.Options{Bpftrace: p.Path, Limits: c.limits, Observers: []collector.Observer{e.Observe}})
				defer r.Close(context.Background())
				c.script.Probe = "p"
				res := r.Run(t.Context(), c.script)
				if res.Status != collector.StatusCompleted {
					t.Fatalf("%+v", res)
				}
				want := func(name, unit, kv string, n int64) { t.Helper(); both(t, e, rec, name, unit, kv, n) }
				c.check(t, res, want)
				want("tracecar.runs", "", "status=completed", 1)
			})
		}
	})
}

// TestLostEventsLive floods a buffer of one page until bpftrace says that it
// lost events, which it does now and then.
func TestLostEventsLive(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		e := newTestExporter(t, url, nil)
		r := collector.NewRunner(collector.Options{
			Bpftrace: p.Path, Limits: executor.Limits{RingBufferPages: 1}, Observers: []collector.Observer{e.Observe},
		})
		defer r.Close(context.Background())
		run := r.Start(collector.Script{Probe: "p", Source: `interval:ms:20 {
			$i = 0; while ($i < 900) { printf("%s %d\n", "0123456789012345678901234567890123456789", $i); $i = $i + 1; } }`})
		waitFor(t, "lost events", func() bool { return run.Progress().LostEvents > 0 })
		run.Stop()
		<-run.Done()
		res, _ := run.Result(0)
		both(t, e, rec, "tracecar.events.lost", "", "", int64(res.LostEvents))
	})
}

// TestRecordsAndBytesLive counts every message, and the bytes of all but the
// newest one.
func TestRecordsAndBytesLive(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		e := newTestExporter(t, url, nil)
		r := newTestRunner(t, p.Path, e)
		for runs := range int64(2) {
			for range 2 {
				r.Run(t.Context(), collector.Script{Source: `BEGIN { printf("0123456789"); printf("0123456789"); exit(); }`, Probe: "p"})
			}
			// attached_probes and two lines.
			line := int64(len(`{"type": "printf", "data": "0123456789"}` + "\n"))
			head := int64(len(`{"type": "attached_probes", "data": {"probes": 1}}` + "\n"))
			if p.Version >= "0.24" {
				head += int64(len(`"count": 1, `))
			}
			both(t, e, rec, "tracecar.records", "", "", 6*(runs+1))
			both(t, e, rec, "tracecar.output.size", "_bytes", "", 2*(runs+1)*(head+line))
		}
	})
}

// TestStateAndRestartsLive: a script that ends by itself is started again,
// until its probe is given up.
func TestStateAndRestartsLive(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		e := newTestExporter(t, url, nil)
		r := newTestRunner(t, p.Path, e)
		s := collector.NewScheduler(r, collector.SchedulerOptions{})
		defer s.Close(context.Background())
		e.WatchProbes(s.Status)
		probes := []collector.Probe{
			{Name: "p", Source: "BEGIN { exit(); }", Enabled: true, BackoffMin: time.Millisecond, GiveUpAfter: 3},
			{Name: "steady", Source: "interval:ms:5 { @n = count(); }", Enabled: true},
			{Name: "off", Source: "interval:ms:5 { @n = count(); }"},
		}
		if err := s.Apply(probes); err != nil {
			t.Fatal(err)
		}
		states := map[string]string{"p": "given-up", "steady": "running", "off": "disabled"}
		waitFor(t, "the probes' states", func() bool {
			for _, st := range s.Status() {
				if string(st.State) != states[st.Name] {
					return false
				}
			}
			return true
		})
		waitFor(t, "a snapshot of the live probe", func() bool {
			rec.clear()
			flush(t, e)
			return rec.points("steady.n") != nil
		})
		for probe, is := range states {
			for _, state := range probeStates {
				want := 0
				if string(state) == is {
					want = 1
				}
				if got, want := rec.points("tracecar.probe.state"), fmt.Sprintf("gauge{state=%s,tracecar.probe=%s} %d", state, probe, want); !slices.Contains(got, want) {
					t.Errorf("want %s, got %q", want, got)
				}
				if want := fmt.Sprintf("tracecar_probe_state{state=%q,tracecar_probe=%q} %d\n", state, probe, want); !strings.Contains(scrapeText(t, e, ""), want) {
					t.Errorf("/metrics lacks %s", want)
				}
			}
		}
		both(t, e, rec, "tracecar.probe.restarts", "", "", 2)
		both(t, e, rec, "tracecar.runs", "", "status=completed", 3)
		if got := rec.points("tracecar.snapshot.duration"); len(got) != 1 || !strings.HasPrefix(got[0], "histogram{tracecar.probe=steady} count=") {
			t.Errorf("%q", got)
		}
		if page := scrapeText(t, e, ""); !strings.Contains(page, `tracecar_snapshot_duration_seconds_count{tracecar_probe="steady"} `) {
			t.Errorf("no time of snapshots:\n%s", page)
		}
	})
}
