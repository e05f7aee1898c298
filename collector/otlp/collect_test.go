package otlp

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"golang.org/x/sys/unix"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
)

// fake makes a program that takes bpftrace's place, attaches, and never
// prints a map.
func fake(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bpftrace")
	text := `#!/bin/sh
case "$*" in --version) echo bpftrace v0.24.0; exit 0;; *codegen*) cat >/dev/null; exit 0;; esac
cat >/dev/null
trap ':' USR1
trap 'exit 0' INT TERM
echo __BPFTRACE_NOTIFY_PROBES_ATTACHED
echo '{"type": "attached_probes", "data": {"probes": 1}}' >&3
echo '{"type": "printf", "data": "up"}' >&3
while :; do sleep 0.05 </dev/null >/dev/null 2>&1 3>&-; done
`
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSlowRunHoldsUpNobody(t *testing.T) {
	p := executortest.Newest(t)
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, func(c *Config) { c.SnapshotTimeout = time.Second })
	slow, quick := newTestRunner(t, fake(t), e), newTestRunner(t, p.Path, e)
	a := slow.Start(collector.Script{Source: "BEGIN { @x = count(); }", Probe: "slow", Snapshots: true})
	quick.Start(collector.Script{Source: "interval:ms:10 { @x = count(); }", Probe: "quick", Snapshots: true})
	waitFor(t, "the slow run", func() bool { return a.Progress().Events == 1 && !a.Progress().Attaching })
	waitFor(t, "the quick run's points and the slow one's absence", func() bool {
		rec.clear()
		flush(t, e)
		late := false
		for _, p := range rec.points("tracecar.snapshot.failures") {
			late = late || strings.HasPrefix(p, "counter{reason=late,tracecar.probe=slow} ") && !strings.HasSuffix(p, " 0")
		}
		return late && len(rec.points("quick.x")) == 1
	})
	if got := rec.points("slow.x"); got != nil {
		t.Errorf("a state out of nowhere: %q", got)
	}
}

// A bpftrace that is killed and started again: what was seen last stays, and
// then a new start time, so that no rate is negative.
func TestKilledAndRestarted(t *testing.T) {
	p := executortest.Newest(t)
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, nil)
	r := newTestRunner(t, p.Path, e)
	s := collector.Script{Source: "interval:ms:2 { @x = count(); @h = hist(5); }", Probe: "p", Snapshots: true}
	run := r.Start(s)
	var first, second *metricpb.NumberDataPoint
	waitFor(t, "a count", func() bool {
		rec.clear()
		flush(t, e)
		first = rec.number("p.x")
		return first != nil && first.GetAsInt() > 50
	})
	killChildren(t)
	<-run.Done()
	run = r.Start(s)
	waitFor(t, "the count of the second", func() bool {
		rec.clear()
		flush(t, e)
		second = rec.number("p.x")
		return second != nil && second.StartTimeUnixNano != first.StartTimeUnixNano
	})
	if second.StartTimeUnixNano <= first.TimeUnixNano || second.TimeUnixNano <= second.StartTimeUnixNano {
		t.Errorf("first %v, second %v", first, second)
	}
	if got := rec.points("tracecar.runs"); len(got) != 1 || got[0] != "counter{status=killed,tracecar.probe=p} 1" {
		t.Errorf("%q", got)
	}
	run.Stop()
	<-run.Done()
}

// number gives the newest point of a metric.
func (r *receiver) number(name string) (newest *metricpb.NumberDataPoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range r.metrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				for _, p := range m.GetSum().GetDataPoints() {
					if m.Name == name && (newest == nil || p.TimeUnixNano > newest.TimeUnixNano) {
						newest = p
					}
				}
			}
		}
	}
	return newest
}

func killChildren(t *testing.T) {
	t.Helper()
	dirs, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, d := range dirs {
		b, err := os.ReadFile(d)
		if err != nil {
			continue
		}
		rest := string(b[strings.LastIndexByte(string(b), ')')+1:])
		var state string
		var ppid int
		if _, err := fmt.Sscan(rest, &state, &ppid); err == nil && ppid == os.Getpid() && state != "Z" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(d)))
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func TestBoundsOutliveARun(t *testing.T) {
	e := newTestExporter(t, "", func(c *Config) { c.Metrics, c.Traces, c.Logs = Target{}, Target{}, Target{} })
	s := collector.Script{Source: "BEGIN { @h = hist(1); }", Probe: "p"}
	wide := collector.Map{Name: "@h", Kind: "hist", Rows: []collector.Row{{Value: buckets(b(1024, 2047, 1))}}}
	narrow := collector.Map{Name: "@h", Kind: "hist", Rows: []collector.Row{{Value: buckets(b(1, 1, 1))}}}
	ended(e, s, wide)
	ended(e, s, narrow)
	if text := scrapeText(t, e, ""); !strings.Contains(text, `p_h_bucket{tracecar_probe="p",le="2047"} 1`) {
		t.Error(text)
	}
}

func TestStatesOfProbes(t *testing.T) {
	e := newTestExporter(t, "", func(c *Config) { c.Metrics, c.Traces, c.Logs = Target{}, Target{}, Target{} })
	e.WatchProbes(func() []collector.ProbeStatus {
		return []collector.ProbeStatus{{Name: "p", State: collector.ProbeGivenUp, Restarts: 3}}
	})
	text := scrapeText(t, e, "")
	for _, want := range []string{
		`tracecar_probe_state{state="given-up",tracecar_probe="p"} 1`, `tracecar_probe_state{state="running",tracecar_probe="p"} 0`,
		`tracecar_probe_restarts_total{tracecar_probe="p"} 3`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestRejectedPoints(t *testing.T) {
	err := fmt.Errorf("upload: %w", fmt.Errorf("OTLP partial success: out of order (7 metric data points rejected)"))
	if n, ok := rejected(err); !ok || n != 7 {
		t.Errorf("%d %v", n, ok)
	}
	if _, ok := rejected(fmt.Errorf("x")); ok {
		t.Error("any error is a partial success")
	}
}

func TestBootClock(t *testing.T) {
	var c bootClock
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(c.wall(time.Duration(ts.Nano()))); d < -time.Second || d > hangGuard {
		t.Errorf("off by %v", d)
	}
}

// Two readers, runs that come and go, and a shutdown, all at once: for the
// race detector.
func TestReadersAtOnce(t *testing.T) {
	p := executortest.Newest(t)
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, func(c *Config) { c.Interval = 100 * time.Millisecond })
	r := newTestRunner(t, p.Path, e)
	run := r.Start(collector.Script{Source: "interval:ms:1 { @h[rand % 64] = hist(rand); @c[rand % 8] = count(); }", Probe: "p", Snapshots: true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			scrapeText(t, e, "")
			ended(e, collector.Script{Source: countScript}, countMap(3))
		}
	}()
	waitFor(t, "histograms", func() bool { return len(rec.points("p.h")) > 64 })
	<-done
	run.Stop()
	<-run.Done()
	flush(t, e)
}
