package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// TestBombs has scripts that are meant to keep the policy itself busy: each is
// refused in no time (the guard is generous), with few and short words.
func TestBombs(t *testing.T) {
	const size = 60 << 10
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	many := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	bombs := map[string]string{
		"brackets":   "BEGIN { " + fill("("),
		"casts":      "BEGIN { @ = " + strings.Repeat("(", size/3) + "1" + strings.Repeat(")*", size/3),
		"loops":      "BEGIN { " + fill("for "),
		"unrolls":    "BEGIN { " + fill("unroll(9) { "),
		"calls":      "BEGIN { " + fill("f();"),
		"probes":     fill("BEGIN,") + "END { }",
		"bodies":     fill("BEGIN{str(1)}"),
		"wildcards":  many("tracepoint:x:%d* { @++; }\n"),
		"stars":      "tracepoint:" + fill("*?") + " { @++; }",
		"groups":     "tracepoint:a:" + fill("[") + " { @++; }",
		"macros":     many("macro m%[1]d() { m%[1]d1(); m%[1]d2(); } "),
		"defines":    many("#define A%d 1\n") + "BEGIN { cat(1); }",
		"maps":       "BEGIN { " + many("@m%d++;"),
		"ten MB":     strings.Repeat("BEGIN { @++; }\n", 10<<20/15),
		"not a text": fill("\xff\x00#\\\n"),
		"parameters": many("tracepoint:$%d:$1 { }"),
	}
	wide := policy.Caller()
	wide.Macros, wide.Includes, wide.CDefinitions, wide.Directives = true, true, true, []string{"define"}
	wide.Probes.Deny = []string{"*a*b*c*d*e*f*g*h*"}
	for name, src := range bombs {
		for _, role := range []policy.Role{policy.Caller(), wide} {
			s := &script.Script{Source: src}
			if d := policy.TooLong(role, src); d == nil {
				s = script.Parse(src)
			} else if d.Allowed || len(d.Violations) != 1 {
				t.Errorf("%s: %+v", name, d)
			}
			start := cpuTime(t)
			d := policy.Check(t.Context(), role, s, policy.Request{Args: []string{"a"}}, few)
			if took := cpuTime(t) - start; took > 10*time.Second {
				t.Errorf("%s: %v", name, took)
			} else if testing.Verbose() {
				t.Logf("%s: %v, %d violations", name, took.Round(time.Millisecond), len(d.Violations))
			}
			words := 0
			for _, v := range d.Violations {
				words += len(v.String())
			}
			if limit := 40 << 10; d.Allowed || len(d.Violations) > 50 || words > limit {
				t.Errorf("%s: allowed %v, %d violations of %d bytes", name, d.Allowed, len(d.Violations), words)
			}
			if d.Reason() == "" || len(d.Reason()) > 80<<10 {
				t.Errorf("%s: reason of %d bytes", name, len(d.Reason()))
			}
		}
	}
}

// cpuTime is what this process has used so far: a loaded machine adds nothing to it.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
