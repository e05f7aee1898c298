package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tracecar/e2e/backend"
)

// faultConfig counts and prints at a steady pace.
const faultConfig = `
otlp: {endpoint: %q, protocol: %q, interval: 1500ms}
prometheus: {enabled: true}
probes:
  - name: steady
    restart: {min: 100ms, max: 1s}
    script: |
      interval:ms:50 { @n["a, b"] = count(); @h = hist(@i %% 100); @i++; }
      interval:ms:500 { printf("took %%llu %%d\n", nsecs, @seq); @seq++; }
    metrics: {"@i": {drop: true}, "@seq": {drop: true}}
    spans: [{printf: 1, name: took, start: 1, duration: 2, unit: us}]
`

// away is a tracecar whose collector goes away.
type away struct {
	name       string
	hung       bool // else killed
	prometheus *backend.Prometheus
	collector  *backend.Collector
	tracecar   *backend.Tracecar
	before     []backend.Point
	memory     int // the peak, in KiB
}

// TestCollectorAway takes collectors away in each way they can go, for a minute.
// What is cumulative goes on as if nothing had been, and every span arrives once
// they are back: what waits is far from the bound, so nothing but points is
// lost, and memory hardly grows. TestSpanFlood goes past the bound.
func TestCollectorAway(t *testing.T) {
	version := newest(t)
	var all []*away
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for _, hung := range []bool{false, true} {
			a := &away{name: map[bool]string{false: "killed ", true: "hung "}[hung] + protocol, hung: hung, prometheus: backend.NewPrometheus(t, "")}
			a.collector = backend.NewCollector(t, a.prometheus)
			endpoint := a.collector.GRPC
			if protocol != "grpc" {
				endpoint = a.collector.HTTP
			}
			a.tracecar = backend.NewTracecar(t, version, fmt.Sprintf(faultConfig, endpoint, protocol))
			span(t, a.collector, "took")
			a.before = counts(t, a.collector, 1)
			a.memory = peak(t, a.tracecar.PID())
			all = append(all, a)
		}
	}
	for _, a := range all {
		if a.hung {
			a.collector.Signal(syscall.SIGSTOP)
		} else {
			a.collector.Kill()
		}
	}
	// The outage is what is tested: there is no condition to wait for.
	time.Sleep(time.Minute)
	for _, a := range all {
		t.Run(a.name, a.back)
	}
}

// back has the collector come back, and looks at what it gets.
func (a *away) back(t *testing.T) {
	gone := time.Now()
	waiting, err := value(a.tracecar, `tracecar_export_queue{signal="traces"}`)
	if err != nil || waiting > 8192 {
		t.Errorf("%v spans wait: %v", waiting, err)
	}
	if a.hung {
		a.collector.Signal(syscall.SIGCONT)
	} else {
		a.collector.Start()
	}
	after := counts(t, a.collector, len(a.before)+2)
	healed(t, after)
	if first := a.before[0]; !after[len(after)-1].Start.Equal(first.Start) {
		t.Errorf("the count began anew: %+v, before %+v", after[len(after)-1], first)
	}
	everySpan(t, a.collector, gone)
	for signal, most := range map[string]float64{"traces": 0, "logs": 0, "metrics": 10_000} {
		lost, err := value(a.tracecar, fmt.Sprintf("tracecar_export_lost_total{signal=%q}", signal))
		if err != nil || lost > most || most > 0 && lost == 0 {
			t.Errorf("%v of %s are counted as lost: %v", lost, signal, err)
		}
		t.Logf("%v of %s are counted as lost", lost, signal)
	}
	grown := peak(t, a.tracecar.PID()) - a.memory
	if grown > 64<<10 {
		t.Errorf("memory has grown by %d KiB", grown)
	}
	t.Logf("%v spans waited; the peak of memory has grown by %d KiB from %d KiB; tracecar: %s", waiting, grown, a.memory, usage(t, a.tracecar.PID()))
	noneNegative(t, a.prometheus)
	select {
	case <-a.tracecar.Exited():
		t.Error("tracecar has ended")
	default:
	}
}

// TestReload changes the configuration while runs go on: what did not change
// goes on counting.
func TestReload(t *testing.T) {
	version := newest(t)
	collector := backend.NewCollector(t, nil)
	config := fmt.Sprintf(faultConfig, collector.GRPC, "grpc")
	tracecar := backend.NewTracecar(t, version, config)
	before := counts(t, collector, 1)[0]
	tracecar.Configure(config + "  - {name: second, script: 'interval:ms:50 { @n = count(); }'}\n")
	backend.Until(t, "the new probe", func() error { return has(collector, "second.n") })
	tracecar.Configure("probes: [{name: broken}]\n")
	backend.Until(t, "the broken file shows", func() error {
		page, err := tracecar.Get("/readyz")
		if !strings.Contains(page+fmt.Sprint(err), "config") {
			return fmt.Errorf("/readyz: %s %v", page, err)
		}
		return nil
	})
	points := counts(t, collector, len(counts(t, collector, 1))+2)
	healed(t, points)
	if last := points[len(points)-1]; !last.Start.Equal(before.Start) {
		t.Errorf("the probe that did not change began anew: %+v", last)
	}
}

// TestReloadsUnderLoad changes the configuration again and again while probes
// are busy: what does not change loses nothing, no count and no line.
func TestReloadsUnderLoad(t *testing.T) {
	version := newest(t)
	prometheus := backend.NewPrometheus(t, "")
	collector := backend.NewCollector(t, prometheus)
	config := fmt.Sprintf(faultConfig, collector.GRPC, "grpc") +
		"  - {name: busy, script: 'tracepoint:raw_syscalls:sys_enter { @n[comm] = count(); @h = hist(args->id); }'}\n"
	tracecar := backend.NewTracecar(t, version, config)
	keepBusy(t)
	before := counts(t, collector, 1)[0]
	for i := range 10 {
		extra := fmt.Sprintf("  - {name: extra, script: 'interval:ms:50 { @n%d = count(); }'}\n", i)
		if i%3 == 2 {
			extra = "  - {name: extra}\n" // a mistake
		}
		tracecar.Configure(config + extra)
		outcome, want := "taken", float64(i+1-(i+1)/3)
		if i%3 == 2 {
			outcome, want = "refused", float64((i+1)/3)
		}
		backend.Until(t, fmt.Sprintf("change %d is %s", i, outcome), func() error {
			got, err := value(tracecar, fmt.Sprintf("tracecar_config_changes_total{outcome=%q}", outcome))
			if err == nil && got != want {
				err = fmt.Errorf("%v changes, want %v", got, want)
			}
			return err
		})
	}
	backend.Until(t, "the last change's probe", func() error { return has(collector, "extra.n9") })
	points := counts(t, collector, len(counts(t, collector, 1))+2)
	healed(t, points)
	if last := points[len(points)-1]; !last.Start.Equal(before.Start) {
		t.Errorf("the probe that did not change began anew: %+v", last)
	}
	everySpan(t, collector, time.Now())
	noneNegative(t, prometheus)
	for _, query := range []string{`sum(tracecar_probe_restarts_total)`, `sum(tracecar_export_lost_total)`, `sum(tracecar_snapshot_failures_total{tracecar_probe!="extra"})`} {
		if got, err := prometheus.Value(query); err != nil || got != 0 {
			t.Errorf("%s: %v, %v", query, got, err)
		}
	}
	if page := prometheus.Log(); strings.Contains(page, "refused") {
		t.Errorf("Prometheus refused messages:\n%s", page)
	}
}

// newest is one version, where one will do.
func newest(t *testing.T) backend.Bpftrace {
	t.Helper()
	versions := backend.Bpftraces(t)
	return slices.MaxFunc(versions, func(a, b backend.Bpftrace) int { return a.Minor - b.Minor })
}

// counts waits until steady.n has at least n points.
func counts(t *testing.T, c *backend.Collector, n int) []backend.Point {
	t.Helper()
	var out []backend.Point
	backend.Until(t, fmt.Sprintf("%d points of steady.n", n), func() error {
		points, err := c.Points()
		if err != nil {
			return err
		}
		out = nil
		for _, p := range points {
			if p.Name == "steady.n" {
				out = append(out, p)
			}
		}
		if len(out) < n {
			return fmt.Errorf("%d points", len(out))
		}
		return nil
	})
	// A collector that hung may take up a request that was given up long ago,
	// after newer ones.
	slices.SortStableFunc(out, func(a, b backend.Point) int { return a.Time.Compare(b.Time) })
	return out
}

// peak is the most memory that a process ever held, in KiB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// healed wants a series that only grows under one start time, and where the
// start is a new one, starts after all that was before.
func healed(t *testing.T, points []backend.Point) {
	t.Helper()
	for i, p := range points[1:] {
		last := points[i]
		if !maps.Equal(p.Attributes, map[string]any{"tracecar.probe": "steady", "key0": "a, b"}) {
			t.Errorf("another series: %v", p.Attributes)
		}
		switch {
		case p.Start.Equal(last.Start):
			if p.Value.(int64) < last.Value.(int64) || p.Time.Before(last.Time) {
				t.Errorf("%v at %v after %v at %v", p.Value, p.Time, last.Value, last.Time)
			}
		case p.Start.Before(last.Time):
			t.Errorf("a start at %v after a point at %v", p.Start, last.Time)
		}
	}
}

// everySpan waits for a span that began after the outage, and wants all that
// came before it: the script numbers them by their durations.
func everySpan(t *testing.T, c *backend.Collector, since time.Time) {
	t.Helper()
	backend.Until(t, "all spans", func() error {
		spans, err := c.Spans()
		if err != nil {
			return err
		}
		seen := map[int64]bool{}
		highest, late := int64(0), false
		for _, s := range spans {
			if s.Name == "took" {
				n := s.End.Sub(s.Start).Microseconds()
				seen[n] = true
				highest, late = max(highest, n), late || s.Start.After(since)
			}
		}
		if !late || int64(len(seen)) != highest+1 {
			return fmt.Errorf("%d of %d, one after the outage: %v", len(seen), highest+1, late)
		}
		return nil
	})
}

// noneNegative asks for rates and increases at every second so far.
func noneNegative(t *testing.T, p *backend.Prometheus) {
	t.Helper()
	for _, query := range []string{`rate(steady_n_total[5s])`, `increase(steady_h_count[5s])`, `rate(steady_h_bucket[5s])`,
		`histogram_quantile(0.9, rate(steady_h_bucket[5s]))`} {
		backend.Until(t, query, func() error {
			series, err := p.Range(query, time.Now().Add(-2*time.Minute), time.Second)
			if err != nil {
				return err
			}
			n := 0
			for _, s := range series {
				n += len(s.Values)
				if least := slices.Min(s.Values); least < 0 {
					t.Fatalf("%s is %v: %v", query, least, s)
				}
				// 20 a second are counted.
				if most := slices.Max(s.Values); strings.HasPrefix(query, "rate(steady_n") && most > 60 {
					t.Fatalf("%s is %v: %v", query, most, s)
				}
			}
			if n == 0 {
				return fmt.Errorf("no value")
			}
			return nil
		})
	}
}

// has is nil once a metric was received.
func has(c *backend.Collector, name string) error {
	points, err := c.Points()
	if err != nil {
		return err
	}
	for _, p := range points {
		if p.Name == name {
			return nil
		}
	}
	return fmt.Errorf("%s is not among %d points", name, len(points))
}
