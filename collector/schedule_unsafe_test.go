package collector

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
)

// TestLiveUnsafeProbe: --unsafe is for the probe that says so, for its check
// and its snapshots too, and for no other.
func TestLiveUnsafeProbe(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		s, r := newTestScheduler(t, p)
		dir := t.TempDir()
		touch := func(name string) (source, file string) {
			file = filepath.Join(dir, name)
			// A map of stacks is printed by bpftrace itself at a signal.
			return fmt.Sprintf(`BEGIN { system("touch %s"); } interval:ms:10 { @n = count(); } profile:hz:99 { @st[kstack(2)] = count(); }`, file), file
		}
		allowed, refused := continuous("allowed"), continuous("refused")
		var made, unmade string
		allowed.Source, made = touch("made")
		refused.Source, unmade = touch("unmade")
		allowed.Unsafe, refused.GiveUpAfter, refused.BackoffMin = true, 1, time.Millisecond
		apply(t, s, allowed, refused)
		waitFor(t, "what system() does", func() bool { _, err := os.Stat(made); return err == nil })
		waitFor(t, "the other's end", func() bool { return statusOf(t, s, "refused").State == ProbeGivenUp })
		if _, err := os.Stat(unmade); err == nil {
			t.Error("system() ran without unsafe")
		}
		if st := statusOf(t, s, "refused"); st.Unsafe || !strings.Contains(asJSON(t, st.Diagnostics), "unsafe") {
			t.Errorf("%s", asJSON(t, st))
		}
		waitFor(t, "its maps", func() bool {
			st := s.Now(t.Context(), "allowed")[0]
			return st.State == ProbeRunning && st.Unsafe && st.Result != nil && len(st.Result.Maps) == 2
		})
		for _, probe := range []Probe{allowed, refused} {
			v := r.Validate(t.Context(), Script{Source: probe.Source, Unsafe: probe.Unsafe})
			if v.Valid != probe.Unsafe {
				t.Errorf("unsafe %v: valid %v: %s", probe.Unsafe, v.Valid, asJSON(t, v.Diagnostics))
			}
		}
		// To take the right away is a change.
		allowed.Unsafe = false
		apply(t, s, allowed)
		waitFor(t, "the refusal", func() bool { return statusOf(t, s, "allowed").Failures > 0 })
		if st := statusOf(t, s, "allowed"); st.Unsafe || !strings.Contains(asJSON(t, st.Diagnostics), "unsafe") {
			t.Errorf("%s", asJSON(t, st))
		}
	})
}
