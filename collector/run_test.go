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

func TestRunEnds(t *testing.T) {
	const noise = "interval:ms:10 { @n = count(); } "
	for name, c := range map[string]struct {
		script Script
		check  func(t *testing.T, p executortest.Program, res *Result)
	}{
		"by itself": {
			Script{Source: `BEGIN { printf("x\n"); exit(); }`},
			func(t *testing.T, _ executortest.Program, res *Result) {
				wantStatus(t, res, StatusCompleted, 0)
				if len(res.Events) != 1 {
					t.Errorf("want one event: %s", asJSON(t, res))
				}
			},
		},
		"with its own exit code": {
			Script{Source: `BEGIN { exit(3); }`},
			func(t *testing.T, p executortest.Program, res *Result) {
				if strings.HasPrefix(p.Version, "0.17") {
					wantStatus(t, res, StatusFailed, 1) // exit() takes no argument there
					return
				}
				wantStatus(t, res, StatusCompleted, 3)
			},
		},
		"when its time is up": {
			Script{Source: noise, Timeout: 300 * time.Millisecond},
			func(t *testing.T, _ executortest.Program, res *Result) {
				wantStatus(t, res, StatusTimedOut, ExitTimedOut)
				if !res.TimedOut || len(res.Maps) != 1 || res.Maps[0].Kind != "count" {
					t.Errorf("want its map and timed_out: %s", asJSON(t, res))
				}
			},
		},
		"with END and the maps in order": {
			Script{Source: `interval:ms:50 { @n = count(); print(@n); } END { printf("bye\n"); }`, Timeout: 400 * time.Millisecond},
			func(t *testing.T, _ executortest.Program, res *Result) {
				wantStatus(t, res, StatusTimedOut, ExitTimedOut)
				n := len(res.Events)
				if n < 3 || res.Events[n-1].Type != "printf" || res.Events[0].Type != "map" || res.Events[0].Map == nil {
					t.Fatalf("want prints of the map, then bye: %s", asJSON(t, res))
				}
				if len(res.Maps) != 1 {
					t.Errorf("want the last state of @n: %s", asJSON(t, res.Maps))
				}
			},
		},
		"with a syntax error": {
			Script{Source: "BEGIN { foo( }"},
			func(t *testing.T, _ executortest.Program, res *Result) {
				wantStatus(t, res, StatusFailed, 1)
				if d := firstError(res); d.Line != 1 || d.Message == "" || d.Source == "" {
					t.Errorf("want an error with its place: %s", asJSON(t, res.Diagnostics))
				}
			},
		},
		"with a probe that does not exist": {
			Script{Source: "tracepoint:syscalls:sys_enter_opena { @ = count(); }"},
			func(t *testing.T, _ executortest.Program, res *Result) {
				if res.Status != StatusFailed {
					t.Fatalf("status %s: %s", res.Status, asJSON(t, res))
				}
				if d := firstError(res); !strings.Contains(d.Hint, "sys_enter_openat") {
					t.Errorf("want a hint at the nearest probe: %s", asJSON(t, res.Diagnostics))
				}
			},
		},
		"empty": {
			Script{Source: " \n"},
			func(t *testing.T, _ executortest.Program, res *Result) { wantStatus(t, res, StatusFailed, -1) },
		},
		"with parameters": {
			Script{Source: `BEGIN { printf("%d %s\n", $1, str($2)); exit(); }`, Args: []string{"42", "-o"}},
			func(t *testing.T, _ executortest.Program, res *Result) {
				wantStatus(t, res, StatusCompleted, 0)
				if got := res.Events[0].Data.Text(); got != "42 -o\n" {
					t.Errorf("printed %q", got)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			executortest.Each(t, func(t *testing.T, p executortest.Program) { c.check(t, p, runReal(t, p, c.script)) })
		})
	}
}

func wantStatus(t *testing.T, res *Result, status Status, code int) {
	t.Helper()
	if res.Status != status || res.ExitCode != code {
		t.Errorf("ended %s with %d, want %s with %d: %s", res.Status, res.ExitCode, status, code, asJSON(t, res))
	}
}

func firstError(res *Result) Diagnostic {
	for _, d := range res.Diagnostics {
		if d.Severity == "error" && !d.Noise {
			return d
		}
	}
	return Diagnostic{}
}

func TestCancelKeepsWhatWasPrinted(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := newTestRunner(t, p.Path, Options{})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		run := r.Begin(ctx, Script{Source: `BEGIN { @k["a b"] = 1; printf("up\n"); } interval:s:60 { exit(); }`})
		waitFor(t, "the first event", func() bool { return run.Progress().Events > 0 })
		cancel()
		<-run.Done()
		res, _ := run.Result(0)
		if res.Status != StatusCancelled || len(res.Events) != 1 || len(res.Maps) != 1 || res.Maps[0].Rows[0].Ambiguous {
			t.Errorf("%s", asJSON(t, res))
		}
		if _, ok := r.Get(run.ID()); ok {
			waitFor(t, "the run to be forgotten", func() bool { _, ok := r.Get(run.ID()); return !ok })
		}
	})
}

func TestKilledFromOutside(t *testing.T) {
	p := executortest.Newest(t)
	r := newTestRunner(t, p.Path, Options{})
	pids := make(chan int, 1)
	run := r.Start(Script{Source: `BEGIN { printf("%d\n", pid); @m[1] = 1; print(@m); } interval:s:60 { exit(); }`})
	go func() {
		for run.Progress().Events < 1 {
			time.Sleep(5 * time.Millisecond)
		}
		pids <- childOf(os.Getpid())
	}()
	if err := syscall.Kill(<-pids, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-run.Done()
	res, _ := run.Result(0)
	if res.Status != StatusKilled || !strings.Contains(firstError(res).Message, "SIGKILL") || res.Events[0].Type != "printf" {
		t.Errorf("%s", asJSON(t, res))
	}
}

func TestBackgroundRunsByHandle(t *testing.T) {
	p := executortest.Newest(t)
	r := newTestRunner(t, p.Path, Options{})
	run := r.Start(Script{Source: `interval:ms:20 { printf("tick\n"); }`, MaxEvents: 5})
	waitFor(t, "ten events", func() bool { return run.Progress().Events >= 10 })
	got, ok := r.Get(run.ID())
	if !ok || got != run || len(r.List()) != 1 {
		t.Fatal("the run is not to be had by its id")
	}
	res, next := run.Result(0)
	if res.Status != StatusRunning || len(res.Events) > 5 || res.Truncated.Events != uint64(next)-uint64(len(res.Events)) {
		t.Errorf("live: next %d, %s", next, asJSON(t, res))
	}
	waitFor(t, "more events", func() bool { return run.Progress().Events > next })
	run.Stop()
	run.Stop()
	<-run.Done()
	res, end := run.Result(next)
	if res.Status != StatusCancelled || end <= next {
		t.Errorf("after stop: %d to %d: %s", next, end, asJSON(t, res))
	}
	if _, ok := r.Get(run.ID()); !ok {
		t.Error("a finished run is not kept")
	}
	if res, again := run.Result(end); len(res.Events) != 0 || again != end {
		t.Errorf("nothing is new: %s", asJSON(t, res))
	}
}

func TestBusyAndQueue(t *testing.T) {
	p := executortest.Newest(t)
	r := newTestRunner(t, p.Path, Options{MaxRuns: 1, Queue: 1, QueueWait: time.Minute})
	long := Script{Source: `interval:s:60 { exit(); }`}
	first := r.Start(long)
	waitFor(t, "the first to have its place", func() bool { return len(r.admission.places) == 1 })
	queued := r.Start(Script{Source: `BEGIN { exit(); }`})
	waitFor(t, "the second to queue", func() bool {
		r.admission.mu.Lock()
		defer r.admission.mu.Unlock()
		return r.admission.waiting == 1
	})
	res := r.Run(context.Background(), long)
	if res.Status != StatusRefused || !strings.HasPrefix(firstError(res).Message, "busy") {
		t.Errorf("the third: %s", asJSON(t, res))
	}
	first.Stop()
	<-queued.Done()
	if res, _ := queued.Result(0); res.Status != StatusCompleted {
		t.Errorf("the queued one: %s", asJSON(t, res))
	}
}

func TestCloseEndsEverything(t *testing.T) {
	p := executortest.Newest(t)
	r := NewRunner(Options{Bpftrace: p.Path})
	run := r.Start(Script{Source: `BEGIN { printf("up\n"); } interval:s:60 { exit(); }`})
	waitFor(t, "the run to be up", func() bool { return run.Progress().Events == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if pid := childOf(os.Getpid()); pid != 0 {
		t.Errorf("process %d lives on", pid)
	}
	if res := r.Run(ctx, Script{Source: "BEGIN { exit(); }"}); res.Status != StatusRefused {
		t.Errorf("after Close: %s", asJSON(t, res))
	}
}

func TestNoBpftrace(t *testing.T) {
	r := newTestRunner(t, "/nonexistent/bpftrace", Options{})
	res := r.Run(context.Background(), Script{Source: "BEGIN { exit(); }"})
	if res.Status != StatusFailed || !strings.Contains(firstError(res).Message, "/nonexistent/bpftrace") {
		t.Errorf("%s", asJSON(t, res))
	}
	if info := r.Info(context.Background()); info.Available || len(info.Problems) == 0 {
		t.Errorf("%s", asJSON(t, info))
	}
}
