package policy_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tracecar/collector/executor"
	"tracecar/collector/executor/executortest"
	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// A tailor makes scripts that hold something the role caller is denied, each
// in another dress. All are refused by the policy; most are accepted by a
// bpftrace.
type tailor struct{ *rand.Rand }

func (r tailor) pick(list ...string) string { return list[r.IntN(len(list))] }

// gap is what may stand between two tokens.
func (r tailor) gap() string {
	if r.IntN(3) > 0 {
		return ""
	}
	return r.pick(" ", "\t", "\n", "\r\n", " /* c */ ", "/**/", "/* \" */", "/* { */", "// \"cat\n", "// }\n", "/* // */", " \n\n ")
}

// call writes a call with gaps.
func (r tailor) call(name string, args ...string) string {
	return name + r.gap() + "(" + r.gap() + strings.Join(args, r.gap()+","+r.gap()) + r.gap() + ")"
}

// statement is a denied statement, without its end.
func (r tailor) statement() string {
	switch r.IntN(7) {
	case 0:
		return r.call("cat", `"/etc/hostname"`)
	case 1:
		return r.call("cat", `"/proc/%d/environ"`, "pid")
	case 2:
		return r.call("join", "(uint64)1")
	case 3:
		return r.call("debugf", `"x"`)
	case 4:
		return r.call("print", r.value())
	case 5:
		return "@v" + r.gap() + "=" + r.gap() + r.value()
	}
	return r.call("printf", `"%d cat(1)\n"`, r.value())
}

// value is a denied expression.
func (r tailor) value() string {
	return r.pick(
		r.call("kaddr", `"jiffies"`),
		"*"+r.gap()+"("+r.gap()+"uint64"+r.gap()+"*"+r.gap()+")"+r.gap()+"1",
		"("+r.gap()+"uint64"+r.gap()+")"+r.gap()+"curtask",
		"(("+r.gap()+"struct"+" task_struct"+r.gap()+"*"+r.gap()+")1)"+r.gap()+"->"+r.gap()+"pid",
		"curtask"+r.gap()+"->"+r.gap()+"pid",
		"*"+r.call("kptr", "(uint64 *)7"),
		r.call("kaddr", `"jiffies"`),
		"(uint64)"+r.call("curtask"),
	)
}

// plain is a statement that is allowed.
func (r tailor) plain() string {
	return r.pick(`@a = count();`, `@b[comm] = sum(1);`, `printf("cat(\"x\") // /* \n");`, `print("}");`, `$cat = 1; @cat = $cat;`,
		`@h = hist(pid * 2);`, `/* system("x") */`, "// curtask\n", `@s = "\"";`, `$y = 4 / 2; $z = 9 / 3;`)
}

// code is a block's inside that holds one denied thing.
func (r tailor) code(depth int) string {
	end := r.pick(";", ";", ";", r.gap()+";", " ; ;")
	inner := func() string {
		if depth <= 0 {
			return r.statement() + end
		}
		return r.code(depth - 1)
	}
	var s string
	switch r.IntN(14) {
	case 0, 1, 2:
		s = r.statement() + end
	case 3:
		s = "if" + r.gap() + "(pid)" + r.gap() + "{" + inner() + "}"
	case 4:
		s = "if (pid) { } else {" + inner() + "}"
	case 5:
		s = "if (" + r.value() + " == 1) { @++; }"
	case 6:
		s = "unroll" + r.gap() + "(" + r.gap() + "2)" + r.gap() + "{" + inner() + "}"
	case 7:
		s = "@m[" + r.gap() + r.value() + "] = 1" + end
	case 8:
		s = "$t = pid ? 1 : " + r.value() + end
	case 9:
		s = "$u = (1, " + r.value() + ")" + end
	case 10:
		s = "@l = " + r.call("hist", r.value()) + end
	case 11:
		s = "for ($i : 0..3) {" + inner() + "}"
	case 12:
		s = "@w = -(1 + " + r.value() + ")" + end
	default:
		s = "$w = 3; while ($w > 0) { $w--; " + inner() + "}"
	}
	return r.gap() + r.plain() + r.gap() + s + r.gap() + r.plain() + r.gap()
}

// probe is one probe with a body, or a value in its predicate.
func (r tailor) probe(body string) string {
	at := r.pick("BEGIN", "END", "interval:s:1", "tracepoint:sched:sched_switch", "t:sched:sched_switch", "profile:hz:9",
		"tracepoint:sched:sched_switch,\n\ttracepoint:sched:sched_wakeup", "tracepoint:sched:sched_switch /* } */")
	if r.IntN(4) == 0 {
		at += r.pick(" ", "\n", "\t") + "/ " + r.gap() + r.pick("pid", "1 == 1", `comm != "{"`) + r.gap() + " /"
	}
	return at + r.pick(" ", "\n", " \n\n", " // c\n", " /* c */ ") + "{" + body + "}"
}

// script is a whole one.
func (r tailor) script() string {
	before, after := "", ""
	if r.IntN(2) == 0 {
		before = r.probe(r.plain()) + r.pick("", " ", "\n", "/* */")
	}
	if r.IntN(3) == 0 {
		after = r.pick("", " ", "\n") + r.probe(r.plain())
	}
	if r.IntN(6) == 0 {
		before = "#!/usr/bin/env bpftrace\n" + before
	}
	switch r.IntN(12) {
	case 0:
		return "#define C " + r.pick(`cat("x")`, "curtask", `kaddr("jiffies")`) + "\n" + before + "BEGIN { print(C); }" + after
	case 1:
		return "#define D C\n#define C cat(\"x\")\n" + before + r.probe("D;") + after
	case 2:
		return "macro m($x) {" + r.code(0) + " $x } " + before + r.probe("@q = m(1);") + after
	case 3:
		return "tracepoint:sched:sched_switch / " + r.gap() + r.value() + " == 1" + r.gap() + " / { @++; }" + before + after
	case 4:
		return r.pick("", "/* c */ ", " ") + "#include <stdio.h>\n" + before + r.probe(r.plain()) + after
	case 5:
		return "struct s { int a; " + r.pick("", "char b[4]; ", "/* c */") + "};\n" + before + r.probe("@ = ((struct s *)1)->a;") + after
	case 6:
		return before + r.probe(r.pick("unroll (3) { unroll (3) { @++; } }", "unroll(101) { @++; }", "unroll ( 3 ) { if (pid) { unroll(2) { @++; } } }")) + after
	case 7:
		return before + r.pick("interval:us:5", "profile:hz:5000", "interval:ms:0001", "software:cpu:100", "uprobe:/bin/sh:main", "rawtracepoint:sched_switch", "rt:sched_switch", "hardware:cycles:100") + r.pick(" ", "\n") + "{ @++; }" + after
	case 8:
		return "config = { " + r.pick("max_map_keys = 1000000", "log_size=10000000", "max_strlen = 200", "BPFTRACE_MAX_PROBES=9") + " } " + before + r.probe(r.plain()) + after
	}
	return before + r.probe(r.code(r.IntN(3))) + after
}

func dressed(seed uint64) string { return tailor{rand.New(rand.NewPCG(seed, 7))}.script() }

func refusedDress(t *testing.T, src string) {
	t.Helper()
	d := policy.Check(t.Context(), policy.Caller(), script.Parse(src), policy.Request{Fields: fields, Args: []string{"1"}}, few)
	if d.Allowed {
		t.Errorf("allowed:\n%s", src)
	}
}

// TestDress checks the policy alone, on many.
func TestDress(t *testing.T) {
	for seed := range uint64(5000) {
		refusedDress(t, dressed(seed))
	}
}

// TestDressLive asks every bpftrace about some of them, so that they are known
// to be scripts and not nonsense that anybody would refuse. TRACECAR_DRESSES
// says how many.
func TestDressLive(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("TRACECAR_DRESSES"))
	if n < 1 {
		n = 15
	}
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		bt, err := executor.Find(t.Context(), executor.Config{Path: p.Path})
		if err != nil {
			t.Fatal(err)
		}
		accepted := 0
		for seed := range uint64(n) {
			src := dressed(seed)
			check, err := bt.Validate(t.Context(), executor.Job{Source: src, Args: []string{"1"}})
			if err != nil {
				t.Fatalf("%v\n%s", err, src)
			}
			if check.Valid {
				accepted++
				refusedDress(t, src)
			}
		}
		t.Logf("%d of %d accepted by bpftrace %s", accepted, n, p.Version)
		if accepted < n/5 {
			t.Errorf("bpftrace %s accepts %d of %d: the generator writes no bpftrace", p.Version, accepted, n)
		}
	})
}

func FuzzDress(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { refusedDress(t, dressed(seed)) })
}

// TestSeeds makes sure that the committed seeds are there.
func TestSeeds(t *testing.T) {
	for _, name := range []string{"FuzzDress", "FuzzCheck", "FuzzSmuggle", "FuzzProvenance"} {
		files, err := filepath.Glob("testdata/fuzz/" + name + "/*")
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no seeds: %v", name, err)
		}
	}
}
