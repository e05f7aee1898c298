package collector

import (
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
	"tracecar/collector/policy"
)

func TestRolesDecide(t *testing.T) {
	p := executortest.Newest(t)
	r := newTestRunner(t, p.Path, Options{Roles: func(s Script) policy.Role {
		if s.Caller.Role == "operator" {
			return policy.Operator()
		}
		role := policy.Caller()
		role.MaxTimeout, role.MaxEvents = 300*time.Millisecond, 3
		return role
	}})
	refused := r.Run(t.Context(), Script{Source: "BEGIN { @ = count(); }\nEND { cat(\"/etc/hostname\"); }"})
	if refused.Status != StatusRefused || refused.ProbesAttached != 0 {
		t.Fatalf("%s", asJSON(t, refused))
	}
	if d := firstError(refused); d.Rule != "function" || d.Line != 2 || d.Source == "" || !strings.Contains(d.Message, "cat") {
		t.Errorf("%s", asJSON(t, refused.Diagnostics))
	}
	if v := r.Validate(t.Context(), Script{Source: "#include \"/etc/shadow\"\nBEGIN { exit(); }"}); v.Valid || !v.Refused || firstError(&Result{Diagnostics: v.Diagnostics}).Rule == "" {
		t.Errorf("%s", asJSON(t, v))
	}
	const shortened = "the run may take 300ms, which is all that the role of its caller allows, and not 1h0m0s"
	bounded := r.Run(t.Context(), Script{Source: `interval:ms:10 { printf("x\n"); }`, Timeout: time.Hour})
	if bounded.Status != StatusTimedOut || len(bounded.Events) != 3 || bounded.Truncated.Events == 0 ||
		!strings.Contains(asJSON(t, bounded.Diagnostics), shortened) {
		t.Errorf("%s", asJSON(t, bounded))
	}
	early := r.Run(t.Context(), Script{Source: `BEGIN { exit(); }`, Timeout: time.Hour})
	if early.Status != StatusCompleted || !strings.Contains(asJSON(t, early.Diagnostics), shortened) {
		t.Errorf("of one that ended before: %s", asJSON(t, early))
	}
	live := r.Begin(t.Context(), Script{Source: `interval:s:1 { }`, Timeout: time.Hour})
	waitFor(t, "the Result of a live run to tell", func() bool {
		res, _ := live.Result(0)
		return strings.Contains(asJSON(t, res.Diagnostics), shortened)
	})
	live.Stop()
	<-live.Done()
	trusted := r.Run(t.Context(), Script{Source: `BEGIN { cat("/proc/sys/kernel/ostype"); exit(); }`, Caller: Caller{Role: "operator"}})
	if trusted.Status != StatusCompleted || len(trusted.Events) != 1 {
		t.Errorf("%s", asJSON(t, trusted))
	}
}
