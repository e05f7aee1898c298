package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// TestBounds holds each bound of a role to its word: a script at it is
// allowed, one past it is refused by the rule, and what would be allowed is
// said.
func TestBounds(t *testing.T) {
	rep := strings.Repeat
	for name, c := range map[string]struct {
		set  func(r *policy.Role, n int)
		make func(n int) string // a script that takes n
		rule string
		at   int
	}{
		"script":        {func(r *policy.Role, n int) { r.MaxScript = n }, func(n int) string { return "BEGIN { }" + rep(" ", n-9) }, "size", 40},
		"probes":        {func(r *policy.Role, n int) { r.MaxProbes = n }, func(n int) string { return rep("BEGIN { @++; } ", n) }, "size", 3},
		"wildcards":     {func(r *policy.Role, n int) { r.MaxWildcards = n }, wildcards, "attach_point", 2},
		"rate of one":   {func(r *policy.Role, n int) { r.MaxRate = n }, func(n int) string { return fmt.Sprintf("profile:hz:%d { @++; }", n) }, "rate", 50},
		"rate in sum":   {func(r *policy.Role, n int) { r.MaxRate = n }, func(n int) string { return rep("interval:hz:1 { @++; } ", n) }, "rate", 4},
		"maps":          {func(r *policy.Role, n int) { r.MaxMaps = n }, func(n int) string { return "BEGIN { " + manyMaps(n) + "}" }, "maps", 3},
		"nesting":       {func(r *policy.Role, n int) { r.MaxNesting = n }, func(n int) string { return "BEGIN { @ = " + rep("(", n-1) + "1" + rep(")", n-1) + "; }" }, "size", 5},
		"unroll":        {func(r *policy.Role, n int) { r.MaxUnroll = n }, func(n int) string { return fmt.Sprintf("BEGIN { unroll (%d) { @++; } }", n) }, "unroll", 7},
		"statements":    {func(r *policy.Role, n int) { r.MaxStatements = n + 2 }, func(n int) string { return "BEGIN {" + rep(" @++;", n) + " }" }, "size", 5},
		"unrolled":      {func(r *policy.Role, n int) { r.MaxStatements = n + 4 }, func(n int) string { return fmt.Sprintf("BEGIN { unroll (%d) { @++; } }", n) }, "size", 7},
		"compiled":      {func(r *policy.Role, n int) { r.MaxCompiled = 3 * (n + 2) }, func(n int) string { return "tracepoint:sched:* {" + rep(" @++;", n) + " }" }, "size", 5},
		"iterations":    {func(r *policy.Role, n int) { r.MaxIterations = n }, func(n int) string { return fmt.Sprintf("BEGIN { for ($i : 0..%d) { @++; } }", n) }, "loop", 9},
		"loops in sum":  {func(r *policy.Role, n int) { r.MaxIterations = 10 * n }, func(n int) string { return "BEGIN { " + rep("for ($i : 0..10) { @++; } ", n) + " }" }, "loop", 3},
		"attach points": {func(r *policy.Role, n int) { r.MaxAttachPoints = n }, func(n int) string { return rep("BEGIN { @++; } ", n) }, "attach_point", 3},
		"wildcard":      {func(r *policy.Role, n int) { r.MaxAttachPoints = 3 * n }, func(n int) string { return rep("tracepoint:sched:* { @++; } ", n) }, "attach_point", 2},
		"map keys":      {func(r *policy.Role, n int) { r.MaxMapKeys = n }, func(n int) string { return fmt.Sprintf("let @m = hash(%d); BEGIN { @m[1] = 1; }", n) }, "maps", 20},
	} {
		role := policy.Caller()
		c.set(&role, c.at)
		check := func(n int) *policy.Decision {
			return policy.Check(t.Context(), role, script.Parse(c.make(n)), policy.Request{}, few)
		}
		if d := check(c.at); !d.Allowed {
			t.Errorf("%s: %s\n%v", name, c.make(c.at), d.Violations)
		}
		d := check(c.at + 1)
		if d.Allowed || !strings.Contains(rulesOf(d), c.rule) {
			t.Errorf("%s: allowed %v: %s\n%v", name, d.Allowed, c.make(c.at+1), d.Violations)
			continue
		}
		if d.Violations[0].Allowed == "" {
			t.Errorf("%s does not say what would be allowed: %v", name, d.Violations[0])
		}
	}
}

func wildcards(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "tracepoint:sched:%c* { @++; } ", 'a'+i)
	}
	return b.String()
}

// TestMeanings: each rule has words for logs.
func TestMeanings(t *testing.T) {
	for _, rule := range []string{
		policy.RuleReadOnly, policy.RuleLibraryOnly, policy.RuleUnsafe, policy.RuleArgs, policy.RuleText, policy.RuleSize,
		policy.RuleUnclear, policy.RuleProvider, policy.RuleAttachPoint, policy.RuleForeignBinary, policy.RuleRate,
		policy.RuleFunction, policy.RuleIdentifier, policy.RuleUserMemory, policy.RuleInclude, policy.RuleImport,
		policy.RuleDirective, policy.RuleDefinition, policy.RuleConfig, policy.RuleUnroll, policy.RuleLoop, policy.RuleMaps,
	} {
		if policy.Meaning(rule) == "" {
			t.Errorf("%s has no meaning", rule)
		}
	}
}

// TestDeniedByDefault has the functions that the role caller must never have,
// and what it keeps.
func TestDeniedByDefault(t *testing.T) {
	caller := policy.Caller()
	for src, want := range map[string]string{
		`system("x");`: "unsafe", `signal(9);`: "unsafe", `override(1);`: "unsafe", `cat("/etc/passwd");`: "function",
		`skboutput("f", 1, 2, 3);`: "function user_memory", `debugf("x");`: "function",
	} {
		judge(t, caller, policy.Request{}, []verdict{{src, want}})
	}
	judge(t, caller, policy.Request{}, []verdict{{src: in("exec", "join(args->argv);")}, {src: in("exec", `join(args->argv, ",");`)}})
	// Named, they are allowed, as all else that is configurable.
	wide := policy.Caller()
	wide.Functions = policy.Globs{Allow: []string{"*"}}
	wide.Unsafe, wide.Imports, wide.Includes = true, true, true
	judge(t, wide, policy.Request{Unsafe: true}, []verdict{
		{src: `BEGIN { system("x"); cat("/etc/passwd"); signal(9); }`},
		{src: "#include <linux/sched.h>\nimport \"x\"\nBEGIN { exit(); }"},
	})
	narrow := policy.Caller()
	narrow.Functions.Deny = []string{"str*", "buf"}
	judge(t, narrow, policy.Request{}, []verdict{{in("open", "@ = str(args->filename);"), "function"}, {src: "BEGIN { @ = count(); }"}})
}
