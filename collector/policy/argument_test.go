package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// in puts statements into probes: "open" is entry to openat(), and so on.
func in(probe, body string) string {
	return map[string]string{
		"open":   "tracepoint:syscalls:sys_enter_openat { ",
		"exit":   "tracepoint:syscalls:sys_exit_openat { ",
		"write":  "tracepoint:syscalls:sys_enter_write { ",
		"unlink": "tracepoint:syscalls:sys_enter_unlink* { ",
		"exec":   "tracepoint:syscalls:sys_enter_execve { ",
	}[probe] + body + " }\n"
}

// TestArguments has what the tier "arguments" allows.
func TestArguments(t *testing.T) {
	var list []verdict
	for _, src := range []string{
		in("open", "@[comm, str(args.filename)] = count();"),
		in("open", "@[str(args->filename, 32)] = count();"),
		in("open", "@[str ( /* c */ args . filename )] = count();"),
		in("write", "@ = buf(args.buf, 16);"),
		in("write", "@ = buf(args.buf, args.count); @b = str(args.buf, args.count);"),
		in("write", "$n = args.count > 64 ? 64 : args.count; @ = buf(args.buf, $n);"),
		in("unlink", "printf(\"%s\\n\", str(args.pathname));"),
		in("exec", "join(args.argv);"),
		"tracepoint:syscalls:sys_enter_openat, tracepoint:syscalls:sys_enter_openat2 { @[str(args.filename)] = count(); }",
		in("open", "$f = args.filename; @[str($f)] = count();"),
		in("open", "let $f = args.filename; @[str($f)] = count();"),
		in("open", "let $f; $f = args.filename; if ($f != 0 && pid == 1) { @[str($f)] = count(); }"),
		in("open", "$f = args.filename; if (pid == 1) { $f = args.filename; } @[str($f)] = count();"),
		in("open", "$p = str(args.filename); if (strcontains($p, \"etc\")) { @[$p] = count(); }"),
		in("open", "if (strncmp(str(args.filename), \"/etc\", 4) == 0) { @++; }"),
		in("open", "@f[tid] = args.filename;") + "tracepoint:syscalls:sys_exit_openat /@f[tid]/ { printf(\"%s %d\\n\", str(@f[tid]), args.ret); delete(@f[tid]); } END { clear(@f); }",
		in("open", "@f[pid, tid] = args.filename;") + in("exit", "if (@f[pid, tid] != 0) { @[str(@f[pid, tid])] = count(); } delete(@f[pid, tid]);"),
		"tracepoint:rcu:rcu_utilization { @[str(args.s)] = count(); }",
	} {
		list = append(list, verdict{src: src})
	}
	judge(t, policy.Caller(), policy.Request{}, list)

	uprobes := policy.Caller()
	uprobes.Providers.Allow = []string{"uprobe", "uretprobe", "usdt", "tracepoint", "kprobe", "kretprobe"}
	uprobes.Binaries.Allow = []string{"*"}
	judge(t, uprobes, policy.Request{}, []verdict{
		{src: "uprobe:/bin/bash:readline { @[str(arg0)] = count(); } uretprobe:/bin/bash:readline { @[str(retval)] = count(); }"},
		{src: "uprobe:libc:getaddrinfo { @h[tid] = arg0; } uretprobe:libc:getaddrinfo /@h[tid]/ { @[str(@h[tid])] = count(); delete(@h[tid]); }"},
		{src: "uprobe:/bin/a:f { @[str(args.name)] = count(); } usdt:/bin/a:p:q { @[str(arg1), buf(arg2, 4)] = count(); }"},
		{"uprobe:/bin/bash:readline { @[str(arg0 + 1)] = count(); }", "user_memory"},
		{"uprobe:/bin/bash:readline { @[str(retval)] = count(); }", "user_memory"},
		{"uretprobe:/bin/bash:readline { @[str(arg0)] = count(); }", "user_memory"},
		{"uprobe:/bin/bash:readline, tracepoint:sched:sched_switch { @[str(arg0)] = count(); }", "user_memory"},
		{"uprobe:/bin/bash:readline { @h[tid] = arg0; } " + in("open", "@[str(@h[tid])] = count();"), "user_memory"},
		{in("open", "@h[tid] = args.filename;") + "uprobe:/bin/bash:readline { @[str(@h[tid])] = count(); }", "user_memory"},
		{"kprobe:vfs_read { @[str(arg1)] = count(); } kretprobe:vfs_read { @[str(retval)] = count(); }", "user_memory"},
		{"uprobe:/bin/bash:readline { @[str(reg(\"di\"))] = count(); @s = sarg0; }", "user_memory"},
	})
}

// smuggled are ways to read memory that no argument of an event points to.
// All are refused by the tier "arguments".
var smuggled = []string{
	in("open", "@ = str(args.filename + 8);"),
	in("open", "@ = str(args.dfd);"),
	in("open", "@ = str((uint64)args.filename);"),
	in("open", "@ = str(pid ? args.filename : args.filename);"),
	in("open", "@ = str(kptr(args.filename));"),
	in("open", "@ = str(uptr(args.filename));"),
	in("open", "@ = str(*args.filename);"),
	in("open", "@ = str(args.filename[8]);"),
	in("open", "@ = str(&args.filename);"),
	in("open", "@ = str($1 + 0);"),
	in("open", "@ = buf($1, 8);"),
	in("open", "$x = $1; @ = str($x);"),
	in("open", "$x = 4096; @ = buf($x, 8);"),
	in("open", "$x = args.filename; $x += 8; @ = str($x);"),
	in("open", "$x = args.filename; $x = $x + 8; @ = str($x);"),
	in("open", "$x = args.filename; $x++; @ = str($x);"),
	in("open", "$x = args.filename; @ = str($x++); @b = str($x);"),
	in("open", "$x = args.filename; @ = str(++$x); @b = str($x);"),
	in("open", "$x = args.filename; $x |= 1; @ = str($x);"),
	in("open", "$x = args.filename; $x <<= 1; @ = str($x);"),
	in("open", "$x = args.filename; if (pid) { $x = (int8 *)5; } @ = str($x);"),
	in("open", "$x = args.filename; if (pid) { $y = args.filename; $x = $y; } @ = str($x);"),
	in("open", "if (pid) { $x = args.filename; } else { $x = args.filename + 1; } @ = str($x);"),
	in("open", "$x = args.filename; unroll (3) { @ = str($x); $x = $x + 1; }"),
	in("open", "$x = args.filename; for ($x : 0..9) { @ = str($x); }"),
	in("open", "for ($i : 0..9) { @ = str($i); }"),
	in("open", "let $x : uint64 = 5; @ = str($x);"),
	in("open", "$t = (args.filename, 1); @ = str($t.0);"),
	in("open", "$a = args; @ = str($a.filename);"),
	in("open", "@ = str({ let $y = (int8 *)5; $y });"),
	in("open", "@f[tid] = args.filename; @f[tid] += 8; @ = str(@f[tid]);"),
	in("open", "@f[tid] = args.filename; @f[tid]++; @ = str(@f[tid]);"),
	in("open", "@f[tid] = args.filename; ++@f[tid]; @ = str(@f[tid]);"),
	in("open", "@f[tid] = args.filename;") + "BEGIN { @f[tid] = (int8 *)5; }" + in("exit", "@ = str(@f[tid]);"),
	in("open", "@f[tid] = args.filename;") + in("exit", "@f[tid] = $1; @ = str(@f[tid]);"),
	in("open", "@f[tid] = args.filename;") + in("exit", "@g = @f[tid]; @ = str(@g);"),
	in("open", "@f = args.filename;") + in("exit", "@ = str(@f);"),
	in("open", "@f[1] = args.filename;") + in("exit", "@ = str(@f[1]);"),
	in("open", "@f[tid] = args.filename;") + in("exit", "@ = str(@f[pid]);"),
	in("open", "@f[pid] = args.filename;") + in("exit", "@ = str(@f[tid]);"),
	in("open", "@f[tid] = args.filename;") + "profile:hz:9 { @ = str(@f[tid]); }",
	in("open", "@f[tid] = args.filename;") + "tracepoint:sched:sched_switch { @ = str(@f[args.next_pid]); }",
	in("open", "@f[tid] = args.filename; for ($kv : @f) { @ = str($kv.1); }"),
	in("open", "$v = args.filename; if (find(@f, 12, $v)) { @ = str($v); }"),
	in("open", "$v = args.filename; if (find(@f, 12, ($v))) { @ = str($v); }"),
	in("open", "@x[args.filename] = 1; for ($kv : @x) { @ = str($kv.0); }"),
	in("write", "@ = macaddr(args.buf);"),
	in("write", "@ = memcmp(args.buf, \"abc\", 3);"),
	in("write", "@ = strlen(args.buf);"),
	in("write", "$p = args.buf; @ = strcontains($p, \"a\");"),
	in("write", "$p = \"a\"; if (pid) { $p = args.buf; } @ = strcontains($p, \"a\");"),
	in("write", "@ = args.buf[4];"),
	in("write", "@ = args.buf->x;"),
	in("write", "@ = args.__buf_val;"),
	in("exec", "join(args.envp);"),
	in("exec", "$x = args.argv; join($x);"),
	in("exec", "@ = str(args.argv[0]);"),
	in("open", "join(args.filename);"),
	in("exit", "@ = str(args.ret);"),
	in("exit", "@ = str(retval);"),
	in("open", "@ = str(arg1);"),
	in("open", "@ = str(curtask);"),
	in("open", "@ = str(ctx);"),
	in("open", "@ = str(kaddr(\"jiffies\"));"),
	"tracepoint:syscalls:sys_enter_* { @ = str(args.filename); }",
	"tracepoint:*:sys_enter_openat { @ = str(args.filename); }",
	"tracepoint:syscalls:sys_enter_openat, BEGIN { @ = str(args.filename); }",
	"tracepoint:syscalls:sys_enter_openat, tracepoint:syscalls:sys_enter_lseek { @ = str(args.filename); }",
	"tracepoint:raw_syscalls:sys_enter { @ = str(args.args[1]); }",
	"tracepoint:net:net_dev_start_xmit { @ = buf(args.skbaddr, 64); }",
	"tracepoint:net:net_dev_start_xmit { @ = str(args.skbaddr); }",
	"tracepoint:rcu:rcu_utilization { @ = buf(args.s, 64); }",
	"tracepoint:rcu:rcu_utilization { @f[tid] = args.s; @ = str(@f[tid]); }",
}

func TestSmuggled(t *testing.T) {
	for _, src := range smuggled {
		req := policy.Request{Fields: fields, Args: []string{"7"}}
		d := policy.Check(t.Context(), policy.Caller(), script.Parse(src), req, few)
		if d.Allowed || !strings.Contains(rulesOf(d), "user_memory") {
			t.Errorf("%s: allowed %v, %v", src, d.Allowed, d.Violations)
			continue
		}
		for _, v := range d.Violations {
			if v.Rule == "user_memory" && v.Pos.Line == 0 {
				t.Errorf("%s: %v has no place", src, v)
			}
		}
		// What the library says is the operator's word; a role with none reads nothing.
		req.Library = "its-name"
		if d := policy.Check(t.Context(), policy.Caller(), script.Parse(src), req, few); strings.Contains(rulesOf(d), "user_memory") {
			t.Errorf("in the library: %s: %v", src, d.Violations)
		}
		none := policy.Caller()
		none.UserMemory = policy.MemoryNone
		if d := policy.Check(t.Context(), none, script.Parse(src), req, few); !strings.Contains(rulesOf(d), "user_memory") {
			t.Errorf("in the library, with none: %s: %v", src, d.Violations)
		}
	}
}

// TestMacrosHide has roles that allow macros: what they do is not followed.
func TestMacrosHide(t *testing.T) {
	role := policy.Caller()
	role.Macros = true
	for _, def := range []string{"macro m($x) { $x += 5; 1 } ", "macro tid() { 1 } ", "fn f($x : uint64) : void { } "} {
		judge(t, role, policy.Request{}, []verdict{
			{def + in("open", "$y = args.filename; @ = str($y);"), "user_memory"},
			{def + in("open", "@y[tid] = args.filename; @ = str(@y[tid]);"), "user_memory"},
		})
	}
	judge(t, role, policy.Request{}, []verdict{{"macro args() { 5 } " + in("open", "@ = str(args.filename);"), "user_memory"}})
}

// TestRefusalTells checks that a refusal says what would be allowed.
func TestRefusalTells(t *testing.T) {
	src := in("open", "$x = args.filename + 1;\n@[str($x)] = count();")
	d := policy.Check(t.Context(), policy.Caller(), script.Parse(src), policy.Request{Fields: fields}, few)
	want := "2:3: user_memory: str() reads memory through a pointer: $x may hold something else than an argument of the event (allowed: str(P)"
	if got := d.Reason(); !strings.HasPrefix(got, want) || !strings.Contains(got, "args.filename") || !strings.Contains(got, "user_memory: all") {
		t.Errorf("%s", got)
	}
}

func TestFieldKinds(t *testing.T) {
	point := func(text string) script.AttachPoint {
		return script.Parse(text + " { exit(); }").Probes[0].AttachPoints[0]
	}
	for text, want := range map[string]policy.FieldKind{
		"tracepoint:syscalls:sys_enter_openat filename":     policy.FieldText,
		"tracepoint:syscalls:sys_enter_openat dfd":          policy.FieldNumber,
		"tracepoint:syscalls:sys_enter_openat nosuch":       policy.FieldUnknown,
		"tracepoint:syscalls:sys_enter_execve argv":         policy.FieldPointer,
		"tracepoint:syscalls:sys_enter_connect uservaddr":   policy.FieldPointer,
		"tracepoint:syscalls:sys_enter_unlink* pathname":    policy.FieldText,
		"tracepoint:syscalls:sys_enter_unlink* flag":        policy.FieldUnknown,
		"tracepoint:syscalls:sys_enter_nosuch* pathname":    policy.FieldUnknown,
		"tracepoint:sched:sched_switch prev_comm":           policy.FieldInline,
		"tracepoint:sched:sched_switch prev_pid":            policy.FieldNumber,
		"tracepoint:irq:irq_handler_entry name":             policy.FieldInline,
		"tracepoint:raw_syscalls:sys_enter args":            policy.FieldInline,
		"tracepoint:net:net_dev_start_xmit skbaddr":         policy.FieldPointer,
		"tracepoint:../syscalls:sys_enter_openat filename":  policy.FieldUnknown,
		"kprobe:sys_enter_openat filename":                  policy.FieldUnknown,
		"tracepoint:syscalls:sys_enter_opena[t] filename":   policy.FieldUnknown,
		"tracepoint:syscalls:sys_enter_opena? filename":     policy.FieldUnknown,
		"tracepoint:sys*:sys_enter_openat filename":         policy.FieldText,
		"tracepoint:*:* filename":                           policy.FieldUnknown,
		"tracepoint:syscalls:sys_enter_openat common_type":  policy.FieldNumber,
		"tracepoint:syscalls:sys_enter_openat __syscall_nr": policy.FieldNumber,
	} {
		ap, field, _ := strings.Cut(text, " ")
		if got := fields(point(ap), field); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// TestArgumentsBomb: each variable and map is followed once.
func TestArgumentsBomb(t *testing.T) {
	var b strings.Builder
	for i := range 400 {
		fmt.Fprintf(&b, "$v%d = args.filename; @m%d[tid] = args.filename; @ = str($v%d); @ = str(@m%d[tid]);\n", i%20, i%20, i%20, i%20)
	}
	src := in("open", strings.Repeat("$a = args.filename; ", 1000)+strings.Repeat("@ = str($a); ", 3000)+b.String())
	role := policy.Caller()
	role.MaxScript, role.MaxStatements, role.MaxCompiled = 0, 0, 0
	d := policy.Check(t.Context(), role, script.Parse(src), policy.Request{Fields: fields}, few)
	if !d.Allowed {
		t.Errorf("%v", d.Reason())
	}
}

// TestLibraryProbes: a script of the library may have more kinds of probes, on
// what it names itself.
func TestLibraryProbes(t *testing.T) {
	deny := policy.Caller()
	deny.Providers.Deny, deny.Binaries.Deny = []string{"iter"}, []string{"*ssl*"}
	judge(t, deny, policy.Request{Library: "x", Args: []string{"vfs_read", "libc"}}, []verdict{
		{src: "kprobe:vfs_read { @ = count(); } uprobe:libc:malloc { @ = count(); }"},
		{"kprobe:$1 { @ = count(); }", "provider"},
		{"uprobe:$2:malloc { @ = count(); }", "provider"},
		{"iter:task { @ = count(); }", "provider"},
		{"uprobe:libssl:SSL_write { @ = count(); }", "foreign_binary"},
		{"fentry:vfs_read { @ = count(); }", "provider"},
	})
	judge(t, deny, policy.Request{Args: []string{"vfs_read"}}, []verdict{{"kprobe:vfs_read { @ = count(); }", "provider"}})
}
