package executor

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bomb keeps the compiler of every version busy for more than half a minute.
const bomb = `BEGIN { unroll(100) { unroll(100) { @++; } } exit(); }`

func softLimit(t *testing.T, pid, resource int) uint64 {
	t.Helper()
	var lim unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &lim); err != nil {
		t.Fatal(err)
	}
	return lim.Cur
}

func TestCompileBombRunsOutOfCPU(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		for _, limits := range []Limits{{CompileCPU: 900 * time.Millisecond}, {CompileCPU: time.Second, Ungrouped: true}} {
			bounded := limitedBy(t, bt, limits)
			c, err := bounded.Validate(testContext(t, time.Minute), Job{Source: bomb})
			if err != nil {
				t.Fatal(err)
			}
			p := start(t, bounded, Job{Source: bomb})
			readAll(t, p)
			for what, e := range map[string]*Exit{"validate": c.Exit, "run": wait(t, p)} {
				if e.OutOfCPU != time.Second || e.Signal != syscall.SIGXCPU || e.Code != -1 {
					t.Errorf("%s: %s %+v", what, e, e)
				}
			}
			for _, ds := range [][]Diagnostic{c.Diagnostics, wait(t, p).Diagnostics} {
				if !slices.ContainsFunc(ds, func(d Diagnostic) bool {
					return d.Severity == SeverityError && strings.Contains(d.Message, "more than the 1s of CPU time") && d.Hint != ""
				}) {
					t.Errorf("%+v", ds)
				}
			}
		}
	})
}

// TestCPUIsBoundedUntilAttached: what comes after is not the compiler's.
func TestCPUIsBoundedUntilAttached(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		p := start(t, limitedBy(t, bt, Limits{CompileCPU: 40 * time.Second}), Job{Source: silent})
		<-p.Attached()
		if n := softLimit(t, p.PID(), unix.RLIMIT_CPU); n != unix.RLIM_INFINITY {
			t.Errorf("%d s after attaching", n)
		}
		if n := softLimit(t, p.PID(), unix.RLIMIT_CORE); n != 0 {
			t.Errorf("core files of %d bytes", n)
		}
		p.Stop()
	})
	p := start(t, fake(t, "mute", Config{Limits: Limits{CompileCPU: 40 * time.Second}}), Job{})
	if n := softLimit(t, p.PID(), unix.RLIMIT_CPU); n != 40 {
		t.Errorf("%d s before attaching", n)
	}
	p.child.attached()
	if n := softLimit(t, p.PID(), unix.RLIMIT_CPU); n != unix.RLIM_INFINITY {
		t.Errorf("%d s after attaching", n)
	}
	p.Kill()
	wait(t, p)
	p.child.attached() // of a process that is gone: nobody else's limit changes
}

// TestCompileBombRunsOutOfMemory where no control group can be made.
func TestCompileBombRunsOutOfMemory(t *testing.T) {
	source := "BEGIN { " + strings.Repeat("@a = count(); ", 3000) + "exit(); }"
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		bounded := limitedBy(t, bt, Limits{Memory: 100 << 20, Ungrouped: true})
		c, err := bounded.Validate(testContext(t, time.Minute), Job{Source: source})
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, bounded, Job{Source: source})
		readAll(t, p)
		for what, e := range map[string]*Exit{"validate": c.Exit, "run": wait(t, p)} {
			if e.OutOfMemory != 100<<20 || e.OutOfCPU != 0 {
				t.Errorf("%s: %s %+v", what, e, e)
			}
		}
		if d := c.Diagnostics[len(c.Diagnostics)-1]; !strings.Contains(d.Message, "more than the 100 MiB of memory") {
			t.Errorf("%+v", c.Diagnostics)
		}
	})
}

// TestSmallScriptsNeedLittleMemory: what a bound on private memory has to leave.
func TestSmallScriptsNeedLittleMemory(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		p := start(t, limitedBy(t, bt, Limits{Memory: smallestMemory, Ungrouped: true}), Job{Source: `
			tracepoint:raw_syscalls:sys_enter { @[kstack, ustack, comm] = count(); @h[pid] = hist(nsecs); } interval:ms:50 { exit(); }`})
		readAll(t, p)
		if e := wait(t, p); e.Code != 0 || e.OutOfMemory != 0 {
			t.Errorf("%+v", e)
		}
	})
	p := start(t, fake(t, "mute", Config{Limits: Limits{Memory: 3 << 30, Ungrouped: true}}), Job{})
	waitFor(t, "the bound on memory", func() bool { return softLimit(t, p.PID(), unix.RLIMIT_DATA) == 3<<30 })
	p.Kill()
	// bpftrace says bad_alloc for other reasons too: only a bound explains it.
	for _, c := range []struct {
		st     exitStatus
		stderr string
		want   uint64
	}{
		{exitStatus{code: 1, data: 7}, "ERROR: Failed to compile: std::bad_alloc", 7},
		{exitStatus{code: -1, data: 7}, "LLVM ERROR: out of memory\nAllocation failed", 7},
		{exitStatus{code: 1}, "std::bad_alloc", 0},
		{exitStatus{code: 0, data: 7}, "std::bad_alloc", 0},
		{exitStatus{code: 1, data: 7}, "ERROR: syntax error", 0},
		{exitStatus{code: -1, oom: 9, data: 7}, "", 9},
	} {
		if got := c.st.outOfMemory(c.stderr); got != c.want {
			t.Errorf("%+v %q: %d", c.st, c.stderr, got)
		}
	}
}

// TestCompileBombBehindSudo: the helper's bounds are those that were asked for.
func TestCompileBombBehindSudo(t *testing.T) {
	h := setUpSudo(t, true)
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		out, err := h.client("bomb", bt.Path(), bomb).CombinedOutput()
		if err != nil {
			t.Error(err)
		}
		contains(t, string(out), "check killed by SIGXCPU", "exit killed by SIGXCPU")
		if n := strings.Count(string(out), "more than the 1s of CPU time"); n != 2 {
			t.Errorf("said %d times:\n%s", n, out)
		}
	})
}

func limitedBy(t *testing.T, bt *Bpftrace, l Limits) *Bpftrace {
	t.Helper()
	limited, err := Find(testContext(t, time.Minute), Config{Path: bt.Path(), Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	return limited
}

func TestCompileSeconds(t *testing.T) {
	for d, want := range map[time.Duration]uint64{0: 60, -1: 60, 1: 1, time.Second: 1, 1500 * time.Millisecond: 2, time.Hour: 3600} {
		if got := (Limits{CompileCPU: d}).compileSeconds(); got != want {
			t.Errorf("%v: %s s", d, strconv.FormatUint(got, 10))
		}
	}
}
