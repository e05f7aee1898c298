package policy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// A verdict is one script, or what stands in BEGIN { } for code without a
// brace, and the rules that refuse it; none: it is allowed.
type verdict struct {
	src   string
	rules string
}

func source(src string) string {
	if strings.Contains(src, "{") && !strings.HasPrefix(src, "+") {
		return src
	}
	return "tracepoint:sched:sched_switch { " + strings.TrimPrefix(src, "+") + " }"
}

func rulesOf(d *policy.Decision) string {
	var names []string
	for _, v := range d.Violations {
		names = append(names, v.Rule)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

func judge(t *testing.T, role policy.Role, req policy.Request, list []verdict) {
	t.Helper()
	req.Fields = fields
	for _, v := range list {
		src := source(v.src)
		d := policy.Check(t.Context(), role, script.Parse(src), req, few)
		if got := rulesOf(d); got != v.rules || d.Allowed != (v.rules == "") {
			t.Errorf("%s\n got %q, want %q, allowed %v: %v", src, got, v.rules, d.Allowed, d.Violations)
		}
		for _, v := range d.Violations {
			if v.Pos.Line == 0 {
				continue
			}
			if v.Pos.Offset < 0 || v.Pos.Offset > len(src) || v.Pos.Column < 1 {
				t.Errorf("%s: position %+v", src, v.Pos)
			}
		}
	}
}

func TestAllowed(t *testing.T) {
	judge(t, policy.Caller(), policy.Request{Args: []string{"7", "sched_*"}}, []verdict{
		{src: "@[comm, pid] = count();"},
		{src: "@cat = 1; @system[1] = 2; $signal = @cat; @override = $signal;"},
		{src: `printf("cat(1) // %s */ #include\n", "system(\"x\")"); /* cat("x") */ // system("x")` + "\n"},
		{src: "tracepoint:signal:signal_generate { @[args.sig] = count(); }"},
		{src: "#!/usr/bin/env bpftrace\nBEGIN { exit(); }"},
		{src: "BEGIN { printf(\"größer 🎉\\n\"); /* größer */ exit(); }"},
		{src: "+if (pid == 1) { @ = hist(nsecs); } else { exit(); }"},
		{src: "BEGIN\n{\n@start = nsecs;\n}\nEND /@start/ { clear(@start); }"},
		{src: "profile:hz:99 { @[kstack, ustack(perf, 5)] = count(); }"},
		{src: "interval:s:1 { print(@); clear(@); }"},
		{src: "+unroll (5) { @++; }"},
		{src: "@x = str($1); @y = $2; @z = $#; @w = str(\"a\");"},
		{src: "@x = args.prev_pid * (args.next_pid + 2) & 0xff; @y = (@x) * 2; @z = (pid) * 2; $i = 1; $j = $i++ * 2;"},
		{src: "@x = sum(args->prev_prio * (uint64)2); @y[args.prev_comm[0]] = 1; @z = (1, 2).0; @f = sizeof(pid) * 2;"},
		{src: "+if (pid && !(tid & 1) && (comm == \"a\")) { exit(); }"},
		{src: "tracepoint:irq:irq_handler_entry { @[str(args->name)] = count(); }"},
		{src: "tracepoint:syscalls:sys_enter_execve { join(args->argv); @[args.__syscall_nr] = count(); }"},
		{src: "tracepoint:raw_syscalls:sys_enter { @[args.id, args.args[0]] = count(); }"},
		{src: "tracepoint:sock:inet_sock_set_state { @[ntop(args->family, args->saddr), ntop(args->saddr_v6)] = count(); }"},
		{src: "tracepoint:sched:$2 { @[probe] = count(); }"},
		{src: "t:sched:sched_wak* { @[func] = count(); }"},
		{src: "BEGIN { @[1] = 1; for ($kv : @) { print($kv.0); } for ($i : 0..100) { @[$i] = 1; } }"},
		{src: "let @m = lruhash(100); BEGIN { @m[1] = 1; }"},
		{src: "config = { missing_probes = ignore; BPFTRACE_STACK_MODE=perf } BEGIN { exit(); }"},
		{src: "@ = strlen(comm) + strlen(strcap(comm())) + strlen(args.prev_comm) + strlen(\"a\"); @b = strncmp(comm, \"a)\", 1);"},
		{src: "@[AF_INET, tcp_state::TCP_CLOSE] = count();"},
		{src: "software:cpu-clock:2000000 { @++; } hardware:cycles:2_000_000 { @++; } software:faults:1 { @++; }"},
		{src: "software:cpu-clock { @++ }"},
		{src: "hardware:cycles { @++ }"},
		{src: "interval:1s { @ = 0; } interval:us:2000 { @ = 0; } profile:ms:3 { @ = 1; } interval:ns:1_000_000_000 { @ = 1; }"},
	})
}

func TestRefused(t *testing.T) {
	judge(t, policy.Caller(), policy.Request{Args: []string{"7", "a:b", "1000000"}}, []verdict{
		{`cat("/etc/shadow");`, "function"},
		{`signal(9);`, "unsafe"},
		{`errorf("x"); debugf("x");`, "function"},
		{`nosuch(1);`, "function"},
		{`@x = nosuch;`, "identifier"},
		{`cat;`, "identifier"},
		{"kprobe:vfs_read { @++; }", "provider"},
		{"uprobe:/bin/bash:readline { @++; }", "provider"},
		{"tracepoint:sched:sched_switch, k:f { @++; }", "provider"},
		{"#include <linux/sched.h>\nBEGIN { @++; }", "include"},
		{"#define A 1\nBEGIN { @ = A; }", "directive"},
		{"import \"x.bpf.c\"\nBEGIN { @++; }", "import"},
		{"macro m() { 1 } BEGIN { @++; }", "definition"},
		{"fn f(): void { } BEGIN { @++; }", "definition"},
		{"struct a { int b; } BEGIN { @++; }", "definition"},
		{"config = { log_size = 1 } BEGIN { @++; }", "config"},
		{"config = { max_map_keys = 100000000 } BEGIN { @++; }", "config"},
		{"interval:us:1 { @++; }", "rate"},
		{"interval:us:999 { @++; }", "rate"},
		{"profile:hz:1001 { @++; }", "rate"},
		{"profile:hz:$3 { @++; }", "rate"},
		{"interval:ms:0 { @++; }", "rate"},
		{"profile:hz:010 { @++; }", "rate"},
		{"interval:hz:1e9 { @++; }", "rate"},
		{"interval:99999us { @++; } interval:9us { @++; }", "rate"},
		{"interval:x:5 { @++; }", "rate"},
		{"profile:hz:600 { @++; } interval:ms:2 { @++; }", "rate"},
		{strings.Repeat("profile:hz:99, ", 11) + "BEGIN { @++; }", "rate"},
		{"software:cpu-clock:1000000:2 { @++; }", "rate"},
		{"software:cpu-clock:1000 { @++; }", "rate"},
		{"software:cpu:1000 { @++; }", "rate"},
		{"hardware:cycles:100 { @++; }", "rate"},
		{"tracepoint:sched:$2 { @++; }", "attach_point"},
		{"tracepoint:sched:$9 { @++; }", "attach_point"},
		{"tracepoint:sched:sched_switch;cat { @++; }", "attach_point"},
		{"tracepoint:sched:sched_switch(1) { @++; }", "attach_point"},
		{"tracepoint:sched:\"sched_switch /1/ { }\" { @++; }", "attach_point"},
		{"tracepoint:sched:sched_[sw]* { @++; }", "attach_point"},
		{"tracepoint:sched:sched_?witch { @++; }", "attach_point"},
		{"tracepoint:sched:" + strings.Repeat("x", 600) + " { @++; }", "text"},
		{"+unroll (101) { @++; }", "unroll"},
		{"+unroll ($3) { @++; }", "size unroll"},
		{"+unroll (5) { unroll (5) { @++; } }", "unroll"},
		{"+unroll (pid) { @++; }", "unroll"},
		{"+unroll (100) { " + strings.Repeat("@++; ", 20) + "}", "size"},
		{strings.Repeat("@++; ", 1001), "size"},
		{"@ = " + strings.Repeat("1 + ", 11000) + "1;", "size"},
		{"@ = " + strings.Repeat("(", 70) + "1" + strings.Repeat(")", 70) + ";", "size"},
		{"/* " + strings.Repeat("x", 65<<10) + "*/ BEGIN { @++; }", "size"},
		{"+for ($i : 0..100000) { @++; }", "loop"},
		{"+for ($i : 0..1000) { for ($j : 0..1000) { @++; } }", "loop"},
		{"+for ($kv : @m) { for ($kw : @m) { @++; } }", "loop"},
		{"+for ($i : 0..pid) { @++; }", "loop"},
		{"+for ($i : -5..5) { @++; }", "loop"},
		{"+" + strings.Repeat("for ($i : 0..50000) { @++; } ", 2), "loop"},
		{"+unroll (10) { for ($i : 0..50000) { @++; } }", "loop"},
		{"let @m = hash(100000000); BEGIN { @m[1] = 1; }", "maps"},
		{"let @m = hash($3); BEGIN { @m[1] = 1; }", "maps"},
		{manyMaps(33), "maps"},
		{"BEGIN { cat(\"x\" }", "function unclear"},
		{"BEGIN { print(1; }", "unclear"},
		{"BEGIN { print(\"x); }", "text unclear"},
	})
}

func manyMaps(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("@m" + strings.Repeat("x", i) + "++; ")
	}
	return b.String()
}

func TestMemory(t *testing.T) {
	const memory = "user_memory"
	write := "tracepoint:syscalls:sys_enter_write { "
	list := []verdict{
		{write + "@ = str(args->buf); }", memory},
		{write + "@ = str(args.buf, 5); }", memory},
		{write + "@ = buf(args.buf, 5); }", memory},
		{write + "@ = macaddr(args.buf); }", memory},
		{write + "join(args.buf); }", memory},
		{write + "@ = args.buf[0]; }", memory},
		{write + "@ = *args.buf; }", memory},
		{write + "@ = 1 + *args.buf; }", memory},
		{write + "$p = args.buf; @ = $p[3]; }", memory},
		{write + "$a = args; @ = $a.buf; }", memory},
		{write + "print(args); }", memory},
		{write + "@ = (uint64)*args.buf; }", memory},
		{write + "@ = (U64)*args.buf; }", "user_memory"},
		{write + "if (pid) *args.buf; }", "unclear " + memory},
		{write + "@ = memcmp(args.buf, \"abc\", 3); }", memory},
		{write + "@ = str(args.comm); }", memory},
		{"tracepoint:sys*:sys_enter_write { @ = str(args.buf); }", memory},
		{"tracepoint:syscalls:sys_enter_openat { @[args.__filename_val] = 1; }", memory},
		{"tracepoint:*:sys_enter_openat { @[args->__filename_val] = 1; }", memory},
		{"tracepoint:syscalls:sys_enter_openat { @[str(args.__filename_val)] = 1; }", memory},
		{"tracepoint:sched:sched_switch, tracepoint:syscalls:sys_enter_write { @ = str(args.prev_comm); }", memory},
		{"@ = str(0xffffffff81000000);", memory},
		{"$x = $1; @ = str($x);", memory},
		{"@ = str($1 + 1);", memory},
		{"@ = macaddr(12345);", memory},
		{"@ = ((struct task_struct *)1)->pid;", memory},
		{"$p = (uint64 *)1;", memory},
		{"$p = (uint64*)1;", memory},
		{"$p = (uint8 **) 1;", memory},
		{"@ = curtask;", memory},
		{"@ = curtask->pid;", memory},
		{"@ = curtask.pid;", memory},
		{"@ = curtask();", memory},
		{"@ = pcomm(1234);", memory},
		{"@ = kaddr(\"jiffies\");", memory},
		{"@ = *kaddr(\"jiffies\");", memory},
		{"$x = 1; $p = &$x; @ = $p[9];", memory},
		{"@ = pid && &$x;", memory},
		{"@ = 2 && (&$x);", memory},
		{"@ = ctx;", memory},
		{"@ = sarg0;", memory},
		{"@m[1][2] = 3;", memory},
		{"$i = 500; @ = args.prev_comm[$i];", memory},
		{"@ = args.prev_comm[pid];", memory},
		{"@ = args.prev_comm[0 + 500];", memory},
		{"join(args.argv);", memory},
		{"tracepoint:syscalls:sys_enter_execve { join(args.envp); }", memory},
		{"let $p : uint64* = 1;", memory},
		{write + "@ = strlen(args.buf); }", memory},
		{write + "$p = args.buf; @ = strcap($p); }", memory},
		{write + "@ = str_concat(\"a\", args.buf); }", memory},
		{write + "@ = strstr(comm(), \"a\") + strstr((args.buf), \"a\"); }", memory},
		{write + "@ = strlen(f(1) + g(2)); }", "function " + memory},
		{"profile:hz:9 { @[reg(\"di\")] = count(); }", memory},
	}
	none := policy.Caller()
	none.UserMemory = policy.MemoryNone
	judge(t, none, policy.Request{Args: []string{"7"}}, list)

	role := policy.Caller()
	role.UserMemory = policy.MemoryAll
	for _, v := range list {
		d := policy.Check(t.Context(), role, script.Parse(source(v.src)), policy.Request{Fields: fields, Args: []string{"7"}}, few)
		if strings.Contains(rulesOf(d), memory) {
			t.Errorf("%s with user_memory: %v", v.src, d.Violations)
		}
	}

	// Without knowledge of the events, nothing is held by them, and nothing is
	// known to be a pointer.
	for _, src := range []string{"tracepoint:irq:irq_handler_entry { @ = str(args.name); }", "tracepoint:syscalls:sys_enter_openat { @ = str(args.filename); }"} {
		if d := policy.Check(t.Context(), policy.Caller(), script.Parse(src), policy.Request{}, few); rulesOf(d) != memory {
			t.Errorf("without Fields: %v", d.Violations)
		}
	}
}

func TestText(t *testing.T) {
	judge(t, policy.Caller(), policy.Request{}, []verdict{
		{"BEGIN { c\u0430t(\"x\"); }", "function identifier text unclear"}, // a Cyrillic a
		{"\ufeffBEGIN { @++; }", "text unclear"},
		{"BEGIN { @++; }\x00", "text unclear"},
		{"BEGIN { @++; /* \x1b[2K */ }", "text"},
		{"BEGIN { @++; /* \u202e */ }", "text"},
		{"BEGIN { @++; /* \u200b */ }", "text"},
		{"BEGIN { @++; // a\rcat(1);\n }", "text"},
		{"BEGIN { print(\"\xff\"); }", "text"},
		{"BEGIN { // \\\n @++; }", "text"},
		{"BEGIN { @++; }\n#! /* x\nEND { @++; }", "text"},
		{"BEGIN { @++; /* no end }", "text unclear"},
		{"BEGIN { @++; } %:include \"/etc/shadow\"\n", "provider text unclear"},
		{"struct a { int b;\n#include \"/etc/shadow\"\n} BEGIN { @++; }", "definition include unclear"},
		{"/* x */ #include \"/etc/shadow\"\nBEGIN { @++; }", "include text"},
	})
	for _, crlf := range []string{"BEGIN\r\n{\r\n@++;\r\n}\r\n"} {
		judge(t, policy.Caller(), policy.Request{}, []verdict{{src: crlf}})
	}
}

func TestRequest(t *testing.T) {
	ok := "BEGIN { exit(); }"
	for name, c := range map[string]struct {
		change func(*policy.Role)
		req    policy.Request
		src    string
		want   string
	}{
		"fine":              {src: ok},
		"read only":         {change: func(r *policy.Role) { r.ReadOnly = true }, req: policy.Request{Library: "x"}, want: "read_only"},
		"library only":      {change: func(r *policy.Role) { r.LibraryOnly = true }, want: "library_only"},
		"library":           {change: func(r *policy.Role) { r.LibraryOnly = true }, req: policy.Request{Library: "x"}},
		"unsafe":            {req: policy.Request{Unsafe: true}, want: "unsafe"},
		"unsafe role":       {change: func(r *policy.Role) { r.Unsafe = true }, req: policy.Request{Unsafe: true}},
		"many args":         {req: policy.Request{Args: make([]string, 65)}, want: "args"},
		"long arg":          {req: policy.Request{Args: []string{strings.Repeat("x", 5000)}}, want: "args"},
		"NUL in an arg":     {req: policy.Request{Args: []string{"a\x00b"}}, want: "args"},
		"operator":          {change: operator, src: `BEGIN { system("x"); cat("` + "\xff" + `"); } nonsense`, req: policy.Request{Unsafe: true}},
		"operator, careful": {change: func(r *policy.Role) { operator(r); r.Unsafe = false }, src: `BEGIN { system("x"); }`, want: "unsafe"},
	} {
		t.Run(name, func(t *testing.T) {
			role := policy.Caller()
			if c.change != nil {
				c.change(&role)
			}
			if c.src == "" {
				c.src = ok
			}
			d := policy.Check(t.Context(), role, script.Parse(c.src), c.req, nil)
			if got := rulesOf(d); got != c.want {
				t.Errorf("%q, want %q: %v", got, c.want, d.Violations)
			}
		})
	}
}

func operator(r *policy.Role) { *r = policy.Operator() }

func TestExpansion(t *testing.T) {
	asked := 0
	count := func(n int, err error) policy.Expand {
		return func(context.Context, string) (int, error) { asked++; return n, err }
	}
	wild := "tracepoint:sched:* { @[probe] = count(); }"
	for name, c := range map[string]struct {
		src    string
		expand policy.Expand
		want   string
		points int
	}{
		"few":        {wild, count(30, nil), "", 30},
		"many":       {wild, count(101, nil), "attach_point", 101},
		"in sum":     {wild + wild + wild + wild, count(30, nil), "attach_point", 120},
		"no counter": {wild, nil, "attach_point", 0},
		"failed":     {wild, count(0, errors.New("no")), "attach_point", 0},
		"negative":   {wild, count(-1, nil), "attach_point", 0},
		"compiled":   {"tracepoint:sched:* { " + strings.Repeat("@++; ", 60) + " }", count(99, nil), "size", 99},
		"plain":      {"BEGIN, END { exit(); }", nil, "", 2},
		"refused":    {`tracepoint:sched:* { cat("x"); }`, count(1, nil), "function", 0},
		"provider":   {"*:sched:* { @++; }", count(1, nil), "provider", 0},
		"signs":      {`tracepoint:sched:*;$(x) { @++; }`, count(1, nil), "attach_point", 0},
	} {
		t.Run(name, func(t *testing.T) {
			asked = 0
			d := policy.Check(t.Context(), policy.Caller(), script.Parse(c.src), policy.Request{}, c.expand)
			if got := rulesOf(d); got != c.want && !strings.HasSuffix(got, c.want) || d.AttachPoints != c.points {
				t.Errorf("%q and %d, want %q and %d: %v", got, d.AttachPoints, c.want, c.points, d.Violations)
			}
			if asked > 1 || name == "refused" && asked > 0 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
	var wilds strings.Builder
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		wilds.WriteString("tracepoint:sched:" + string(c) + "* { @++; }\n")
	}
	asked = 0
	d := policy.Check(t.Context(), policy.Caller(), script.Parse(wilds.String()), policy.Request{}, count(1, nil))
	if rulesOf(d) != "attach_point" || asked > 16 {
		t.Errorf("%d questions: %v", asked, d.Violations)
	}
}
