package collector

import (
	"errors"
	"testing"
	"time"
)

// forGood is a run that traces until it is stopped.
var forGood = act{attach: 100 * time.Millisecond}

// within tells whether d is a back-off of base: up to a quarter shorter.
func within(d, base time.Duration) bool { return d >= base-base/4 && d <= base }

func TestContinuousIsKeptRunning(t *testing.T) {
	const life = 500 * time.Millisecond
	plan := func(n int, _ Script) act {
		if n == 9 {
			return act{end: 2 * time.Minute, status: StatusCompleted}
		}
		return act{end: life, status: StatusKilled}
	}
	underClock(t, plan, SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		apply(t, s, continuous("p"))
		pass(100 * time.Millisecond)
		st := wantState(t, s, "p", ProbeRunning)
		if st.RunID != r.run("p", 0).ID() || st.Attached.IsZero() || st.Restarts != 0 || st.Schedule != "continuous" {
			t.Errorf("running: %s", asJSON(t, st))
		}
		pass(life)
		st = wantState(t, s, "p", ProbeBackingOff)
		if st.RunID != "" || st.LastRunID != r.run("p", 0).ID() || st.Failures != 1 || st.Error != "it broke" ||
			len(st.Diagnostics) != 1 || st.Result.Status != StatusKilled || !st.Next.After(time.Now()) {
			t.Errorf("backing off: %s", asJSON(t, st))
		}
		pass(8 * time.Minute)
		at := r.starts("p")
		if len(at) < 11 {
			t.Fatalf("starts at %v", at)
		}
		for i, base := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			if wait := at[i+1] - at[i] - life; !within(wait, time.Duration(base)*time.Second) {
				t.Errorf("restart %d came after %v, want %d s less a quarter", i+1, wait, base)
			}
		}
		if wait := at[10] - at[9] - 2*time.Minute; !within(wait, time.Second) {
			t.Errorf("after two good minutes the back-off is %v", wait)
		}
		if st := statusOf(t, s, "p"); st.Restarts != uint64(len(at))-1 {
			t.Errorf("%d restarts of %d starts", st.Restarts, len(at))
		}
	})
}

func TestAnEndByItselfIsAFailure(t *testing.T) {
	underClock(t, always(act{end: time.Second, status: StatusCompleted}), SchedulerOptions{}, func(t *testing.T, s *Scheduler, _ *stub) {
		apply(t, s, continuous("p"))
		pass(time.Second)
		if st := wantState(t, s, "p", ProbeBackingOff); st.Error != "the script ended by itself with exit code 0" {
			t.Errorf("error %q", st.Error)
		}
	})
}

// TestStoppedByHand: whoever stops the run of a probe gets a new one soon,
// and the stop counts as no failure.
func TestStoppedByHand(t *testing.T) {
	underClock(t, always(forGood), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		p := continuous("p")
		p.GiveUpAfter = 1
		apply(t, s, p)
		pass(time.Second)
		r.run("p", 0).Stop()
		pass(0)
		if st := wantState(t, s, "p", ProbeBackingOff); st.Failures != 0 || st.Error != "" {
			t.Errorf("%s", asJSON(t, st))
		}
		pass(2 * time.Second)
		wantState(t, s, "p", ProbeRunning)
	})
}

func TestGivesUp(t *testing.T) {
	underClock(t, always(act{attach: -1, end: time.Second, status: StatusFailed}), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		p := continuous("p")
		p.GiveUpAfter = 3
		q := windows("q", time.Minute, time.Second)
		q.GiveUpAfter = 2
		apply(t, s, p, q)
		pass(24 * time.Hour)
		for name, starts := range map[string]int{"p": 3, "q": 2} {
			st := wantState(t, s, name, ProbeGivenUp)
			if st.Failures != starts || st.Error != "it broke" || !st.Next.IsZero() || len(r.starts(name)) != starts {
				t.Errorf("%s after %d starts: %s", name, len(r.starts(name)), asJSON(t, st))
			}
		}
		if err := s.Enable("p", true); err != nil {
			t.Fatal(err)
		}
		if err := s.Trigger("q"); err != nil {
			t.Fatal(err)
		}
		wantError(t, s.Trigger("q"), "running already")
		pass(time.Hour)
		if p, q := len(r.starts("p")), len(r.starts("q")); p != 4 || q != 3 {
			t.Errorf("%d and %d starts, want one more each", p, q)
		}
		wantState(t, s, "p", ProbeGivenUp)
	})
}

func TestNoVariantFits(t *testing.T) {
	underClock(t, always(forGood), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		p := continuous("p")
		p.Source, p.GiveUpAfter = "", 1
		p.Variants = []Variant{{">=0.24", "new"}, {"<0.20", "old"}}
		q := p
		q.Name, q.Every, q.Duration = "q", 10*time.Second, time.Second
		apply(t, s, p, q)
		pass(3 * time.Minute)
		for _, name := range []string{"p", "q"} {
			st := wantState(t, s, name, ProbeFailed)
			if st.Error != "none of its scripts is for bpftrace 0.23.2" || st.Failures != 0 || st.Next.IsZero() {
				t.Errorf("%s", asJSON(t, st))
			}
		}
		r.set("0.17.0", nil)
		pass(time.Minute + 10*time.Second)
		if st := wantState(t, s, "p", ProbeRunning); st.Error != "" && st.RunID == "" {
			t.Errorf("%s", asJSON(t, st))
		}
		if len(r.starts("p")) != 1 || r.run("p", 0).script.Source != "old" || r.run("q", 0).script.Source != "old" {
			t.Error("want one run of the variant for 0.17")
		}
	})
}

// TestVersionUnknown: a bpftrace that does not answer is a failure like others.
func TestVersionUnknown(t *testing.T) {
	underClock(t, always(forGood), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		r.set("", errors.New("no bpftrace"))
		p := continuous("p")
		p.Variants = []Variant{{"0.23", "this"}}
		p.GiveUpAfter = 3
		apply(t, s, p)
		pass(2 * time.Second)
		if st := wantState(t, s, "p", ProbeBackingOff); st.Error != "no bpftrace" {
			t.Errorf("%s", asJSON(t, st))
		}
		pass(time.Minute)
		wantState(t, s, "p", ProbeGivenUp)
		r.set("0.23.2", nil)
		if err := s.Trigger("p"); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		wantState(t, s, "p", ProbeRunning)
		if got := r.run("p", 0).script.Source; got != "this" {
			t.Errorf("it runs %q", got)
		}
	})
}

func TestStartsAreBounded(t *testing.T) {
	underClock(t, always(act{attach: 3 * time.Second}), SchedulerOptions{MaxStarting: 2}, func(t *testing.T, s *Scheduler, r *stub) {
		var probes []Probe
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			probes = append(probes, continuous(name))
		}
		apply(t, s, probes...)
		pass(time.Second)
		waiting := 0
		for _, st := range s.Status() {
			if st.State != ProbeStarting {
				t.Errorf("%s is %s", st.Name, st.State)
			}
			if st.RunID == "" {
				waiting++
			}
		}
		if waiting != 3 {
			t.Errorf("%d wait for their start, want 3", waiting)
		}
		pass(9 * time.Second)
		for _, st := range s.Status() {
			if st.State != ProbeRunning {
				t.Errorf("%s is %s", st.Name, st.State)
			}
		}
		if n := r.startedAtOnce(); n != 2 {
			t.Errorf("%d started at once, want 2", n)
		}
	})
}
