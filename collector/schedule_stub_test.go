package collector

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stub takes the Runner's place on a clock that tests turn: its runs do what
// plan says and start no process. It fails the test where a probe overlaps
// with itself.
type stub struct {
	t    *testing.T
	plan func(n int, s Script) act // of the n-th start of that probe, from 0

	mu        sync.Mutex
	runs      map[string][]*Run
	at        map[string][]time.Duration // since begun
	begun     time.Time
	installed string
	broken    error
	forgotten []string
	startingN int // not attached and not ended
	maxStart  int
}

// act is what a stub's run does.
type act struct {
	attach time.Duration // -1: never
	end    time.Duration // after the start; 0: when stopped
	status Status
	stop   time.Duration // how long a stop takes
}

func (r *stub) Start(s Script, _ ...Sink) *Run {
	run := newRun(s, true, Options{}.withDefaults())
	r.mu.Lock()
	defer r.mu.Unlock()
	name := s.Probe
	if s.Trigger != "schedule" || !s.Snapshots || name == "" {
		r.t.Errorf("started with %+v", s)
	}
	for _, other := range r.runs[name] {
		if !other.isDone() {
			r.t.Errorf("%s overlaps with itself", name)
		}
	}
	a := r.plan(len(r.runs[name]), s)
	r.runs[name] = append(r.runs[name], run)
	r.at[name] = append(r.at[name], time.Since(r.begun))
	r.startingN++
	r.maxStart = max(r.maxStart, r.startingN)
	go r.live(run, a)
	return run
}

func (r *stub) live(run *Run, a act) {
	attach, end := make(<-chan time.Time), make(<-chan time.Time)
	if a.attach >= 0 {
		attach = time.After(a.attach)
	}
	if a.end > 0 {
		end = time.After(a.end)
	}
	starting := true
	attached := func() {
		if starting {
			starting = false
			r.mu.Lock()
			r.startingN--
			r.mu.Unlock()
		}
	}
	for {
		select {
		case <-attach:
			run.setAttached()
			attached()
			continue
		case <-end:
		case <-run.stop:
			time.Sleep(a.stop)
			a.status = StatusCancelled
		}
		break
	}
	attached()
	run.mu.Lock()
	run.ended = time.Now()
	run.mu.Unlock()
	res := &Result{Status: a.status, BpftraceVersion: run.script.Source}
	if a.status == StatusFailed || a.status == StatusKilled {
		res.Diagnostics = []Diagnostic{{Severity: "warning", Noise: true}, {Severity: "error", Message: "it broke"}}
	}
	run.finish(res)
}

func (r *stub) version(context.Context, bool) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.installed, r.broken
}

func (r *stub) forgetProbe(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgotten = append(r.forgotten, name)
}

// starts returns when a probe was started, since the test began.
func (r *stub) starts(name string) []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.at[name])
}

// run is the n-th of a probe.
func (r *stub) run(name string, n int) *Run {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if n >= len(r.runs[name]) {
		r.t.Fatalf("%s has %d runs", name, len(r.runs[name]))
	}
	return r.runs[name][n]
}

func (r *stub) dropped() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.forgotten)
}

func (r *stub) startedAtOnce() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.maxStart
}

// set changes the bpftrace that is installed.
func (r *stub) set(version string, broken error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.installed, r.broken = version, broken
}

// always plans the same for every run.
func always(a act) func(int, Script) act { return func(int, Script) act { return a } }

// underClock runs a test with a stub on a clock of its own, which ends with
// everything closed and no goroutine left.
func underClock(t *testing.T, plan func(int, Script) act, o SchedulerOptions, test func(t *testing.T, s *Scheduler, r *stub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &stub{t: t, plan: plan, runs: map[string][]*Run{}, at: map[string][]time.Duration{}, begun: time.Now(), installed: "0.23.2"}
		s := newScheduler(r, o)
		test(t, s, r)
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		for name, runs := range r.runs {
			for _, run := range runs {
				if !run.isDone() {
					t.Errorf("a run of %s lives on after Close", name)
				}
			}
		}
	})
}

func apply(t *testing.T, s *Scheduler, probes ...Probe) {
	t.Helper()
	if err := s.Apply(probes); err != nil {
		t.Fatal(err)
	}
}

// pass turns the clock, and lets all that is due then happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func statusOf(t testing.TB, s *Scheduler, name string) ProbeStatus {
	t.Helper()
	for _, st := range s.Status() {
		if st.Name == name {
			return st
		}
	}
	t.Fatalf("no probe %q", name)
	return ProbeStatus{}
}

func wantState(t testing.TB, s *Scheduler, name string, state ProbeState) ProbeStatus {
	t.Helper()
	st := statusOf(t, s, name)
	if st.State != state {
		t.Errorf("%s is %s, want %s: %s", name, st.State, state, asJSON(t, st))
	}
	return st
}

func wantError(t testing.TB, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v, want one with %q", err, part)
	}
}

func continuous(name string) Probe {
	return Probe{Name: name, Source: "BEGIN {}", Enabled: true}
}

func windows(name string, every, duration time.Duration) Probe {
	return Probe{Name: name, Source: "BEGIN {}", Enabled: true, Every: every, Duration: duration}
}
