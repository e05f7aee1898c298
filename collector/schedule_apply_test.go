package collector

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestApplyTouchesOnlyWhatChanged(t *testing.T) {
	underClock(t, always(act{stop: 3 * time.Second}), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		args := []string{"1"}
		same, changed, removed := continuous("same"), continuous("changed"), continuous("removed")
		same.Args = args
		apply(t, s, same, changed, removed)
		pass(time.Minute)
		args[0] = "2" // the caller's slice is the caller's

		same.Args, same.Variants = []string{"1"}, []Variant{}
		changed.Source = "END {}"
		apply(t, s, continuous("added"), changed, same)
		if got := names(s); !slices.Equal(got, []string{"added", "changed", "same"}) {
			t.Errorf("probes %v", got)
		}
		pass(time.Second)
		wantState(t, s, "added", ProbeRunning)
		if st := statusOf(t, s, "changed"); st.RunID != "" || st.Result != nil {
			t.Errorf("the changed one while its old run ends: %s", asJSON(t, st))
		}
		pass(3 * time.Second)
		wantState(t, s, "changed", ProbeRunning)
		want := map[string][]time.Duration{
			"same": {0}, "added": {time.Minute}, "removed": {0}, "changed": {0, time.Minute + 3*time.Second},
		}
		for name, at := range want {
			if got := r.starts(name); !slices.Equal(got, at) {
				t.Errorf("%s was started at %v, want %v", name, got, at)
			}
		}
		if !slices.Equal(r.dropped(), []string{"removed"}) {
			t.Errorf("forgotten: %v", r.dropped())
		}
		if r.run("changed", 1).script.Source != "END {}" {
			t.Error("the changed one runs its old script")
		}
		for range 3 {
			apply(t, s, continuous("added"), changed, same)
		}
		pass(time.Minute)
		if n := len(r.starts("changed")) + len(r.starts("added")) + len(r.starts("same")); n != 4 {
			t.Errorf("applying the same again starts: %d starts", n)
		}
	})
}

// TestRemovedAndBack: a probe that comes back while its run is ending begins
// when that has gone; a change that is taken back still is one.
func TestRemovedAndBack(t *testing.T) {
	underClock(t, always(act{stop: 3 * time.Second}), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		p, other := continuous("p"), continuous("p")
		other.Revision = "2"
		apply(t, s, p)
		pass(10 * time.Second)
		apply(t, s)
		apply(t, s, p)
		apply(t, s, other)
		apply(t, s)
		apply(t, s, p)
		pass(2 * time.Second)
		if st := wantState(t, s, "p", ProbeWaiting); st.RunID != "" {
			t.Errorf("%s", asJSON(t, st))
		}
		pass(time.Second)
		wantState(t, s, "p", ProbeRunning)
		apply(t, s, other)
		apply(t, s, p)
		pass(10 * time.Second)
		if got := r.starts("p"); !slices.Equal(got, []time.Duration{0, 13 * time.Second, 16 * time.Second}) {
			t.Errorf("started at %v", got)
		}
		apply(t, s)
		pass(10 * time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.probes)+len(s.leaving) != 0 {
			t.Errorf("kept: %v %v", s.probes, s.leaving)
		}
	})
}

func TestApplyRefusesAll(t *testing.T) {
	underClock(t, always(forGood), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		apply(t, s, continuous("p"))
		pass(time.Second)
		bad := windows("bad", time.Minute, 0)
		bad.Jitter, bad.GiveUpAfter = 2*time.Minute, -1
		err := s.Apply([]Probe{bad, continuous("twice"), continuous("twice")})
		for _, part := range []string{`probe "bad": the duration`, `probe "bad": it cannot give up after -1`, `probe "twice": the name is there twice`} {
			wantError(t, err, part)
		}
		pass(time.Second)
		if got := names(s); !slices.Equal(got, []string{"p"}) || len(r.starts("p")) != 1 {
			t.Errorf("a bad list changed what runs: %v", got)
		}
		wantState(t, s, "p", ProbeRunning)
	})
}

func TestCountersSurviveAChange(t *testing.T) {
	underClock(t, always(act{end: time.Second, status: StatusKilled}), SchedulerOptions{}, func(t *testing.T, s *Scheduler, _ *stub) {
		p := continuous("p")
		apply(t, s, p)
		pass(time.Minute)
		before := statusOf(t, s, "p")
		p.Source = "END {}"
		apply(t, s, p)
		st := statusOf(t, s, "p")
		if before.Restarts == 0 || st.Restarts != before.Restarts || st.Failures != 0 || st.Result != nil || st.Error != "" {
			t.Errorf("before %s, after %s", asJSON(t, before), asJSON(t, st))
		}
	})
}

func TestEnable(t *testing.T) {
	underClock(t, always(act{stop: 3 * time.Second}), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		p := continuous("p")
		apply(t, s, p)
		pass(time.Second)
		enable := func(on bool) {
			t.Helper()
			if err := s.Enable("p", on); err != nil {
				t.Fatal(err)
			}
		}
		enable(true)
		enable(false)
		enable(false)
		if st := wantState(t, s, "p", ProbeDisabled); st.RunID == "" {
			t.Errorf("its run is ending yet: %s", asJSON(t, st))
		}
		pass(4 * time.Second)
		if st := wantState(t, s, "p", ProbeDisabled); st.RunID != "" || st.Result == nil || st.Restarts != 0 {
			t.Errorf("%s", asJSON(t, st))
		}
		// Until the operator says otherwise in the configuration, it stays off.
		apply(t, s, p)
		p.Source = "END {}"
		apply(t, s, p)
		pass(time.Minute)
		wantState(t, s, "p", ProbeDisabled)
		p.Enabled = false
		apply(t, s, p)
		p.Enabled = true
		apply(t, s, p)
		pass(time.Second)
		wantState(t, s, "p", ProbeRunning)
		enable(false)
		enable(true)
		enable(false)
		enable(true)
		pass(4 * time.Second)
		wantState(t, s, "p", ProbeRunning)
		if got := r.starts("p"); len(got) != 3 {
			t.Errorf("started at %v", got)
		}
		wantError(t, s.Enable("none", true), `no probe "none"`)
	})
}

func TestCloseIsIdempotentAndBounded(t *testing.T) {
	underClock(t, always(act{stop: time.Minute}), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		apply(t, s, continuous("p"), windows("q", time.Hour, time.Minute))
		pass(time.Second)
		apply(t, s, continuous("p")) // q is leaving
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closed before its runs have ended: %v", err)
		}
		for range 2 {
			if err := s.Close(context.Background()); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if took := time.Since(r.begun); took != time.Minute+time.Second {
			t.Errorf("closed after %v", took)
		}
		wantError(t, s.Apply(nil), "closed")
		wantError(t, s.Enable("p", true), "closed")
		wantError(t, s.Trigger("p"), "closed")
		wantState(t, s, "p", ProbeDisabled)
	})
}

// TestCloseWhileStarting: neither a probe that waits for its turn to start
// nor one that rests holds up the end.
func TestCloseWhileStarting(t *testing.T) {
	underClock(t, always(act{attach: -1}), SchedulerOptions{MaxStarting: 1}, func(t *testing.T, s *Scheduler, r *stub) {
		apply(t, s, continuous("a"), continuous("b"), Probe{Name: "c", Source: "BEGIN {}", Enabled: true, Cron: "@daily", Duration: time.Second})
		pass(time.Second)
		if n := len(r.starts("a")) + len(r.starts("b")); n != 1 {
			t.Fatalf("%d starts", n)
		}
		if err := s.Close(context.Background()); err != nil || time.Since(r.begun) != time.Second {
			t.Errorf("closed after %v: %v", time.Since(r.begun), err)
		}
	})
}

func TestNowReadsLiveRuns(t *testing.T) {
	underClock(t, always(forGood), SchedulerOptions{}, func(t *testing.T, s *Scheduler, _ *stub) {
		off := continuous("off")
		off.Enabled = false
		apply(t, s, continuous("p"), off, continuous("q"))
		pass(time.Second)
		all, one := s.Now(t.Context()), s.Now(t.Context(), "q", "none")
		if len(all) != 3 || len(one) != 1 || one[0].Name != "q" {
			t.Fatalf("all %s, one %s", asJSON(t, all), asJSON(t, one))
		}
		if all[0].Result == nil || all[0].Result.Status != StatusRunning || all[1].Result != nil {
			t.Errorf("%s", asJSON(t, all))
		}
		if s.Status()[0].Result != nil {
			t.Error("Status has a Result before any run has ended")
		}
	})
}

func TestFailureIsWorded(t *testing.T) {
	for want, res := range map[string]*Result{
		"3:7: no such thing": {Status: StatusFailed, Diagnostics: []Diagnostic{{Severity: "error", Noise: true, Message: "x"}, {Severity: "error", Line: 3, Column: 7, Message: "no such thing"}}},
		"refused":            {Status: StatusRefused},
	} {
		if got := failure(res, true); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func names(s *Scheduler) (out []string) {
	for _, st := range s.Status() {
		out = append(out, st.Name)
	}
	return out
}

func TestProbeValidate(t *testing.T) {
	base := windows("p", time.Minute, time.Second)
	for want, change := range map[string]func(p *Probe){
		"a name is missing":             func(p *Probe) { p.Name = "" },
		"a script is missing":           func(p *Probe) { p.Source = " \n" },
		"not a range of bpftrace":       func(p *Probe) { p.Variants = []Variant{{"~0.2", "x"}} },
		"for bpftrace 0.23 is missing":  func(p *Probe) { p.Variants = []Variant{{"0.23", ""}} },
		"both every and cron":           func(p *Probe) { p.Cron = "@daily" },
		"duration of its windows":       func(p *Probe) { p.Duration = 0 },
		"mean nothing":                  func(p *Probe) { p.Every = 0 },
		"longer than every":             func(p *Probe) { p.Jitter = time.Hour },
		"not a cron line":               func(p *Probe) { p.Every, p.Cron = 0, "61 * * * *" },
		"never comes":                   func(p *Probe) { p.Every, p.Cron = 0, "0 0 30 2 *" },
		"a time zone and no times":      func(p *Probe) { p.Every, p.Cron = 0, "CRON_TZ=UTC" },
		"not a time of day":             func(p *Probe) { p.Every, p.Cron = 0, "@every 1s" },
		"every is negative":             func(p *Probe) { p.Every = -1 },
		"longer than the longest":       func(p *Probe) { p.BackoffMin, p.BackoffMax = 2, 1 },
		"cannot give up after -1 fails": func(p *Probe) { p.GiveUpAfter = -1 },
	} {
		p := base
		change(&p)
		err := p.Validate()
		wantError(t, err, strings.TrimSuffix(want, " fails"))
	}
	if err := base.Validate(); err != nil {
		t.Error(err)
	}
}

// TestSwitchedOffWhileItWaitsToStart: the loop that ends then has no say any
// more; the last failure stands.
func TestSwitchedOffWhileItWaitsToStart(t *testing.T) {
	underClock(t, func(_ int, s Script) act {
		if s.Probe == "p" {
			return act{attach: -1, end: time.Second, status: StatusFailed}
		}
		return act{attach: -1}
	}, SchedulerOptions{MaxStarting: 1}, func(t *testing.T, s *Scheduler, r *stub) {
		apply(t, s, continuous("p"))
		pass(1200 * time.Millisecond)
		apply(t, s, continuous("p"), continuous("hog"))
		pass(2 * time.Second)
		if st := wantState(t, s, "p", ProbeStarting); st.RunID != "" || len(r.starts("p")) != 1 {
			t.Fatalf("it does not wait: %s", asJSON(t, st))
		}
		if err := s.Enable("p", false); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if st := wantState(t, s, "p", ProbeDisabled); st.Error != "it broke" || st.Result == nil {
			t.Errorf("%s", asJSON(t, st))
		}
	})
}
