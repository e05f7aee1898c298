package collector

import (
	"slices"
	"testing"
	"time"
)

// window is a run of a length that ends as windows do.
func window(length time.Duration) act { return act{end: length, status: StatusTimedOut} }

func TestWindows(t *testing.T) {
	underClock(t, always(window(10*time.Second)), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		apply(t, s, windows("p", 5*time.Minute, 10*time.Second))
		pass(0)
		if st := wantState(t, s, "p", ProbeRunning); !st.Next.Equal(r.begun.Add(5*time.Minute)) || st.Schedule != "10s every 5m0s" {
			t.Errorf("%s", asJSON(t, st))
		}
		if got := r.run("p", 0).script; got.Timeout != 10*time.Second {
			t.Errorf("the window is %v long", got.Timeout)
		}
		pass(time.Minute)
		st := wantState(t, s, "p", ProbeWaiting)
		if st.RunID != "" || st.Result.Status != StatusTimedOut || !st.Ended.Equal(r.begun.Add(10*time.Second)) || !st.Next.Equal(r.begun.Add(5*time.Minute)) {
			t.Errorf("%s", asJSON(t, st))
		}
		pass(10 * time.Minute)
		if got := r.starts("p"); !slices.Equal(got, []time.Duration{0, 5 * time.Minute, 10 * time.Minute}) {
			t.Errorf("windows at %v", got)
		}
		if st := statusOf(t, s, "p"); st.Windows != 3 || st.Skipped != 0 || st.Restarts != 0 || st.Error != "" {
			t.Errorf("%s", asJSON(t, st))
		}
	})
}

func TestWindowsDoNotOverlap(t *testing.T) {
	underClock(t, always(window(12*time.Minute)), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		apply(t, s, windows("p", 5*time.Minute, time.Minute))
		pass(11 * time.Minute)
		if st := wantState(t, s, "p", ProbeRunning); st.Skipped != 2 || !st.Next.Equal(r.begun.Add(15*time.Minute)) {
			t.Errorf("while the first still runs: %s", asJSON(t, st))
		}
		pass(28 * time.Minute)
		if got := r.starts("p"); !slices.Equal(got, []time.Duration{0, 15 * time.Minute, 30 * time.Minute}) {
			t.Errorf("windows at %v", got)
		}
		if st := statusOf(t, s, "p"); st.Windows != 3 || st.Skipped != 5 {
			t.Errorf("%s", asJSON(t, st))
		}
	})
}

func TestJitterSpreadsAndDoesNotDrift(t *testing.T) {
	underClock(t, always(window(time.Second)), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		p := windows("p", time.Minute, time.Second)
		p.Jitter = 20 * time.Second
		apply(t, s, p)
		pass(100*time.Minute - time.Nanosecond)
		at := r.starts("p")
		if len(at) != 100 {
			t.Fatalf("%d windows in 100 minutes", len(at))
		}
		least, most := p.Jitter, time.Duration(0)
		for i, start := range at {
			late := start - time.Duration(i)*time.Minute
			if late < 0 || late >= p.Jitter {
				t.Fatalf("window %d is %v late", i, late)
			}
			least, most = min(least, late), max(most, late)
		}
		if most-least < p.Jitter/4 {
			t.Errorf("100 windows spread over %v of %v only", most-least, p.Jitter)
		}
	})
}

func TestCron(t *testing.T) {
	underClock(t, always(window(10*time.Second)), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		p := Probe{Name: "p", Source: "BEGIN {}", Enabled: true, Cron: "CRON_TZ=UTC 7,37 * * * *", Duration: 10 * time.Second}
		apply(t, s, p)
		pass(0)
		if st := wantState(t, s, "p", ProbeWaiting); st.Next.UTC().Minute() != 7 {
			t.Errorf("%s", asJSON(t, st))
		}
		pass(2*time.Hour - time.Nanosecond)
		want := []time.Duration{7 * time.Minute, 37 * time.Minute, 67 * time.Minute, 97 * time.Minute}
		if got := r.starts("p"); !slices.Equal(got, want) {
			t.Errorf("windows at %v", got)
		}
	})
}

// TestFailingWindowsSlowDown: a script that fails is not compiled again every
// second because its windows are that near.
func TestFailingWindowsSlowDown(t *testing.T) {
	plan := func(n int, _ Script) act {
		if n < 8 {
			return act{attach: -1, end: time.Millisecond, status: StatusFailed}
		}
		return window(100 * time.Millisecond)
	}
	underClock(t, plan, SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		apply(t, s, windows("p", time.Second, 100*time.Millisecond))
		pass(30*time.Second + 500*time.Millisecond) // windows begin at whole seconds
		wantState(t, s, "p", ProbeBackingOff)
		pass(3 * time.Minute)
		at := r.starts("p")
		if len(at) < 10 {
			t.Fatalf("windows at %v", at)
		}
		for i, base := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			wait := at[i+1] - at[i]
			if wait < base*time.Second*3/4 || wait > (base+1)*time.Second || at[i+1]%time.Second != 0 {
				t.Errorf("window %d came %v after a failure, want about %d s", i+1, wait, base)
			}
		}
		if wait := at[9] - at[8]; wait != time.Second {
			t.Errorf("a good window is followed after %v", wait)
		}
		if st := statusOf(t, s, "p"); st.Failures != 0 || st.Error != "" {
			t.Errorf("%s", asJSON(t, st))
		}
	})
}

func TestTrigger(t *testing.T) {
	underClock(t, always(window(10*time.Second)), SchedulerOptions{}, func(t *testing.T, s *Scheduler, r *stub) {
		off := windows("off", time.Hour, time.Second)
		off.Enabled = false
		apply(t, s, windows("p", time.Hour, 10*time.Second), continuous("c"), off)
		pass(time.Minute)
		if err := s.Trigger("p"); err != nil {
			t.Fatal(err)
		}
		wantError(t, s.Trigger("p"), "running already")
		pass(5 * time.Second)
		wantError(t, s.Trigger("p"), "running already")
		wantError(t, s.Trigger("off"), "disabled")
		wantError(t, s.Trigger("none"), `no probe "none"`)
		pass(time.Minute)
		if st := wantState(t, s, "p", ProbeWaiting); !st.Next.Equal(r.begun.Add(time.Hour)) {
			t.Errorf("the schedule moved: %s", asJSON(t, st))
		}
		// It is 2 min 5 s; a triggered window still runs when one is due.
		pass(57*time.Minute + 50*time.Second)
		if err := s.Trigger("p"); err != nil {
			t.Fatal(err)
		}
		pass(20 * time.Second)
		if st := statusOf(t, s, "p"); st.Windows != 3 || st.Skipped != 1 || !st.Next.Equal(r.begun.Add(2*time.Hour)) {
			t.Errorf("%s", asJSON(t, st))
		}
	})
}

// TestTriggerAsTheTimeComes: a trigger in the same instant as the time of a
// window makes no second one.
func TestTriggerAsTheTimeComes(t *testing.T) {
	underClock(t, always(window(time.Second)), SchedulerOptions{}, func(t *testing.T, s *Scheduler, _ *stub) {
		apply(t, s, windows("p", time.Minute, time.Second))
		const n = 300
		taken := 0
		for range n {
			time.Sleep(time.Minute) // and nobody waits for the window to begin
			if s.Trigger("p") == nil {
				taken++
			}
		}
		pass(30 * time.Second)
		if st := statusOf(t, s, "p"); st.Windows != n+1 || st.Skipped != 0 {
			t.Errorf("%d windows for %d times, %d of them triggered too; %d skipped", st.Windows, n+1, taken, st.Skipped)
		}
	})
}

// TestWindowsWaitForTheirTurn: at most so many are open at once, continuous
// probes aside; who waits is not skipped, but for what falls due meanwhile.
func TestWindowsWaitForTheirTurn(t *testing.T) {
	underClock(t, func(n int, s Script) act {
		if s.Timeout == 0 {
			return forGood
		}
		return window(10 * time.Second)
	}, SchedulerOptions{MaxWindows: 2}, func(t *testing.T, s *Scheduler, r *stub) {
		probes := []Probe{continuous("always")}
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			probes = append(probes, windows(name, time.Minute, 10*time.Second))
		}
		probes[5].Every = 11 * time.Second
		apply(t, s, probes...)
		pass(time.Second)
		open := func() (n int) {
			for _, st := range s.Status()[1:] {
				if st.State == ProbeRunning {
					n++
				} else if st.State != ProbeStarting {
					t.Errorf("%s is %s", st.Name, st.State)
				}
			}
			return n
		}
		wantState(t, s, "always", ProbeRunning)
		if n := open(); n != 2 {
			t.Errorf("%d windows are open", n)
		}
		pass(29 * time.Second)
		var began []time.Duration
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			at := r.starts(name)
			if len(at) == 0 {
				t.Fatalf("%s never had its turn", name)
			}
			began = append(began, at[0])
		}
		slices.Sort(began)
		if want := []time.Duration{0, 0, 10 * time.Second, 10 * time.Second, 20 * time.Second}; !slices.Equal(began, want) {
			t.Errorf("windows began at %v, want %v", began, want)
		}
		// Who is switched off while it waits gives up its place in the queue, and
		// the others go on.
		pass(31 * time.Second) // the second minute has begun
		for _, name := range []string{"a", "b", "c"} {
			if err := s.Enable(name, false); err != nil {
				t.Fatal(err)
			}
		}
		pass(10 * time.Second)
		if n := len(r.starts("d")); n != 2 {
			t.Errorf("d had %d windows", n)
		}
	})
}
