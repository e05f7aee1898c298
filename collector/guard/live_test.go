package guard

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
)

// TestRunsAreWhatTheScriptCounts has the script count its own runs: the two
// numbers are the same.
func TestRunsAreWhatTheScriptCounts(t *testing.T) {
	number := regexp.MustCompile(`"@n": (\d+)`)
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		b := trace(t, p.Path, `tracepoint:raw_syscalls:sys_exit { @n = count(); }`)
		b.attached(t)
		load(t)
		var before Sample
		waitFor(t, "ten thousand runs", func() bool {
			s, err := b.run.Cost()
			if err != nil {
				t.Fatal(err)
			}
			if s.Runs < before.Runs || s.Kernel < before.Kernel || s.CPU < before.CPU || s.At < before.At {
				t.Fatalf("%+v after %+v", s, before)
			}
			before = s
			return s.Runs > 10_000
		})
		text, exit := b.stop(t)
		s, err := b.run.End()
		if err != nil {
			t.Fatal(err)
		}
		m := number.FindStringSubmatch(text)
		if m == nil || exit.Code != 0 {
			t.Fatalf("%s: %s", exit, text)
		}
		n, _ := strconv.ParseUint(m[1], 10, 64)
		if s.Runs != n {
			t.Errorf("%d runs, and the script counted %d", s.Runs, n)
		}
		if s.Programs != 1 || !s.Whole || !s.Ended || s.Unknown != "" || s.Kernel <= 0 || s.MaxRSS < 20<<20 {
			t.Errorf("%+v", s)
		}
		if own := exit.UserTime + exit.SystemTime; s.CPU > own+5*tick {
			t.Errorf("%v of CPU, and bpftrace used %v", s.CPU, own)
		}
	})
}

func TestHeavyRunIsReportedAndCheapIsNot(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		load(t)
		g := New(0)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		budget := Budget{CPUPercent: 3}

		cheap := trace(t, p.Path, `interval:s:1 { @ticks = count(); } END { printf("cheap\n"); }`)
		cheaply := make(chan Report, 2)
		watched := make(chan error, 2)
		go func() { watched <- g.Watch(ctx, cheap.run, budget, func(r Report) { cheaply <- r }) }()
		cheap.attached(t)

		heavy := trace(t, p.Path, `tracepoint:raw_syscalls:sys_enter { @calls[comm, pid] = count(); @sizes = hist(args.args[2]); } END { printf("heavy\n"); }`)
		if strings.HasPrefix(p.Version, "0.17") {
			heavy.stop(t)
			heavy = trace(t, p.Path, `tracepoint:raw_syscalls:sys_enter { @calls[comm, pid] = count(); @sizes = hist(args->args[2]); } END { printf("heavy\n"); }`)
		}
		reports := make(chan Report, 2)
		go func() { watched <- g.Watch(ctx, heavy.run, budget, func(r Report) { reports <- r }) }()
		heavy.attached(t)
		select {
		case r := <-reports:
			if u := r.Usage; u.Percent() <= 3 || u.Runs < 1000 || u.Kernel < u.CPU || u.Over < DefaultWindow || r.Sum != 0 {
				t.Errorf("%+v", r)
			}
			if m := r.Message(); !strings.Contains(m, "over its budget of 3 %") || r.Hint() == "" {
				t.Error(m)
			}
			t.Log(r.Message())
		case <-time.After(hangGuard):
			t.Fatalf("the heavy run is not reported: %+v", heavy.run.Last())
		}
		if text, exit := heavy.stop(t); exit.Code != 0 || !strings.Contains(text, "heavy") || !strings.Contains(text, "@calls") || exit.Escalated {
			t.Errorf("%s: %.300s", exit, text)
		}
		start := cheap.run.Last().At
		waitFor(t, "a whole window of the cheap run", func() bool { return cheap.run.Last().At > start+DefaultWindow })
		if text, exit := cheap.stop(t); exit.Code != 0 || !strings.Contains(text, "cheap") {
			t.Errorf("%s: %.300s", exit, text)
		}
		for range 2 {
			if err := <-watched; err != nil { // both have ended
				t.Error(err)
			}
		}
		if len(cheaply)+len(reports) > 0 {
			t.Errorf("%d reports of the cheap run, %d more of the heavy one", len(cheaply), len(reports))
		}
	})
}

// TestSumTakesTheCostliest has two runs that each keep to their own budget.
func TestSumTakesTheCostliest(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		load(t)
		g := New(1)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		small := trace(t, p.Path, `interval:ms:100 { @ticks = count(); }`)
		large := trace(t, p.Path, `tracepoint:raw_syscalls:sys_enter { @calls[comm] = count(); }`)
		reports := make(chan string, 4)
		done := make(chan error, 2)
		watch := func(name string, b *bpftrace) {
			b.attached(t)
			go func() {
				done <- g.Watch(ctx, b.run, Budget{CPUPercent: 10_000}, func(r Report) { reports <- name + ": " + r.Message() })
			}()
		}
		watch("small", small)
		watch("large", large)
		select {
		case r := <-reports:
			if !strings.HasPrefix(r, "large: ") || !strings.Contains(r, "all runs together") || !strings.Contains(r, "budget of 1 %") {
				t.Error(r)
			}
		case <-time.After(hangGuard):
			t.Fatal("no report")
		}
		large.stop(t)
		cancel()
		<-done
		<-done
		if len(reports) > 0 {
			t.Errorf("one more: %s", <-reports)
		}
	})
}

// TestStatisticsAreCounted: they are on while somebody measures.
func TestStatisticsAreCounted(t *testing.T) {
	var s Stats
	one, err := s.Acquire()
	if err != nil {
		t.Skip("skip: " + err.Error())
	}
	two, err := s.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	one()
	one()
	if s.users != 1 || s.off == nil {
		t.Errorf("%d users", s.users)
	}
	two()
	if s.users != 0 || s.off != nil {
		t.Errorf("%d users", s.users)
	}
}
