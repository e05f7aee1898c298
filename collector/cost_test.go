package collector

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
	"tracecar/collector/guard"
	"tracecar/collector/policy"
)

// busy makes system calls as fast as one CPU can until the test ends.
func busy(t *testing.T) {
	t.Helper()
	c := exec.Command("dd", "if=/dev/zero", "of=/dev/null", "bs=1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
}

const everySyscall = `tracepoint:raw_syscalls:sys_enter { @calls[comm] = count(); } END { printf("end\n"); }`

func TestOverBudgetIsStoppedWithItsMaps(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		busy(t)
		ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
		defer cancel()
		r := newTestRunner(t, p.Path, Options{Guard: Guard{Budget: guard.Budget{CPUPercent: 1}}})
		res := r.Run(ctx, Script{Source: everySyscall})
		d := firstError(res)
		if res.Status != StatusKilled || res.ExitCode != 0 || !strings.Contains(d.Message, "over its budget of 1 %") || d.Hint == "" {
			t.Errorf("%s", asJSON(t, res))
		}
		if len(res.Maps) != 1 || len(res.Maps[0].Rows) == 0 || len(res.Events) != 1 {
			t.Errorf("maps or END are missing: %s", asJSON(t, res))
		}
		if c := res.Cost; c == nil || c.KernelNS == nil || *c.KernelNS <= 0 || *c.KernelRuns == 0 || c.CPUNS <= 0 || c.MaxRSS < 20<<20 {
			t.Errorf("cost %s", asJSON(t, c))
		}
	})
}

func TestCostWithoutABudget(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		busy(t)
		r := newTestRunner(t, p.Path, Options{Guard: Guard{Budget: guard.Budget{CPUPercent: 0.001}}})
		run := r.Start(Script{Source: everySyscall, Budget: guard.Budget{CPUPercent: -1}, Timeout: 700 * time.Millisecond})
		<-run.Attached()
		waitFor(t, "the cost of the live run", func() bool {
			c := run.Cost()
			return c == nil || c.KernelRuns != nil && *c.KernelRuns > 0
		})
		<-run.Done()
		res, _ := run.Result(0)
		if res.Status != StatusTimedOut || res.Cost == nil || res.Cost.KernelRuns == nil || run.Cost() != res.Cost {
			t.Fatalf("%s", asJSON(t, res))
		}
		// What bpftrace counted is what the kernel says.
		var n uint64
		for _, row := range res.Maps[0].Rows {
			v, _ := row.Value.Uint64()
			n += v
		}
		// (END is a second program; up to 0.22 it is gone too soon.)
		if runs := *res.Cost.KernelRuns; runs < n || runs > n+1 {
			t.Errorf("%d runs, %d counted", runs, n)
		}
	})
}

func TestCostOfWhatNeverRan(t *testing.T) {
	p := executortest.Newest(t)
	res := runReal(t, p, Script{Source: "BEGIN { foo( }"})
	if res.Status != StatusFailed || res.Cost == nil || res.Cost.KernelNS != nil || res.Cost.CPUNS <= 0 {
		t.Errorf("a script that is refused: %s", asJSON(t, res))
	}
	res = newTestRunner(t, "/nonexistent/bpftrace", Options{}).Run(context.Background(), Script{Source: "BEGIN { }"})
	if res.Cost != nil {
		t.Errorf("no bpftrace: %s", asJSON(t, res))
	}
}

// TestGuardChangesNoEnd: exit code, END and maps are those of a run with no guard.
func TestGuardChangesNoEnd(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := newTestRunner(t, p.Path, Options{Guard: Guard{Budget: guard.Budget{CPUPercent: 1000}, SumPercent: 1000}})
		res := r.Run(context.Background(), Script{Source: `BEGIN { @["a b"] = 1; } interval:ms:50 { exit(); } END { printf("end\n"); }`})
		if res.Status != StatusCompleted || res.ExitCode != 0 || len(res.Events) != 1 || len(res.Maps) != 1 || firstError(res).Message != "" {
			t.Errorf("%s", asJSON(t, res))
		}
	})
}

// TestBudgetOfAProgramThatIsNoBpftrace: it has no BPF programs, and burns CPU.
func TestBudgetHoldsForCPUTimeAlone(t *testing.T) {
	res := runFake(t, fakeAttached+"trap 'exit 0' INT; while :; do :; done",
		Options{Guard: Guard{Budget: guard.Budget{CPUPercent: 5, Window: 200 * time.Millisecond}}}, Script{})
	if res.Status != StatusKilled || !strings.Contains(firstError(res).Message, "in bpftrace itself") || !strings.Contains(firstError(res).Hint, "aggregate") {
		t.Errorf("%s", asJSON(t, res))
	}
}

// TestBudgetOfARole: who asks for the script decides what it may cost.
func TestBudgetOfARole(t *testing.T) {
	const burn = fakeAttached + "trap 'exit 0' INT; while :; do :; done"
	role := policy.Operator()
	role.CPUPercent = 5
	o := Options{Roles: func(Script) policy.Role { return role }, Guard: Guard{Budget: guard.Budget{Window: 200 * time.Millisecond}}}
	if res := runFake(t, burn, o, Script{}); res.Status != StatusKilled || !strings.Contains(firstError(res).Message, "budget of 5 %") {
		t.Errorf("%s", asJSON(t, res))
	}
	role.CPUPercent = 0
	if res := runFake(t, burn, o, Script{Timeout: time.Second}); res.Status != StatusTimedOut {
		t.Errorf("without a budget: %s", asJSON(t, res))
	}
}

func TestBudgetOfMemory(t *testing.T) {
	res := runFake(t, fakeAttached+"trap 'exit 0' INT; while :; do sleep 0.05 3>&-; done",
		Options{Guard: Guard{Budget: guard.Budget{RSS: 4096}}}, Script{})
	if res.Status != StatusKilled || !strings.Contains(firstError(res).Message, "of memory, over its budget") {
		t.Errorf("%s", asJSON(t, res))
	}
}

// TestCompileBombOfARole: the compiler's CPU time ends with the role's time to compile.
func TestCompileBombOfARole(t *testing.T) {
	role := policy.Operator()
	role.CompileTimeout = time.Second
	s := Script{Source: `BEGIN { unroll(100) { unroll(100) { @++; } } exit(); }`}
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := newTestRunner(t, p.Path, Options{Roles: func(Script) policy.Role { return role }})
		v := r.Validate(context.Background(), s)
		if v.Valid || v.Refused || !slices.ContainsFunc(v.Diagnostics, func(d Diagnostic) bool { return strings.Contains(d.Message, "more than the 1s of CPU time") }) {
			t.Errorf("validate: %s", asJSON(t, v))
		}
		// The time to attach may end first: either says so.
		if res := r.Run(context.Background(), s); res.Status != StatusKilled && res.Status != StatusFailed || !strings.Contains(firstError(res).Message, "1s") {
			t.Errorf("run: %s", asJSON(t, res))
		}
	})
}

// TestSetGuard: the bound on the sum counts at once, for what runs already.
func TestSetGuard(t *testing.T) {
	wide := Guard{Budget: guard.Budget{CPUPercent: 10000, Window: 200 * time.Millisecond}}
	r := newTestRunner(t, fake(t, fakeAttached+"trap 'exit 0' INT; while :; do :; done"), Options{Guard: wide})
	run := r.Start(Script{Source: anyScript})
	<-run.Attached()
	// Which of the two budgets of one run holds for this one is not said: neither stops it.
	r.SetGuard(Guard{Budget: guard.Budget{CPUPercent: 9999}, SumPercent: 1})
	<-run.Done()
	if res, _ := run.Result(0); res.Status != StatusKilled || !strings.Contains(firstError(res).Message, "all runs together") {
		t.Errorf("%s", asJSON(t, res))
	}
	if got := r.budget(); got.CPUPercent != 9999 {
		t.Errorf("new runs have %+v", got)
	}
}
