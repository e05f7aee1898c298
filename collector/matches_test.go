package collector

import (
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor"
	"tracecar/collector/executor/executortest"
	"tracecar/collector/policy"
)

// bash exports its functions, even when stripped.
const bash = "/bin/bash"

// TestMissingAttachPoints has validate say of what is not there what a run
// finds, whether or not this bpftrace looks.
func TestMissingAttachPoints(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		t.Parallel() // bpftrace mostly waits
		r := newTestRunner(t, p.Path, Options{})
		for _, tt := range []struct {
			script string
			want   []int
			fails  bool // with each version
		}{
			{"uprobe:FILE:main { exit(); } BEGIN { exit(); }", []int{1, 1}, false},
			{"uprobe:FILE:nosuchfunction { @ = count(); }", []int{0}, true},
			{"uprobe:FILE:nosuchfunction* { @ = count(); }", []int{0}, true},
			{"usdt:FILE:no:such { @ = count(); }", []int{0}, true},
			{"kprobe:nosuchfunction { @ = count(); }", []int{0}, true},
		} {
			source := strings.ReplaceAll(tt.script, "FILE", bash)
			v := r.Validate(t.Context(), Script{Source: source})
			if strings.HasPrefix(source, "k") && executor.DescribeHost().Kprobes {
				tt.fails = !v.Valid // it can be tried at least
			}
			if v.Valid == tt.fails {
				t.Errorf("%s: valid: %v: %+v", tt.script, v.Valid, v.Diagnostics)
			}
			for i, m := range v.Probes {
				// Where bpftrace itself says no, nothing is counted.
				if m.Matches != tt.want[i] && (v.Valid || m.Matches != -1) {
					t.Errorf("%s: %d attach points, want %d", m.Probe, m.Matches, tt.want[i])
				}
			}
			if tt.fails && !hasError(v.Diagnostics) {
				t.Errorf("%s: no error in %+v", tt.script, v.Diagnostics)
			}
			if res := r.Run(t.Context(), Script{Source: source, Timeout: time.Millisecond}); (res.Status == StatusFailed) != tt.fails {
				t.Errorf("%s: the run %s: %+v", tt.script, res.Status, res.Diagnostics)
			}
		}
	})
}

// TestSomeMissing has validate agree with run on whether it takes one missing
// attach point among others.
func TestSomeMissing(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		t.Parallel() // bpftrace mostly waits
		r := newTestRunner(t, p.Path, Options{})
		for _, source := range []string{
			"interval:ms:1 { exit(); } uprobe:FILE:nosuchfunction { @ = count(); }",
			"interval:ms:1 { exit(); } uprobe:FILE:main,uprobe:FILE:nosuchfunction { @ = count(); }",
			"interval:ms:1 { exit(); } uprobe:FILE:nosuchfunction* { @ = count(); }",
			"interval:ms:1 { exit(); } usdt:FILE:no:such { @ = count(); }",
		} {
			source = strings.ReplaceAll(source, "FILE", bash)
			v := r.Validate(t.Context(), Script{Source: source})
			res := r.Run(t.Context(), Script{Source: source})
			if v.Valid != (res.Status == StatusCompleted) {
				t.Errorf("%s: valid: %v, %+v\nbut the run %s: %+v", source, v.Valid, v.Diagnostics, res.Status, res.Diagnostics)
			}
			if last := v.Probes[len(v.Probes)-1]; v.Valid && last.Matches != 0 {
				t.Errorf("%s: %+v", source, v.Probes)
			}
		}
	})
}

// TestMatchesTellNoSecrets has bpftrace not asked (there is none here) of a
// file that the role may not see.
func TestMatchesTellNoSecrets(t *testing.T) {
	role := policy.Caller()
	role.Providers.Allow = append(role.Providers.Allow, "uprobe")
	role.Binaries.Allow = []string{"/opt/*"}
	m := matcher{role: role, lists: map[string]listing{}}
	for _, text := range []string{"uprobe:" + bash + ":main", "uprobe:/opt/../bin/bash:main", "uprobe:bash:main", "usdt:/opt/x:a:b"} {
		if l := m.list(t.Context(), text); l.told {
			t.Errorf("%s: %+v", text, l)
		}
	}
}
