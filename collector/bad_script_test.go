package collector

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
	"tracecar/collector/policy"
)

// Scripts that are meant to hurt, with the rule that refuses each; "" for
// those that the role caller allows, which bpftrace's bounds have to stop.
var badScripts = []struct{ what, source, rule string }{
	{"NUL bytes", "BEGIN { @ = 1; }\x00 END { cat(\"/etc/shadow\"); }", policy.RuleText},
	{"bytes that are no UTF-8", "BEGIN { printf(\"\xff\xfe\"); }", policy.RuleText},
	{"a look-alike", "BEGIN { c\u0430t(\"/etc/shadow\"); }", policy.RuleText}, // Cyrillic
	{"text in the other direction", "BEGIN { /* \u202e */ exit(); }", policy.RuleText},
	{"a line that goes on", "BEGIN { // \\\n cat(\"/etc/shadow\"); }", policy.RuleText},
	{"10 MB", strings.Repeat("BEGIN { @++; }\n", 10<<20/15), policy.RuleSize},
	{"10 MB of one string", "BEGIN { print(\"" + strings.Repeat("x", 10<<20) + "\"); }", policy.RuleSize},
	{"deep parentheses", "BEGIN { @ = " + strings.Repeat("(", 20000) + "1" + strings.Repeat(")", 20000) + "; }", policy.RuleSize},
	{"deep blocks", "BEGIN { " + strings.Repeat("if (pid) { ", 4000) + strings.Repeat("} ", 4000) + "}", policy.RuleSize},
	{"deep unary operators", "BEGIN { @ = " + strings.Repeat("-", 30000) + "1; }", policy.RuleUnclear},
	{"an unroll bomb", "BEGIN { unroll (100) { unroll (100) { @++; } } }", policy.RuleUnroll},
	{"a long unroll", "BEGIN { unroll (1000000) { @++; } }", policy.RuleUnroll},
	{"an unroll by parameter", "BEGIN { unroll ($1) { @++; } }", policy.RuleUnroll},
	{"many statements", "BEGIN { " + strings.Repeat("@++; ", 10000) + "}", policy.RuleSize},
	{"a long sum", "BEGIN { @ = 1" + strings.Repeat("+1", 30000) + "; }", policy.RuleSize},
	{"a loop of loops", "BEGIN { for ($i : 0..60000) { for ($j : 0..60000) { @++; } } }", policy.RuleLoop},
	{"many attach points", "tracepoint:*:* { @[probe] = count(); }", policy.RuleAttachPoint},
	{"statements times attach points", "tracepoint:syscalls:sys_enter_s* { " + strings.Repeat("@++; ", 900) + "}", policy.RuleSize},
	{"a fast timer", "interval:us:1 { @++; }", policy.RuleRate},
	{"a huge map", "config = { max_map_keys = 100000000 } BEGIN { @[1] = 1; }", policy.RuleConfig},
	{"a compiler's buffer", "config = { log_size = 1000000000 } BEGIN { @[1] = 1; }", policy.RuleConfig},
	{"a device for a header", "#include \"/dev/zero\"\nBEGIN { exit(); }", policy.RuleInclude},
	{"defines of defines", "#define A B B B B\n#define B C C C C\n#define C A A A A\nBEGIN { A; }", policy.RuleDirective},
	{"wide keys", wideKeys, ""},
	{"wide tuples", strings.ReplaceAll(wideKeys, "count()", "1"), ""},
}

// wideKeys is within the role's bounds, and takes the compiler of every
// version more than the time given here.
var wideKeys = func() string {
	var b strings.Builder
	key := strings.TrimSuffix(strings.Repeat("comm, ", 30), ", ")
	for i := range 150 {
		fmt.Fprintf(&b, "@t%d[%s] = count(); ", i%30, key)
	}
	return "BEGIN { " + b.String() + "exit(); }"
}()

// TestBadScripts has each refused, or stopped within its bounds, with words
// that say why; what else runs meanwhile does not notice.
func TestBadScripts(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := newTestRunner(t, p.Path, Options{Roles: func(s Script) policy.Role {
			role := policy.Caller()
			role.CompileTimeout = time.Second
			if s.Caller.Role == "operator" {
				role = policy.Operator()
			}
			return role
		}})
		other := r.Start(Script{Source: "interval:ms:10 { @n = count(); }", Caller: Caller{Role: "operator"}})
		<-other.Attached()
		before := alive()
		for _, bad := range badScripts {
			s := Script{Source: bad.source, Args: []string{"1000000"}, Timeout: time.Minute}
			res := r.Run(t.Context(), s)
			said := firstError(res)
			switch {
			case bad.rule == "" && res.Status != StatusFailed && res.Status != StatusKilled:
				t.Errorf("%s: %s", bad.what, asJSON(t, res))
			case bad.rule != "" && (res.Status != StatusRefused || !slices.ContainsFunc(res.Diagnostics, func(d Diagnostic) bool { return d.Rule == bad.rule })):
				t.Errorf("%s: not refused by %s: %.2000s", bad.what, bad.rule, asJSON(t, res))
			}
			if said.Message == "" || len(asJSON(t, res.Diagnostics)) > 256<<10 {
				t.Errorf("%s: %.300q, and %d bytes in all", bad.what, said.Message, len(asJSON(t, res.Diagnostics)))
			}
			if bad.rule == "" {
				continue // a validation takes as long again
			}
			if v := r.Validate(t.Context(), s); !v.Refused || v.Valid {
				t.Errorf("%s: the validation says valid %v, refused %v", bad.what, v.Valid, v.Refused)
			}
		}
		// The garbage of 10 MB is gone; nothing that a script said is kept.
		if after := alive(); after > before+32<<20 {
			t.Errorf("%d MiB are held after them, %d before", after>>20, before>>20)
		}
		if good := r.Run(t.Context(), Script{Source: "BEGIN { @ = 1; exit(); }", Caller: Caller{Role: "operator"}}); good.Status != StatusCompleted {
			t.Errorf("afterwards: %s", asJSON(t, good))
		}
		other.Stop()
		<-other.Done()
		if res, _ := other.Result(0); res.Status != StatusCancelled || len(res.Maps) != 1 {
			t.Errorf("the other run: %s", asJSON(t, res))
		}
	})
}

// alive is how many bytes of the heap are in use.
func alive() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
