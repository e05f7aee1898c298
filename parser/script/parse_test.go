package script

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// found writes one part of a Script in a line, for tables.
func found(s *Script, what string) string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	at := func(p Pos) string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }
	switch what {
	case "attach":
		for _, p := range s.Probes {
			for _, a := range p.AttachPoints {
				wild := ""
				if a.Wildcard {
					wild = "*"
				}
				add("%s %s%q%s", at(a.Start), a.Provider, a.Parts, wild)
			}
			if p.Predicate != "" {
				add("/%s/", p.Predicate)
			}
		}
	case "maps":
		for _, m := range s.Maps {
			var keys []string
			for _, k := range m.Keys {
				keys = append(keys, k.Name+":"+typeText(k.Type))
			}
			mark := ""
			if m.KeyUnclear {
				mark = "?"
			}
			add("%s[%s]%s %s %s", m.Name, strings.Join(keys, ","), mark, m.Kind, typeText(m.Value))
		}
	case "calls":
		for _, c := range s.Calls {
			add("%s %s(%s)", at(c.Start), c.Name, strings.Join(c.Args, "|"))
		}
	case "ids":
		for _, i := range s.Identifiers {
			add("%s %s", at(i.Pos), i.Name)
		}
	case "unclear":
		for _, u := range s.Unclear {
			add("%s %s", at(u.Pos), u.Message)
		}
	case "fields":
		for _, o := range s.Outputs {
			for _, f := range o.Fields {
				add("%s=%s:%s", f.Spec, f.Name, typeText(f.Type))
			}
		}
	case "top":
		for _, d := range append(append(append([]Directive(nil), s.Includes...), s.Imports...), s.Directives...) {
			add("%s %s %s", at(d.Start), d.Name, d.Text)
		}
		for _, c := range s.Config {
			add("%s %s=%s", at(c.Pos), c.Name, c.Value)
		}
		for _, d := range append(append([]Definition(nil), s.Macros...), s.Functions...) {
			add("%s %s(%s)", at(d.Start), d.Name, strings.Join(d.Params, ","))
		}
	}
	return strings.Join(list, "; ")
}

func TestParse(t *testing.T) {
	tests := []struct{ name, src, what, want string }{
		// Attach points.
		{"commas and newlines", "k:f,\n  kr:g /* c */ , // x\nt:a:b /pid/ {}", "attach",
			`1:1 kprobe["f"]; 2:3 kretprobe["g"]; 3:1 tracepoint["a" "b"]; /pid/`},
		{"path with glob and hash", "u:/usr//l*b/a#b:f {}", "attach", `1:1 uprobe["/usr//l*b/a#b" "f"]*`},
		{"quoted", `uprobe:"/a b*":"f(int, char)" {}`, "attach", `1:1 uprobe["/a b*" "f(int, char)"]`},
		{"spaces in it", "tracepoint : sched : sched_switch {}", "attach", `1:1 tracepoint["sched" "sched_switch"]`},
		{"set", "k:vfs_[rw]* {}", "attach", `1:1 kprobe["vfs_[rw]*"]*`},
		{"offset", "uprobe:/bin/sh:main+0x10 {}", "attach", `1:1 uprobe["/bin/sh" "main+0x10"]`},
		{"parameter", "uprobe:$1:main {}", "attach", `1:1 uprobe["$1" "main"]`},
		{"new names", "begin {} End {} self:signal:SIGUSR1 {} kfunc:f {} it:task {} test:a {} bench:b {}", "attach",
			`1:1 BEGIN[]; 1:10 END[]; 1:17 self["signal" "SIGUSR1"]; 1:40 fentry["f"]; 1:51 iter["task"]; 1:62 test["a"]; 1:72 bench["b"]`},
		{"watchpoint", "w:0x10000000:8:rw {} aw:0x1:4:w {}", "attach",
			`1:1 watchpoint["0x10000000" "8" "rw"]; 1:22 asyncwatchpoint["0x1" "4" "w"]`},
		{"no space before the predicate", "BEGIN/1/{}", "attach", `1:1 BEGIN[]; /1/`},
		{"slash in the name", "t:a:b/pid/ {}", "attach", `1:1 tracepoint["a" "b/pid/"]`},
		{"predicate with division", "k:f /arg0 / 2 == 1 && pid/ // c\n{}", "attach", `1:1 kprobe["f"]; /arg0 / 2 == 1 && pid/`},
		{"unknown provider", "foo:x {}", "unclear", "1:1 unknown provider foo"},
		{"two probes on a line", `BEGIN { a() } END { b() }`, "calls", `1:9 a(); 1:21 b()`},

		// Text that is no code, and code that looks like text.
		{"comment in a string", `BEGIN { printf("// /* cat(\"x\") #"); }`, "calls", `1:9 printf("// /* cat(\"x\") #")`},
		{"string in a comment", "BEGIN { /* \" */ a(); // \"\n b(); /* /* */ c(); }", "calls", `1:17 a(); 2:2 b(); 2:16 c()`},
		{"call with a gap", "BEGIN { cat /**/\n(\"x\"); }", "calls", `1:9 cat("x")`},
		{"braces in a string", `BEGIN { a("}"); } END { b("{"); }`, "calls", `1:9 a("}"); 1:25 b("{")`},
		{"unterminated string", "BEGIN { a(\"x); }\nEND { b(); }", "unclear", "1:11 string has no end; 2:1 expected ), found END; 2:13 expected }, found the end of the script"},
		{"unterminated comment", "BEGIN { } /* x", "unclear", "1:11 comment has no end"},
		{"unknown escape", `BEGIN { a("\q"); }`, "unclear", "1:11 unknown escape in a string"},
		{"backslash in code", "BEGIN { pri\\\nnt(1); }", "unclear", `1:12 expected ; or }, found \`},
		{"look-alike letters", "BEGIN { саt(\"x\"); }", "unclear", "1:9 expected an expression, found са"},
		{"NUL", "BEGIN { a(); \x00 }", "unclear", "1:14 expected an expression, found \x00"},
		{"hash in a body", "BEGIN {\n#include \"x\"\n a(); }", "unclear", "2:1 expected an expression, found #include \"x\""},
		{"shebang and its like", "#!/usr/bin/env bpftrace\nBEGIN {\n#! x\n a(); }", "calls", "4:2 a()"},

		// Top level.
		{"directives", "#include <linux/a.h>\n  #define A 1\n/* x */ # ifdef B\n#endif\nBEGIN {}", "top",
			"1:1 include <linux/a.h>; 2:3 define A 1; 3:9 ifdef B; 4:1 endif "},
		{"continued directive", "#define A \\\n 1\nBEGIN {}", "unclear", `1:11 a preprocessor line that goes on in the next; 2:2 unknown provider 1BEGIN`},
		{"config", "config = { a = 1; b=perf; c = \"x;y\" } BEGIN {}", "top", `1:12 a=1; 1:19 b=perf; 1:27 c="x;y"`},
		{"import, macro, fn", "import \"a/b\"; macro m($x, @y, z) { $x } fn f($a : uint64, $b : struct c *): void { } BEGIN {}", "top",
			"1:1 import a/b; 1:15 m($x,@y,z); 1:41 f($a,$b)"},
		{"include in a struct", "struct a { int b;\n#include \"x\"\n};\nBEGIN {}", "top", `2:1 include "x"`},
		{"directive in a struct", "struct a { int b;\n%:define A 1\n};\nBEGIN {}", "unclear", "2:1 a preprocessor line in a C definition"},
		{"brace in a struct's comment", "struct a { int b; /* } */ };\nBEGIN {}", "unclear", "1:1 a brace in a comment in a C definition"},

		// #define.
		{"a define makes a call", "#define C cat(\"x\")\nBEGIN { C; }", "calls", `2:9 cat(C)`},
		{"a define of a define", "#define D cat\n#define C D(\"x\")\nBEGIN { C; }", "calls", `3:9 cat(C)`},
		{"a call is not replaced", "#define C cat\nBEGIN { C(1); }", "calls", `2:9 C(1)`},
		{"a value", "#define N \"x\"\nBEGIN { @[N] = N; }", "maps", "@[:string2] value string2"},
		{"defined on a condition", "#ifdef X\n#define A a\n#endif\nBEGIN {}", "unclear", "2:1 A is defined on a condition"},
		{"a constant on a condition", "#ifdef X\n#define A -2 /* x */\n#else\n#define A 3\n#endif\nBEGIN {}", "unclear", ""},
		{"defined as two things", "#define A 1\n#define A \"x\"\nBEGIN {}", "unclear", "2:1 A is defined twice"},
		{"a builtin defined", "#define pid 1\nBEGIN {}", "unclear", "1:1 #define of bpftrace's own pid"},

		// Maps: kinds.
		{"kinds", "BEGIN { @a=count(); @b=sum(1); @c=min(1); @d=max(1); @e=avg(1); @f=stats(1); @g=hist(1); @h=lhist(1,0,9,1); @i=tseries(1,1s,2); @j=1; @k++; ++@l; @m+=1; @=count(); }", "maps",
			"@a[] count uint64; @b[] sum int64; @c[] min int64; @d[] max int64; @e[] avg int64; @f[] stats int64; @g[] hist int64; @h[] lhist int64; @i[] tseries int64; @j[] value int64; @k[] value int64; @l[] value int64; @m[] value int64; @[] count uint64"},
		{"two kinds", "BEGIN { @a = count(); } END { @a = sum(1); }", "maps", "@a[] unknown int64"},
		{"never filled", "BEGIN { print(@a); clear(@b); $x = @c[1]; }", "maps", "@a[] unknown ?; @b[] unknown ?; @c[:int64] unknown ?"},
		{"a count as a value", "BEGIN { @a = count(); @b = @a; }", "maps", "@a[] count uint64; @b[] value uint64"},
		{"not an aggregation", "BEGIN { @a = len(@b) + 1; }", "maps", "@a[] value uint; @b[] unknown ?"},

		// Maps: keys.
		{"key names", `k:f { @[pid, tid, cpu, uid, gid, nsecs, elapsed, cgroup, comm, probe, username] = count(); }`, "maps",
			"@[pid:uint32,tid:uint32,cpu:uint32,uid:uint32,gid:uint32,nsecs:uint64,elapsed:uint64,cgroup:uint64,comm:string16,probe:probe,username:username] count uint64"},
		{"functions", `k:f { @[ntop(arg0), macaddr(arg1), strftime("%H", nsecs), cgroup_path(cgroup), strerror(1), ksym(arg2), usym(arg3), buf(arg4, 8), str(arg5, 9), func] = count(); }`, "maps",
			"@[arg0:inet,arg1:mac,strftime:timestamp,cgroup_path:cgroup_path,strerror:strerror,arg2:ksym,arg3:usym,arg4:buf8,arg5:string9,func:ksym] count uint64"},
		{"stacks", "k:f { @[kstack, ustack(3), kstack(perf), ustack(raw, 2)] = count(); }", "maps",
			"@[kstack:kstack,ustack:ustack,kstack_2:kstack[perf],ustack_2:ustack[raw]] count uint64"},
		{"args", "t:syscalls:sys_enter_openat { @[str(args.filename), args->flags] = count(); } t:syscalls:sys_exit_openat { @r[args.ret] = count(); } t:x:y { @u[args.f, args.pid] = count(); }", "maps",
			"@[filename:string,flags:uint64] count uint64; @r[ret:int64] count uint64; @u[f:?,pid:int32] count uint64"},
		{"no names", `BEGIN { @[1, "a", -2, 1 == 2, pid ? "a" : "bcd", RED, "é"] = 1; }`, "maps",
			"@[:int64,:string2,:int64,:bool,:string4,:?,:string3] value int64"},
		{"same name twice", "k:f { @[comm, comm, str(comm)] = 1; }", "maps", "@[comm:string16,comm_2:string16,comm_3:string] value int64"},
		{"variables", "BEGIN { $x = 1; $y = comm; let $z : int8; let $w = kstack; @[$x, $y, $z, $w] = 1; }", "maps",
			"@[x:int64,y:string16,z:int8,w:kstack] value int64"},
		{"variables of another probe", "BEGIN { $x = 1; @a[$x] = 1; } END { $x = comm; @b[$x] = 1; }", "maps", "@a[x:int64] value int64; @b[x:string16] value int64"},
		{"a variable of two types", "BEGIN { if (1) { $x = 1; } else { $x = comm; } @[$x] = 1; }", "maps", "@[x:?] value int64"},
		{"struct", "struct s { char n[9]; int a, *b; long c[4]; enum e k; struct t in; };\nBEGIN { $s = (struct s *)0; @[$s->n, $s->a, $s->b, $s->c[1], $s->k, (*$s).a] = 1; }", "maps",
			"@[n:string9,a:int32,b:pointer,c:int64,k:enum,a_2:int32] value int64"},
		{"tuple keys", `BEGIN { @a[(1,"x")] = 1; @a[2, "yz"] = 2; $t = (1, "x"); @b[$t] = 1; @c[1, (2, comm)] = 1; }`, "maps",
			"@a[:int64,:string3] value int64; @b[:int64,:string2] value int64; @c[:int64,:(int64,string16)] value int64"},
		{"delete and has_key", "BEGIN { delete(@a[pid]); delete(@b, pid); if (has_key(@c, (pid, comm))) { } }", "maps",
			"@a[pid:uint32] unknown ?; @b[pid:uint32] unknown ?; @c[pid:uint32,comm:string16] unknown ?"},
		{"arity differs", "BEGIN { @a[1] = 1; @a[1, 2] = 1; @b = 1; @b[1] = 1; }", "maps", "@a[:int64]? value int64; @b[]? value int64"},
		{"types differ", "BEGIN { @a[1] = 1; @a[comm] = comm; }", "maps", "@a[comm:?] value ?"},
		{"for", "BEGIN { @a[1, comm] = pid; for ($kv : @a) { @b[$kv.0] = $kv.1; @c[$kv.0.1] = 1; } for $i : 0..3 { @d[$i] = 1; } }", "maps",
			"@a[:int64,comm:string16] value uint32; @b[:int64,:string16] value uint32; @c[:string16] value int64; @d[i:int64] value int64"},
		{"through macros", "macro m(@x, k) { @x[k] = count(); }\nmacro n(@y) { m(@y, 1); }\nBEGIN { n(@a); m(@b, 2); }", "maps",
			"@a[k:?] count uint64; @b[k:?] count uint64"},
		{"from another map", "BEGIN { @a[@b, @c] = 1; @b = comm; @c = count(); }", "maps", "@a[b:string16,c:uint64] value int64; @b[] value string16; @c[] count uint64"},
		{"find", "BEGIN { @a[pid] = comm; if (find(@a, 1, $c)) { @b[$c, cpu()] = 1; } }", "maps", "@a[pid:int64] value string16; @b[c:string16,cpu:uint32] value int64"},
		{"declared", "let @m = hash(5);\nBEGIN { @m[comm] = 1; }", "maps", "@m[comm:string16] value int64"},

		// Expressions.
		{"casts and parentheses", "BEGIN { $a = (uint8)1; $b = (struct s **)2; $c = (s_t *)3; $d = (pid) - 1; $e = (uint64[2])4; $f = (x)y; $g = (char)5; @[$a,$b,$c,$d,$e,$g] = 1; }", "maps",
			"@[a:uint8,b:pointer,c:pointer,d:uint,e:array,g:int8] value int64"},
		{"precedence", "BEGIN { $x = 1 + 2 * 3 << 4 & 5 == 6 ? 7 : 8 || 9 && !a(~b(-1)); }", "calls", "1:55 a(~b(-1)); 1:58 b(-1)"},
		{"chains", "BEGIN { $x = curtask->mm.a->b[1][2].c; $y = (1,(2,3)).1.0; print($y); }", "unclear", ""},
		{"statements", "BEGIN { if (1) { a() } else if 2 { b(); } else { c() } while (1) { break; continue; } unroll(3) { d(); } for ($i : 1..(2+3)) { e(); } { f(); } return 1; }", "calls",
			"1:18 a(); 1:36 b(); 1:50 c(); 1:99 d(); 1:128 e(); 1:137 f()"},
		{"block value, records, comptime", "BEGIN { $a = { let $b = 1; $b + x() }; $c = (n=1, m=y()); if comptime (1) { z() } $d = comptime w(); }", "calls",
			"1:33 x(); 1:53 y(); 1:77 z(); 1:97 w()"},
		{"identifiers", "BEGIN { @[pid, args.filename, curtask->pid, RED] = kstack(perf, 3); $x = comm; $y = sizeof(struct task); }", "ids",
			"1:11 pid; 1:16 args; 1:31 curtask; 1:45 RED; 1:59 perf; 1:74 comm"},
		{"torn code is listed", "BEGIN { a(1; b(); @m[1 = cat(\"x\"); } END { c(); }", "calls",
			`1:9 a(); 1:14 b(); 1:26 cat(); 1:44 c()`},
		{"torn maps", "BEGIN { @m[1 = 2; @n = 1; }", "maps", "@m[]? unknown ?; @n[] value int64"},

		// Outputs.
		{"fields", `k:f { printf("%s %-5d %llx %r %c %% %5.2s\n", comm, pid, arg0, buf(arg1, 2), 65, str(arg2)); }`, "fields",
			"%s=comm:string16; %-5d=pid:uint32; %llx=arg0:uint64; %r=arg1:buf2; %c=arg4:int64; %5.2s=arg2:string"},
		{"unnamed fields", `BEGIN { printf("%d %s %d %s\n", 1, "x", arg0, "y"); }`, "fields", "%d=arg0:int64; %s=arg1:string2; %d=arg0_2:uint64; %s=arg3:string2"},
		{"conversions that touch text", `BEGIN { printf("%dms %lluns %xx %d%\n", 1, 2, 3, 4); }`, "fields", "%d=arg0:int64; %llu=arg1:int64; %x=arg2:int64; %d=arg3:int64"},
	}
	for _, tt := range tests {
		s := Parse(tt.src)
		if diff := cmp.Diff(tt.want, found(s, tt.what)); diff != "" {
			t.Errorf("%s: %s\n%s(-want +got):\n%s", tt.name, tt.what, tt.src, diff)
		}
	}
}
