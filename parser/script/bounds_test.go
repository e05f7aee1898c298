package script

import (
	"strings"
	"testing"
	"time"
)

// TestBounds gives Parse scripts that are all of one kind: none may take
// more than a moment, overflow the stack or go unmarked where it is cut.
func TestBounds(t *testing.T) {
	tests := []struct {
		name, start, repeat, end string
		clear                    bool // nothing is unclear
	}{
		{"parentheses", "BEGIN { $x = ", "(", "1; cat(\"x\"); }", false},
		{"balanced parentheses", "BEGIN { $x = ", "(1+", "", false},
		{"blocks", "BEGIN ", "{", "}", false},
		{"ifs", "BEGIN { ", "if (1) { ", "}", false},
		{"else ifs", "BEGIN { if (1) { }", " else if (2) { } ", "}", true},
		{"unary", "BEGIN { $x = ", "-!", "1; }", false},
		{"casts", "BEGIN { $x = ", "(uint64)", "1; }", false},
		{"sum", "BEGIN { $x = 1", "+1", "; }", true},
		{"levels", "BEGIN { $x = 1", "+1*1<<1==1&&1", "; }", true},
		{"fields", "BEGIN { $x = $y", ".a", "; }", false},
		{"indexes", "BEGIN { $x = $y", "[1]", "; }", false},
		{"open indexes", "BEGIN { $x = $y", "[", "; }", false},
		{"maps in maps", "BEGIN { ", "@a[", "}", false},
		{"many maps", "BEGIN { ", "@a[@b,$c]=$d; ", "}", true},
		{"ternaries", "BEGIN { $x = ", "1 ? 2 : ", "3; }", false},
		{"tuples", "BEGIN { $x = ", "(1,", "; }", false},
		{"growing tuple", "BEGIN { ", "$x = ($x, $x); @a[$x] = $x; ", "}", true},
		{"exploding tuple", "BEGIN { ", "$x = ($x,$x,$x,$x,$x,$x,$x,$x); $y = ($x,$x,$x,$x); ", "}", true},
		{"tuple chain", "BEGIN { $a = 1; ", "$b = ($a, 1); $a = ($b, 1); ", "}", true},
		{"probes", "", "k:f { } ", "", true},
		{"attach points", "k:f", ",k:f", " { }", true},
		{"calls", "BEGIN { ", "f(1); ", "}", true},
		{"open calls", "BEGIN { ", "f(", "}", false},
		{"printfs", "BEGIN { ", `printf("%d %s\n", 1, comm); `, "}", true},
		{"statement errors", "BEGIN { ", "] ", "}", false},
		{"top level errors", "", "] ", "", false},
		{"slashes", "", "/ ", "", false},
		{"quotes", "", "\"\n", "", false},
		{"struct", "struct a { ", "int b; ", "} BEGIN { }", true},
		{"structs", "", "struct a { int b; } ", "BEGIN { }", true},
		{"open structs", "", "struct a { ", "", false},
		{"open comments", "", "struct /* ", "", false},
		{"macros", "", "macro m(@a) { m(@a); @a[1] = 1; } ", "BEGIN { m(@x); }", true},
		{"type", "BEGIN { $x = (", "struct ", "*)1; }", true},
		{"stars", "BEGIN { $x = (a ", "*", ")1; }", true},
		{"lines", "", "\n", "BEGIN { }", true},
		{"defines", "", "#define A 1\n", "BEGIN { A; }", true},
		{"variables", "BEGIN { ", "$x = $y; $y = $z; $z = $x; ", "}", true},
	}
	for _, tt := range tests {
		times := 30_000 / len(tt.repeat)
		if !tt.clear { // nesting: as deep as it gets
			times = 100_000 / len(tt.repeat)
		}
		src := tt.start + strings.Repeat(tt.repeat, times) + tt.end
		begin := time.Now()
		s := Parse(src)
		took := time.Since(begin)
		if took > 500*time.Millisecond {
			t.Logf("%s took %v", tt.name, took)
		}
		if took > 20*time.Second { // a hang, not a slow machine
			t.Errorf("%s took %v", tt.name, took)
		}
		if clear := len(s.Unclear) == 0; clear != tt.clear {
			t.Errorf("%s: unclear %v, want clear %v", tt.name, s.Unclear, tt.clear)
		}
		consistentBounds(t, tt.name, s)
	}
}

// TestDefineBomb checks that #defines which double each other stay small.
func TestDefineBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("#define A0 1+1\n")
	for _, c := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		prev := string(c[0] - 1)
		b.WriteString("#define A" + c + " " + strings.Repeat("A"+prev+" + ", 20) + "A" + prev + "\n")
	}
	b.WriteString("BEGIN { $x = A9; }\n")
	if s := Parse(b.String()); len(s.Unclear) == 0 {
		t.Error("nothing unclear")
	}
}

func consistentBounds(t *testing.T, name string, s *Script) {
	t.Helper()
	if len(s.Unclear) > maxUnclear {
		t.Errorf("%s: %d unclear", name, len(s.Unclear))
	}
	for _, u := range s.Unclear {
		if u.Offset < 0 || u.Offset > len(s.Source) {
			t.Errorf("%s: offset %d", name, u.Offset)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	part := `tracepoint:syscalls:sys_enter_openat /comm != "x" && pid > 10/ {
	$f = str(args.filename); // the name
	@opens[comm, pid, $f] = count();
	@lat[tid] = hist((nsecs - @start[tid]) / 1000, 2);
	if (args.flags & 64) { printf("%-16s %-6d %s\n", comm, pid, $f); delete(@start[tid]); }
}
`
	src := strings.Repeat(part, 1+(64<<10)/len(part))
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		Parse(src)
	}
}

func BenchmarkMatch(b *testing.B) {
	s := Parse(`BEGIN { printf("%-16s %-6d %d bytes to %s at %llu\n", comm, pid, arg0, str(arg1), nsecs); }`)
	for b.Loop() {
		s.Outputs[0].Match("bash             1234   40960 bytes to /etc/hosts and more at 12345678901234\n")
	}
}
