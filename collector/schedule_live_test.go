package collector

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
)

// newTestScheduler schedules on a real bpftrace; at the end no process is left.
func newTestScheduler(t *testing.T, p executortest.Program) (*Scheduler, *Runner) {
	t.Helper()
	r := newTestRunner(t, p.Path, Options{})
	s := NewScheduler(r, SchedulerOptions{})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		if pid := childOf(os.Getpid()); pid != 0 {
			t.Errorf("process %d lives on", pid)
		}
	})
	return s, r
}

const ticks = `interval:ms:10 { @n = count(); }`

// tickCount is @n of a live probe as it is now, 0 where it is not live.
func tickCount(t *testing.T, s *Scheduler, name string) int64 {
	t.Helper()
	st := s.Now(t.Context(), name)[0]
	if st.State != ProbeRunning || st.Result == nil || len(st.Result.Maps) != 1 || len(st.Result.Maps[0].Rows) != 1 {
		return 0
	}
	n, _ := st.Result.Maps[0].Rows[0].Value.Int64()
	return n
}

func TestLiveKilledProbeComesBack(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		s, _ := newTestScheduler(t, p)
		probe := continuous("p")
		probe.Source, probe.BackoffMin = ticks, 50*time.Millisecond
		apply(t, s, probe)
		waitFor(t, "50 ticks", func() bool { return tickCount(t, s, "p") >= 50 })
		before := statusOf(t, s, "p")
		if err := syscall.Kill(childOf(os.Getpid()), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "another run", func() bool {
			st := statusOf(t, s, "p")
			return st.State == ProbeRunning && st.RunID != before.RunID
		})
		after := statusOf(t, s, "p")
		if after.Restarts != 1 || after.Failures != 1 || !after.Attached.After(before.Attached) || !after.Attached.After(after.Ended) {
			t.Errorf("before %s, after %s", asJSON(t, before), asJSON(t, after))
		}
		if after.LastRunID != before.RunID || after.Result.Status != StatusKilled || !strings.Contains(after.Error, "SIGKILL") {
			t.Errorf("the killed run: %s", asJSON(t, after))
		}
		waitFor(t, "the new run to count", func() bool { return tickCount(t, s, "p") > 0 })
	})
}

func TestLiveBadScriptIsGivenUp(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		s, r := newTestScheduler(t, p)
		probe := continuous("p")
		probe.Source, probe.BackoffMin, probe.GiveUpAfter = "\nBEGIN { foo( }", 10*time.Millisecond, 2
		apply(t, s, probe)
		waitFor(t, "the end of trying", func() bool { return statusOf(t, s, "p").State == ProbeGivenUp })
		st := statusOf(t, s, "p")
		if st.Failures != 2 || st.Restarts != 1 || !strings.HasPrefix(st.Error, "2:") || st.Result.Status != StatusFailed || len(st.Diagnostics) == 0 {
			t.Errorf("%s", asJSON(t, st))
		}
		if runs := r.List(); len(runs) != 1 || runs[0].ID() != st.LastRunID {
			t.Errorf("the runner keeps %d runs", len(runs))
		}
		probe.Source = ticks
		apply(t, s, probe)
		waitFor(t, "the mended one", func() bool { return tickCount(t, s, "p") > 0 })
	})
}

func TestLiveWindows(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		s, _ := newTestScheduler(t, p)
		probe := windows("p", time.Second, 100*time.Millisecond)
		probe.Variants = []Variant{
			{"<0.20", `interval:ms:10 { @old = count(); }`},
			{"0.23", `interval:ms:10 { @middle = count(); }`},
			{">=0.24", `interval:ms:10 { @new = count(); }`},
		}
		probe.Source = `interval:ms:10 { @other = count(); }`
		apply(t, s, probe)
		waitFor(t, "three windows", func() bool {
			st := statusOf(t, s, "p")
			return st.Windows >= 3 && st.Result != nil
		})
		st := statusOf(t, s, "p")
		var want string
		switch v := p.Version; {
		case strings.HasPrefix(v, "0.17"):
			want = "@old"
		case strings.HasPrefix(v, "0.23"):
			want = "@middle"
		case strings.HasPrefix(v, "0.27"):
			want = "@new"
		default:
			t.Skipf("skip: the test does not know bpftrace %s", v)
		}
		if st.Result.Status != StatusTimedOut || len(st.Result.Maps) != 1 || st.Result.Maps[0].Name != want || st.Failures != 0 || st.Error != "" {
			t.Errorf("want %s: %s", want, asJSON(t, st))
		}
	})
}

// TestLiveReloadUnderLoad applies lists that change one busy probe again and
// again, also while it starts and ends: the others run on and lose no count.
func TestLiveReloadUnderLoad(t *testing.T) {
	p := executortest.Newest(t)
	s, r := newTestScheduler(t, p)
	busy := continuous("busy")
	busy.Source = `tracepoint:raw_syscalls:sys_enter { @calls[tid, comm, args.id] = count(); printf("%d\n", args.id); }`
	left, right := continuous("left"), continuous("right")
	left.Source, right.Source = ticks, ticks
	apply(t, s, left, busy, right)
	all := func() bool {
		for _, st := range s.Status() {
			if st.State != ProbeRunning {
				return false
			}
		}
		return true
	}
	waitFor(t, "all to run", all)
	first := map[string]string{"left": statusOf(t, s, "left").RunID, "right": statusOf(t, s, "right").RunID}
	count := tickCount(t, s, "left")
	for i := range 8 {
		busy.Revision = strings.Repeat("x", i+1)
		apply(t, s, left, busy, right)
		if i%3 == 2 {
			waitFor(t, "all to run", all)
		}
		if n := tickCount(t, s, "left"); n < count {
			t.Fatalf("the count fell from %d to %d", count, n)
		} else {
			count = n
		}
	}
	apply(t, s, right, left)
	for name, id := range first {
		if st := statusOf(t, s, name); st.RunID != id || st.Restarts != 0 || st.State != ProbeRunning {
			t.Errorf("%s did not run on: %s", name, asJSON(t, st))
		}
	}
	waitFor(t, "the busy one to be gone", func() bool { return len(r.List()) == 2 })
}

// TestScheduledRunsArePruned: of each probe the newest ended run is kept, and
// they push no ad hoc run out.
func TestScheduledRunsArePruned(t *testing.T) {
	r := newTestRunner(t, fake(t, fakeAttached+"exit 0"), Options{KeepRuns: 1})
	start := func(probe string) *Run {
		run := r.Start(Script{Source: anyScript, Probe: probe})
		<-run.Done()
		return run
	}
	adhoc := start("")
	var a, b *Run
	for range 3 {
		a, b = start("a"), start("b")
	}
	for _, run := range []*Run{adhoc, a, b} {
		if _, ok := r.Get(run.ID()); !ok {
			t.Errorf("the run of probe %q is not kept", run.Script().Probe)
		}
	}
	if n := len(r.List()); n != 3 {
		t.Errorf("%d runs are kept, want 3", n)
	}
	r.forgetProbe("a")
	if _, ok := r.Get(a.ID()); ok || len(r.List()) != 2 {
		t.Error("a forgotten run is there")
	}
}
