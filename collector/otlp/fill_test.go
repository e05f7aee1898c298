package otlp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tracecar/collector"
	"tracecar/collector/executor"
	"tracecar/collector/executor/executortest"
)

// fillScript has a map that is full, some that are not, and one without keys.
const fillScript = `BEGIN {
	@k[1] = 1; @k[2] = 1; @k[3] = 1; delete(@k[2]);
	@full["a"] = count(); @full["b"] = count(); @full["c"] = count(); @full["d"] = count();
	@h["x"] = hist(1); @h["x"] = hist(100); @h["x"] = hist(100);
	@t["x"] = "text"; @n = count();
} interval:ms:20 { printf("tick\n"); }`

// TestMapFillLive: how full the maps of a probe are is sent with each read of
// them, at its time, of a live run and of one that has ended.
func TestMapFillLive(t *testing.T) {
	want := []string{}
	for name, n := range map[string]int{"@k": 2, "@full": 4, "@h": 2, "@t": 1} {
		want = append(want, fmt.Sprintf("gauge{tracecar.map=%s,tracecar.probe=p} %d", name, n))
	}
	slices.Sort(want)
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		e := newTestExporter(t, url, nil)
		r := collector.NewRunner(collector.Options{Bpftrace: p.Path, Limits: executor.Limits{MaxMapKeys: 4}, Observers: []collector.Observer{e.Observe}})
		defer r.Close(context.Background())
		run := r.Start(collector.Script{Probe: "p", Source: fillScript, Snapshots: true})
		adhoc := r.Start(collector.Script{Source: fillScript, Snapshots: true})
		for _, run := range []*collector.Run{run, adhoc} {
			waitFor(t, "a tick", func() bool { return run.Progress().Events > 0 })
			<-run.Attached()
		}
		check := func(when string) {
			t.Helper()
			rec.clear()
			flush(t, e)
			for name, want := range map[string][]string{"tracecar.map.usage": want, "tracecar.map.limit": limits(want)} {
				got := rec.points(name)
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("%s: %s: %q, want %q", when, name, got, want)
				}
			}
			// At the time of the maps' own points.
			if times, read := rec.times("tracecar.map.usage"), timesOf(rec, "p.n"); len(times) == 0 || len(read) != 1 || times[0] != read[0] {
				t.Errorf("%s: filled at %d, read at %d", when, times, read)
			}
		}
		check("live")
		for _, line := range []string{`tracecar_map_usage{tracecar_map="@full",tracecar_probe="p"} 4`, `tracecar_map_limit{tracecar_map="@full",tracecar_probe="p"} 4`} {
			if page := scrapeText(t, e, ""); !strings.Contains(page, "\n"+line+"\n") {
				t.Errorf("/metrics lacks %s", line)
			}
		}
		for _, run := range []*collector.Run{run, adhoc} {
			run.Stop()
			<-run.Done()
		}
		check("ended")
	})
}

// limits are the points of the limit for those of the usage: 4 everywhere.
func limits(usage []string) (out []string) {
	for _, s := range usage {
		at := strings.LastIndexByte(s, ' ')
		out = append(out, s[:at]+" 4")
	}
	slices.Sort(out)
	return out
}
