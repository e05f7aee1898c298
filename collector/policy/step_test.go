package policy_test

import (
	"strings"
	"testing"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// TestSteps takes each step of Check away in turn: something that is refused
// must be allowed then, or the step does nothing that is tested.
func TestSteps(t *testing.T) {
	type only struct {
		src    string
		change func(*policy.Role)
		req    policy.Request
		hide   bool // what the parser lists
	}
	cases := map[string]only{
		"who":          {src: "BEGIN { exit(); }", change: func(r *policy.Role) { r.ReadOnly = true }},
		"unsafe":       {src: `BEGIN { system("x"); }`, change: func(r *policy.Role) { operator(r); r.Unsafe = false }},
		"args":         {src: "BEGIN { exit(); }", req: policy.Request{Args: []string{"\x1b"}}},
		"bytes":        {src: "BEGIN { /* \u202e */ exit(); }"},
		"tokens":       {src: "/* x */ #include <linux/sched.h>\nBEGIN { exit(); }", change: func(r *policy.Role) { r.Includes = true }},
		"unclear":      {src: "BEGIN { print(1) print(2) }"},
		"preprocessor": {src: "#include <linux/sched.h>\nBEGIN { exit(); }"},
		"definitions":  {src: "enum a { A } BEGIN { exit(); }"},
		"config":       {src: "config = { log_size = 1 } BEGIN { exit(); }"},
		"functions":    {src: "BEGIN { nosuch(1); }"},
		"identifiers":  {src: "BEGIN { print(nosuch); }"},
		"crosscheck":   {src: `BEGIN { cat("x"); }`, hide: true},
		"pointers":     {src: "BEGIN { print(curtask); }"},
		"memory calls": {src: "BEGIN { print(str(1)); }"},
		"fields":       {src: "tracepoint:syscalls:sys_enter_openat { print(args.__filename_val); }"},
		"nesting":      {src: "BEGIN { print(" + strings.Repeat("(", 70) + "1" + strings.Repeat(")", 70) + "); }"},
		"blocks":       {src: "BEGIN { unroll (101) { @++; } }"},
		"maps":         {src: "BEGIN { " + manyMaps(33) + "}"},
		"attach points": {
			src: "kprobe:vfs_read { @++; }",
		},
		"rates":     {src: "interval:us:1 { @++; }"},
		"expansion": {src: "tracepoint:sched:* { @++; }", change: func(r *policy.Role) { r.MaxAttachPoints = 2 }},
	}
	for _, step := range policy.RuleSteps() {
		c, ok := cases[step]
		if !ok {
			t.Errorf("no case for %s", step)
			continue
		}
		role := policy.Caller()
		if c.change != nil {
			c.change(&role)
		}
		s := script.Parse(c.src)
		if c.hide {
			s.Calls, s.Outputs = nil, nil
		}
		if d := policy.Check(t.Context(), role, s, c.req, few); d.Allowed {
			t.Errorf("%s: allowed: %s", step, c.src)
		}
		if d := policy.CheckWithout(step, t.Context(), role, s, c.req, few); !d.Allowed {
			t.Errorf("%s: refused without it, too: %v", step, d.Violations)
		}
	}
}

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, text      string
		covers, overlap bool
	}{
		{"*", "", true, true},
		{"*", "a:b*", true, true},
		{"a", "a", true, true},
		{"a", "b", false, false},
		{"tracepoint:sched:*", "tracepoint:sched:sched_*", true, true},
		{"tracepoint:sched:*", "tracepoint:s*:x", false, true},
		{"tracepoint:sched:*", "tracepoint:*:*", false, true},
		{"tracepoint:sched:*", "tracepoint:sys*:x", false, false},
		{"tracepoint:sched:?", "tracepoint:sched:*", false, true},
		{"tracepoint:sched:*", "tracepoint:[st]ched:*", false, true},
		{"*:sched_switch", "tracepoint:*:sched_sw*", false, true},
		{"*a*b*c*", "xaxbxcx", true, true},
		{"*a*b*c*", "xaxcxbx", false, false},
		{"a?c", "abc", true, true},
		{"a?c", "a*c", false, true},
		{"a?c", "ac", false, false},
		{"abc", "a??", false, true},
		{"abcd", "a?", false, false},
		{"", "*", false, true},
	} {
		if got := policy.Covers(c.glob, c.text); got != c.covers {
			t.Errorf("Covers(%q, %q) = %v", c.glob, c.text, got)
		}
		if got := policy.Overlap(c.glob, c.text, true); got != c.overlap {
			t.Errorf("Overlap(%q, %q) = %v", c.glob, c.text, got)
		}
	}
}

// TestRoles shows roles that are wider and narrower than the built-in one.
func TestRoles(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*policy.Role)
		list   []verdict
	}{
		"kprobes": {func(r *policy.Role) {
			r.Providers.Allow = append(r.Providers.Allow, "kprobe", "fentry")
			r.Probes.Deny = []string{"kprobe:secret*", "fentry:secret*"}
		}, []verdict{
			{src: "kprobe:vfs_read { @++; }"},
			{src: "kprobe:vmlinux:vfs_read { @++; }"},
			{"kprobe:secret_read { @++; }", "attach_point"},
			{"k:secret_read { @++; }", "attach_point"},
			{"kprobe:secret+4 { @++; }", "attach_point"},
			{"kprobe:vmlinux:secret { @++; }", "attach_point"},
			{"kfunc:vmlinux:secret { @++; }", "attach_point"},
			{"kprobe:* { @++; }", "attach_point"},
			{"kprobe:s* { @++; }", "attach_point"},
			{"kprobe:[s]ecret { @++; }", "attach_point"},
			{"kprobe:?ecret { @++; }", "attach_point"},
			{"kprobe:\"secret\" { @++; }", "attach_point"},
			{"kprobe:$1 { @++; }", "attach_point"}, // secret_a
			{src: "kprobe:$2 { @++; }"},            // vfs_read
			{"kprobe:vfs_read { @ = arg0; } kretprobe:vfs_read { @ = retval; }", "provider"},
		}},
		"one category": {func(r *policy.Role) { r.Probes.Allow = []string{"tracepoint:sched:*", "END"} }, []verdict{
			{src: "t:sched:sched_switch { @++; } END { print(@); }"},
			{"BEGIN { @++; }", "attach_point"},
			{"tracepoint:s*:sched_switch { @++; }", "attach_point"},
		}},
		"uprobes": {func(r *policy.Role) {
			r.Providers.Allow = []string{"uprobe", "usdt"}
			r.Binaries = policy.Globs{Allow: []string{"/opt/app/*"}, Deny: []string{"*secret*"}}
		}, []verdict{
			{src: "uprobe:/opt/app/bin:main { @++; }"},
			{src: "u:/opt/app/bin:\"f(int)\" { @++; }"},
			{src: "usdt:/opt/app/bin:p:q { @++; }"},
			{"uprobe:/opt/app/../../bin/bash:readline { @++; }", "foreign_binary"},
			{"uprobe:/opt/app/secret:f { @++; }", "foreign_binary"},
			{"uprobe:/opt/app/s*:f { @++; }", "foreign_binary"},
			{"uprobe:/bin/bash:readline { @++; }", "foreign_binary"},
			{"uprobe:libc:malloc { @++; }", "foreign_binary"},
			{"uprobe:*:malloc { @++; }", "foreign_binary"},
			{"usdt::p:q { @++; }", "foreign_binary"},
			{"uprobe:$1:f { @++; }", "foreign_binary"},
		}},
		"preprocessor": {func(r *policy.Role) { r.Includes, r.Directives = true, []string{"define", "ifndef", "endif"} }, []verdict{
			{src: "#include <linux/sched.h>\n#include <linux/a/b-c.h>\n#define A 1\n#define B \"x\"\n#define C (1 << 2)\nBEGIN { exit(); }"},
			{"#include <linux/../../../etc/shadow>\nBEGIN { exit(); }", "include"},
			{"#include <linux/../a.h>\nBEGIN { exit(); }", "include"},
			{"#include \"linux/sched.h\"\nBEGIN { exit(); }", "include"},
			{"#include </etc/shadow.h>\nBEGIN { exit(); }", "include"},
			{"#include A\nBEGIN { exit(); }", "include"},
			{"#include <net/sock.h>\nBEGIN { exit(); }", "include"},
			{"#define A cat\nBEGIN { exit(); }", "directive function"},
			{"#define A ;\nBEGIN { exit(); }", "directive"},
			{"#define A \"\nBEGIN { exit(); }", "directive text unclear"},
			{"#define A /*\nBEGIN { exit(); }", "directive text unclear"},
			{"#define A(x) 1\nBEGIN { exit(); }", "directive"},
			{"#define pid 1\nBEGIN { exit(); }", "directive unclear"},
			{"#ifdef A\nBEGIN { exit(); }", "directive"},
			{"#pragma x\nBEGIN { exit(); }", "directive"},
		}},
		"macros": {func(r *policy.Role) { r.Macros = true }, []verdict{
			{src: "macro m($x) { $x + 1 } BEGIN { @ = m(1); }"},
			{src: "macro m() { 1 } BEGIN { @ = m; }"},
			{"macro m() { cat(\"x\") } BEGIN { m(); }", "function"},
			{"macro cat() { 1 } BEGIN { cat(); }", "function"},
			{"macro system() { 1 } BEGIN { system(); }", "function unsafe"},
			{"macro m() { for ($i : 0..10) { @++; } } BEGIN { m(); }", "loop"},
			{"macro a() { " + strings.Repeat("@++; ", 50) + " 1 } macro b() { " + strings.Repeat("a(); ", 50) + " 1 } BEGIN { b(); }", "size"},
			{"macro b() { " + strings.Repeat("a(); ", 50) + " 1 } macro a() { " + strings.Repeat("@++; ", 50) + " 1 } BEGIN { b(); }", "size"},
		}},
		"all functions": {func(r *policy.Role) { r.Functions = policy.Globs{Allow: []string{"*"}, Deny: []string{"cat"}} }, []verdict{
			{src: "BEGIN { errorf(\"x\"); }"},
			{"BEGIN { cat(\"x\"); }", "function"},
			{"BEGIN { system(\"x\"); }", "unsafe"},
			{"BEGIN { print(cat); }", "identifier"},
		}},
		"nothing": {func(r *policy.Role) { *r = policy.Role{} }, []verdict{
			{"BEGIN { exit(); }", "function provider"},
			{"BEGIN { }", "provider"},
		}},
		"no bounds": {func(r *policy.Role) {
			r.MaxScript, r.MaxProbes, r.MaxWildcards, r.MaxRate, r.MaxMaps, r.MaxNesting = 0, 0, 0, 0, 0, 0
			r.MaxUnroll, r.MaxStatements, r.MaxCompiled, r.MaxIterations = 0, 0, 0, 0
			r.Limits = policy.Limits{}
		}, []verdict{
			{src: "interval:us:1 { unroll (5) { unroll (5) { @++; } } for ($i : 0..9999999) { @++; } }"},
			{src: "BEGIN { " + manyMaps(100) + "}"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			role := policy.Caller()
			c.change(&role)
			judge(t, role, policy.Request{Args: []string{"secret_a", "vfs_read"}}, c.list)
		})
	}
}
