package script

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// parseOutputs parses a body and returns what it prints.
func parseOutputs(t *testing.T, body string) []Output {
	t.Helper()
	s := Parse("BEGIN { " + body + " }\n")
	if len(s.Unclear) > 0 {
		t.Fatalf("%s: %v", body, s.Unclear)
	}
	return s.Outputs
}

func str(name, text string) Argument { return Argument{Name: name, Text: text} }

func num(name, text string, v int64) Argument {
	return Argument{Name: name, Text: text, IsInt: true, Int: v}
}

func inexact(a Argument) Argument { a.Inexact = true; return a }

func unsigned(a Argument) Argument { a.Unsigned = true; return a }

func TestMatch(t *testing.T) {
	tests := []struct {
		call, text string
		want       []Argument // nil: no unique reading
	}{
		{`printf("hello\n")`, "hello\n", []Argument{}},
		{`printf("hello\n")`, "hello", nil},
		{`printf("%s %d\n", comm, pid)`, "a b 12 34\n", []Argument{str("comm", "a b 12"), num("pid", "34", 34)}},
		{`printf("%s %s\n", comm, str(arg0))`, "a b c\n", nil},
		{`printf("%s %s\n", comm, str(arg0))`, "a b\n", []Argument{str("comm", "a"), str("arg0", "b")}},
		{`printf("%s", str(arg0))`, "any \n thing", []Argument{str("arg0", "any \n thing")}},
		{`printf("%s%s", comm, str(arg0))`, "ab", nil},
		{`printf("%s%s", comm, str(arg0))`, "", []Argument{str("comm", ""), str("arg0", "")}},
		{`printf("%d%d\n", pid, tid)`, "123\n", nil},
		{`printf("%d%d\n", pid, tid)`, "12\n", []Argument{num("pid", "1", 1), num("tid", "2", 2)}},
		{`printf("%d,%d\n", -1, $1)`, "-1,18\n", []Argument{inexact(num("arg0", "-1", -1)), inexact(num("arg1", "18", 18))}},
		{`printf("%-16s|%-6d|%5d|\n", comm, pid, tid)`, "bash            |12    |   34|\n",
			[]Argument{inexact(str("comm", "bash")), num("pid", "12", 12), num("tid", "34", 34)}},
		{`printf("%-4s|\n", comm)`, "abcd|\n", []Argument{str("comm", "abcd")}},
		{`printf("%-4s|\n", comm)`, "abcdef|\n", []Argument{str("comm", "abcdef")}},
		{`printf("%-4s|\n", comm)`, "abc|\n", nil},
		{`printf("%5s|\n", comm)`, "  abc|\n", []Argument{inexact(str("comm", "abc"))}},
		{`printf("%.3s|\n", str(arg0))`, "abc|\n", []Argument{inexact(str("arg0", "abc"))}},
		{`printf("%.3s|\n", str(arg0))`, "ab|\n", []Argument{str("arg0", "ab")}},
		{`printf("%05d|\n", pid)`, "00042|\n", []Argument{num("pid", "00042", 42)}},
		{`printf("%05d|\n", pid)`, "0042|\n", nil},
		{`printf("%-05d|\n", pid)`, "30000|\n", []Argument{{Name: "pid", Text: "30000", Int: 30000, Inexact: true}}},
		{`printf("%d|\n", pid)`, "042|\n", nil},
		{`printf("%d|\n", pid)`, "-0|\n", nil},
		{`printf("%d\n", pid)`, "4294967295\n", nil}, // %d prints 32 bits, signed
		{`printf("%u\n", pid)`, "4294967295\n", []Argument{unsigned(num("pid", "4294967295", 4294967295))}},
		{`printf("%d\n", nsecs)`, "705032704\n", []Argument{inexact(num("nsecs", "705032704", 705032704))}},
		{`printf("%lld\n", nsecs)`, "-9223372036854775808\n", []Argument{num("nsecs", "-9223372036854775808", -9223372036854775808)}},
		{`printf("%llu\n", nsecs)`, "18446744073709551615\n", []Argument{unsigned(num("nsecs", "18446744073709551615", -1))}},
		{`printf("%llu\n", nsecs)`, "18446744073709551616\n", nil},
		{`printf("%llx %X\n", nsecs, pid)`, "ff FF\n", []Argument{unsigned(num("nsecs", "ff", 255)), unsigned(num("pid", "FF", 255))}},
		{`printf("%x\n", pid)`, "FF\n", nil},
		{`printf("%p %p %p\n", arg0, arg1, arg2)`, "0x41 (nil) 0\n",
			[]Argument{unsigned(num("arg0", "0x41", 65)), unsigned(num("arg1", "(nil)", 0)), unsigned(num("arg2", "0", 0))}},
		{`printf("%20p|\n", arg0)`, "              0x1000|\n", []Argument{unsigned(num("arg0", "0x1000", 4096))}},
		{`printf("%c|%c\n", 65, 0)`, "A|\n", []Argument{str("arg0", "A"), str("arg1", "")}},
		{`printf("%d%%|%d%%\n", pid, tid)`, "5%|6%\n", []Argument{num("pid", "5", 5), num("tid", "6", 6)}},
		{`printf("%dms\n", pid)`, "5ms\n", []Argument{num("pid", "5", 5)}},
		{`printf("%rx %rh\n", buf(arg0, 2), buf(arg1, 2))`, "\\x61\\x01 61 01\n", []Argument{str("arg0", `\x61\x01`), str("arg1", "61 01")}},
		{`printf("%r|%s\n", buf(arg0, 2), comm)`, "a\\x01|z\n", []Argument{str("arg0", `a\x01`), str("comm", "z")}},
		{`printf("%s: %s\n", "open: ed", comm)`, "open: ed: a: b\n", []Argument{str("arg0", "open: ed"), str("comm", "a: b")}},
		{`printf("%-10s|%s\n", "PID", comm)`, "PID       |x\n", []Argument{str("arg0", "PID"), str("comm", "x")}},
		{`printf("%s %s\n", comm, str(arg0))`, strings.Repeat("x", 16) + " y\n", nil}, // comm has 15 at most
		{`printf("%s %d\n", ustack, pid)`, "\n        main+4\n        _start 5\n 7\n", []Argument{str("ustack", "\n        main+4\n        _start 5\n"), num("pid", "7", 7)}},
		{`printf("%s|%s\n", pid, comm)`, "12|a|b\n", []Argument{unsigned(num("pid", "12", 12)), str("comm", "a|b")}},
		{`printf("%5d%-5d|\n", pid, tid)`, "    12    |\n", []Argument{num("pid", "1", 1), num("tid", "2", 2)}},
		{`printf("\xff%s\n", comm)`, "\xff\xfe\n", []Argument{str("comm", "\xfe")}},
	}
	for _, tt := range tests {
		o := parseOutputs(t, tt.call+";")[0]
		got, ok := o.Match(tt.text)
		if ok != (tt.want != nil) {
			t.Errorf("%s ← %q: ok %v, %+v", tt.call, tt.text, ok, got)
			continue
		}
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Argument{}, "Type")); diff != "" {
			t.Errorf("%s ← %q (-want +got):\n%s", tt.call, tt.text, diff)
		}
	}
}

func TestMatchOutputs(t *testing.T) {
	outs := parseOutputs(t, `printf("open %s\n", comm); printf("close %d\n", pid); printf("%s\n", str(arg0));
		errorf("bad %d\n", pid); print("x");`)
	for _, tt := range []struct {
		text string
		want int // index, -1: none or several
	}{
		{"open x\n", -1}, // the first or the third
		{"else\n", 2},
		{"no newline", -1},
		{"bad 5\n", 2}, // an errorf is not a printf
	} {
		o, _, ok := MatchOutputs(outs, tt.text)
		if ok != (tt.want >= 0) || ok && o != &outs[tt.want] {
			t.Errorf("%q: %v %v, want %d", tt.text, o, ok, tt.want)
		}
	}
	if o, args, ok := MatchOutputsOf("errorf", outs, "bad 5\n"); !ok || o != &outs[3] || args[0].Int != 5 {
		t.Errorf("errorf: %v %v %v", o, args, ok)
	}
	// The same printf in two probes is one.
	twice := parseOutputs(t, `printf("at %d\n", pid); printf("at %d\n", pid);`)
	if o, _, ok := MatchOutputs(twice, "at 1\n"); !ok || o != &twice[0] {
		t.Errorf("twice the same: %v %v", o, ok)
	}
	other := parseOutputs(t, `printf("at %d\n", pid); printf("at %d\n", tid);`)
	if o, _, ok := MatchOutputs(other, "at 1\n"); ok {
		t.Errorf("pid or tid: took %v", o)
	}
}

// TestMatchBounded gives Match texts with very many readings.
func TestMatchBounded(t *testing.T) {
	o := parseOutputs(t, `printf("%s%s%s%s%s%s%s%s!\n", comm, comm, comm, comm, comm, comm, comm, comm);`)[0]
	if args, ok := o.Match(strings.Repeat("a", 1<<16)); ok {
		t.Errorf("took %v", args)
	}
	o = parseOutputs(t, `printf("%d%d%d%d%d%d%d%d!\n", 1, 2, 3, 4, 5, 6, 7, 8);`)[0]
	if args, ok := o.Match(strings.Repeat("1", 1<<16)); ok {
		t.Errorf("took %v", args)
	}
}
