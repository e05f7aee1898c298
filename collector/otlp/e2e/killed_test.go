package e2e_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tracecar/e2e/backend"
)

// killedConfig counts the calls of a caller, and nobody else's.
const killedConfig = `
otlp: {endpoint: %q, protocol: grpc, interval: 400ms}
probes:
  - name: steady
    restart: {min: 100ms, max: 1s}
    script: |
      tracepoint:syscalls:sys_enter_getpgid /args->pid == %d/ { @n["a, b"] = count(); @h = hist(7); }
`

// caller makes a system call with an argument of its own again and again, and
// knows when it had begun how many: no counter may be ahead of it.
type caller struct {
	arg   int
	mu    sync.Mutex
	times []time.Time // of each call, before it was made
}

func newCaller(t *testing.T, arg int) *caller {
	c := &caller{arg: arg}
	tick := time.NewTicker(20 * time.Millisecond)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			c.mu.Lock()
			c.times = append(c.times, time.Now())
			c.mu.Unlock()
			_, _ = syscall.Getpgid(c.arg) // there is no such process: the call is what counts
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { tick.Stop(); close(stop); <-done })
	return c
}

// until is how many calls were begun by then.
func (c *caller) until(at time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.times {
		if !t.After(at) {
			n++
		}
	}
	return n
}

// killSeed is TRACECAR_E2E_SEED, to repeat a failure, or another each time.
func killSeed(t *testing.T) uint64 {
	seed := rand.Uint64()
	if text := os.Getenv("TRACECAR_E2E_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TRACECAR_E2E_SEED: %v", err)
		}
	}
	t.Logf("TRACECAR_E2E_SEED=%d", seed)
	return seed
}

// TestBpftraceKilled kills bpftrace under a continuous probe at random
// moments: while it counts, between a read of its maps and the next, and twice
// in a row, while the next one waits, compiles or attaches. Each new one counts
// from zero and says so by its start time; Prometheus never sees more than was
// there to count.
func TestBpftraceKilled(t *testing.T) {
	const rounds = 4
	for _, version := range backend.Bpftraces(t) {
		t.Run(version.Version, func(t *testing.T) {
			random := rand.New(rand.NewPCG(killSeed(t), 0))
			prometheus := backend.NewPrometheus(t, "")
			collector := backend.NewCollector(t, prometheus)
			calls := newCaller(t, 1_500_000_000+random.IntN(1<<29))
			tracecar := backend.NewTracecar(t, version, fmt.Sprintf(killedConfig, collector.GRPC, calls.arg))
			points := counts(t, collector, 2)
			kills := 0
			for round := range rounds {
				old := points[len(points)-1].Start
				var killed time.Time
				for again := range 1 + round%2 {
					moment := time.Duration(random.Int64N(int64(1200 * time.Millisecond)))
					if again > 0 {
						moment = time.Duration(random.Int64N(int64(500 * time.Millisecond)))
					}
					t.Logf("round %d: kill %d after %v", round, again, moment)
					// The moment is what is tested: nothing is waited for.
					time.Sleep(moment)
					killed = killChildren(t, tracecar)
					kills++
				}
				points = since(t, collector, killed)
				if last := points[len(points)-1]; !last.Start.After(old) {
					t.Fatalf("starts at %v, before the kill at %v", last.Start, old)
				}
			}
			points = counts(t, collector, len(points)+3)
			healed(t, points)
			if n := starts(points); n < rounds+1 || n > kills+1 {
				t.Errorf("%d starts after %d kills in %d rounds", n, kills, rounds)
			}
			honest(t, prometheus, calls, points)
			if page := prometheus.Log(); strings.Contains(page, "refused") {
				t.Errorf("Prometheus refused messages:\n%s", page)
			}
			backend.Until(t, "the kills are counted", func() error {
				got, err := prometheus.Value(`sum(tracecar_probe_restarts_total{tracecar_probe="steady"})`)
				if err == nil && got != float64(kills) {
					err = fmt.Errorf("%v restarts after %d kills", got, kills)
				}
				return err
			})
		})
	}
}

// killChildren kills all that tracecar has started, at least one, says when,
// and waits until they are gone: a second kill must not find the same ones.
func killChildren(t *testing.T, tracecar *backend.Tracecar) (killed time.Time) {
	t.Helper()
	var gone []int
	backend.Until(t, "a bpftrace to kill", func() error {
		killed = time.Now()
		for _, pid := range tracecar.Children() {
			switch err := syscall.Kill(pid, syscall.SIGKILL); {
			case err == nil:
				gone = append(gone, pid)
			case !errors.Is(err, syscall.ESRCH):
				t.Fatal(err)
			}
		}
		if len(gone) == 0 {
			return errors.New("none runs")
		}
		return nil
	})
	backend.Until(t, "the killed are gone", func() error {
		for _, pid := range tracecar.Children() {
			if slices.Contains(gone, pid) {
				return fmt.Errorf("%d is there", pid)
			}
		}
		return nil
	})
	return killed
}

// since waits for a point of steady.n whose start is after a moment, and
// returns all points so far.
func since(t *testing.T, c *backend.Collector, moment time.Time) (points []backend.Point) {
	t.Helper()
	backend.Until(t, "a new start time", func() error {
		points = counts(t, c, 1)
		if last := points[len(points)-1]; !last.Start.After(moment) {
			return fmt.Errorf("still %v, not after %v", last.Start, moment)
		}
		return nil
	})
	return points
}

// starts is how many start times there are.
func starts(points []backend.Point) int {
	seen := map[time.Time]bool{}
	for _, p := range points {
		seen[p.Start] = true
	}
	return len(seen)
}

// honest wants of Prometheus no negative rate, and at each moment no increase
// since the beginning past the calls that were made by then.
func honest(t *testing.T, p *backend.Prometheus, calls *caller, points []backend.Point) {
	t.Helper()
	last := points[len(points)-1].Time
	backend.Until(t, "Prometheus has the last point", func() error {
		got, err := p.Query("timestamp(steady_n_total)")
		if err == nil && (len(got) != 1 || got[0].Values[0]*1000 < float64(last.UnixMilli())) {
			err = fmt.Errorf("%v, want %v", got, last)
		}
		return err
	})
	begin := points[0].Time
	for _, query := range []string{
		`rate(steady_n_total[2s])`, `rate(steady_n_total[5s])`, `increase(steady_h_bucket[3s])`, `increase(steady_h_count[10s])`,
		`increase(steady_n_total[10m] anchored)`, `increase(steady_h_count[10m] anchored)`,
	} {
		// Between the reads, too: a step is no multiple of the interval.
		series, err := p.Range(query, begin, 170*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if len(series) == 0 {
			t.Errorf("%s: no value", query)
		}
		for _, s := range series {
			for i, v := range s.Values {
				if v < 0 {
					t.Fatalf("%s at %v: %v", query, s.Times[i], v)
				}
				// Times are in whole milliseconds.
				if most := calls.until(s.Times[i].Add(time.Millisecond)); strings.Contains(query, "anchored") && v > float64(most) {
					t.Fatalf("%s at %v: %v, but %d calls were made", query, s.Times[i], v, most)
				}
			}
		}
	}
	counted, err := p.Value(`increase(steady_n_total[10m] anchored)`)
	if err != nil || counted == 0 {
		t.Errorf("%v were counted: %v", counted, err)
	}
	t.Logf("%v of %d calls counted", counted, calls.until(last))
}
