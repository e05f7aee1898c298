package otlp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
)

// costs are the points of what runs cost that were received last: by the name
// of the metric, and the probe, "" for ad hoc runs.
func (r *receiver) costs(probe string) map[string]*metricpb.NumberDataPoint {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]*metricpb.NumberDataPoint{}
	for _, rm := range r.metrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				short, ok := strings.CutPrefix(m.Name, "tracecar.bpf")
				if !ok {
					continue
				}
				for _, p := range append(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()...) {
					if kvs := keyValues(p.Attributes); kvs == "tracecar.probe="+probe || kvs == "" && probe == "" {
						out[short] = p
					}
				}
			}
		}
	}
	return out
}

// TestCostOfAProbeLive: what the Result says a run cost is what is exported,
// since the run's own start; the next run begins anew.
func TestCostOfAProbeLive(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		e := newTestExporter(t, url, nil)
		r := newTestRunner(t, p.Path, e)
		var before map[string]*metricpb.NumberDataPoint // of the run before
		for range 2 {
			run := r.Start(collector.Script{Source: "interval:ms:5 { @n = count(); }", Probe: "dear", Snapshots: true})
			var live map[string]*metricpb.NumberDataPoint
			var n *metricpb.NumberDataPoint
			waitFor(t, "the cost of the live run", func() bool {
				rec.clear()
				flush(t, e)
				live = rec.costs("dear")
				if newer := rec.number("dear.n"); newer != nil {
					n = newer // it comes with its own look
				}
				return n != nil && live[".runs"] != nil && live[".runs"].GetAsInt() > 0 && live[".runs"].StartTimeUnixNano == n.StartTimeUnixNano
			})
			if live[".time"].GetAsDouble() <= 0 || live["trace.cpu.time"].GetAsDouble() <= 0 || live["trace.memory.usage"].GetAsInt() < 1<<20 {
				t.Errorf("live: %v", live)
			}
			page := scrapeText(t, e, "")
			for _, name := range []string{"bpf_time_seconds_total", "bpf_runs_total", "bpftrace_cpu_time_seconds_total", "bpftrace_memory_usage_bytes"} {
				if !strings.Contains(page, "\ntracecar_"+name+`{tracecar_probe="dear"} `) {
					t.Errorf("no %s at /metrics:\n%s", name, page)
				}
			}
			run.Stop()
			<-run.Done()
			rec.clear()
			flush(t, e)
			res, _ := run.Result(0)
			final := rec.costs("dear")
			delete(final, ".unmeasured") // it is of all runs
			if span := rec.spans[len(rec.spans)-1]; !strings.Contains(keyValues(span.Attributes), fmt.Sprintf("tracecar.run.kernel_runs=%d,", *res.Cost.KernelRuns)) {
				t.Errorf("the run's span does not tell: %v", span)
			}
			if got := final[".runs"].GetAsInt(); res.Cost == nil || res.Cost.KernelRuns == nil || got != int64(*res.Cost.KernelRuns) || got < n.GetAsInt() {
				t.Errorf("%d runs, the Result: %+v, counted %v", got, res.Cost, n)
			}
			if got, want := final[".time"].GetAsDouble(), time.Duration(*res.Cost.KernelNS).Seconds(); got != want {
				t.Errorf("%v s, the Result says %v", got, want)
			}
			if got, want := final["trace.cpu.time"], time.Duration(res.Cost.CPUNS).Seconds(); got.GetAsDouble() < want || got.StartTimeUnixNano != uint64(run.Started().UnixNano()) {
				t.Errorf("%v, the Result says %v s", got, want)
			}
			if got := final["trace.memory.usage"]; got != nil {
				t.Errorf("a bpftrace that has ended holds memory: %v", got)
			}
			for name, p := range final {
				if was := before[name]; was != nil && p.StartTimeUnixNano < was.TimeUnixNano {
					t.Errorf("%s starts at %d, the run before was at %v", name, p.StartTimeUnixNano, was)
				}
			}
			before = final
			rec.clear()
			flush(t, e)
			if got := rec.costs("dear"); len(got) != 1 || got[".unmeasured"] == nil {
				t.Errorf("what was received is sent again: %v", got)
			}
		}
	})
}

// TestCostOfAdHocRuns: they are added up, since tracecar's start.
func TestCostOfAdHocRuns(t *testing.T) {
	p := executortest.Newest(t)
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, nil)
	r := newTestRunner(t, p.Path, e)
	var runs int64
	for range 2 {
		run := r.Start(collector.Script{Source: "interval:ms:5 { @n = count(); }"})
		waitFor(t, "its programs", func() bool { c := run.Cost(); return c != nil && c.KernelRuns != nil && *c.KernelRuns > 0 })
		run.Stop()
		<-run.Done()
		res, _ := run.Result(0)
		if res.Cost == nil || res.Cost.KernelRuns == nil {
			t.Fatalf("%+v", res)
		}
		runs += int64(*res.Cost.KernelRuns)
	}
	flush(t, e)
	got := rec.costs("")
	if got[".runs"].GetAsInt() != runs || got[".runs"].StartTimeUnixNano != uint64(e.started.UnixNano()) || got["trace.memory.usage"] != nil {
		t.Errorf("%v, want %d runs", got, runs)
	}
	run := r.Start(collector.Script{Source: "interval:ms:5 { @n = count(); }"})
	waitFor(t, "the live run's part", func() bool {
		rec.clear()
		flush(t, e)
		got = rec.costs("")
		return got[".runs"].GetAsInt() > runs && got["trace.memory.usage"] != nil
	})
	least := got[".runs"].GetAsInt()
	run.Stop()
	<-run.Done()
	rec.clear()
	flush(t, e)
	res, _ := run.Result(0)
	if got := rec.costs("")[".runs"].GetAsInt(); got != runs+int64(*res.Cost.KernelRuns) || got < least {
		t.Errorf("%d runs, %d before, want %d", got, least, runs+int64(*res.Cost.KernelRuns))
	}
	if page, want := scrapeText(t, e, ""), fmt.Sprintf("\ntracecar_bpf_runs_total %d\n", runs+int64(*res.Cost.KernelRuns)); !strings.Contains(page, want) {
		t.Errorf("no %q at /metrics:\n%s", want, page)
	}
}

// TestCostThatIsNotKnown: no number, rather than 0.
func TestCostThatIsNotKnown(t *testing.T) {
	for _, probe := range []string{"p", ""} {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		e := newTestExporter(t, url, nil)
		endedAs(e, collector.Script{Source: countScript, Probe: probe}, collector.Result{
			Status: collector.StatusCompleted, ProbesAttached: 1, Cost: &collector.Cost{CPUNS: 5e8},
		})
		endedAs(e, collector.Script{Source: countScript, Probe: probe}, collector.Result{Status: collector.StatusFailed})
		flush(t, e)
		got := rec.costs(probe)
		if got[".time"] != nil || got[".runs"] != nil || got["trace.cpu.time"].GetAsDouble() != 0.5 || got[".unmeasured"].GetAsInt() != 1 {
			t.Errorf("%q: %v", probe, got)
		}
		if page := scrapeText(t, e, ""); strings.Contains(page, "tracecar_bpf_time") {
			t.Errorf("%q: a number at /metrics", probe)
		}
	}
}
