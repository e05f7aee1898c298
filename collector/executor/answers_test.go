package executor

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestListsOfRealRuns(t *testing.T) {
	var b strings.Builder
	for _, v := range []string{"0.17", "0.23", "0.27"} {
		text, err := os.ReadFile("testdata/list/" + v + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "== %s\n", v)
		points := parseList(string(text))
		if v == "0.17" {
			points = expandEchoes(points)
		}
		for _, p := range points {
			fmt.Fprintf(&b, "%s %q\n", p.Name, p.Args)
		}
	}
	golden(t, "testdata/list.golden", b.String())
}

func TestEchoesAreNoAttachPoints(t *testing.T) {
	got := expandEchoes([]AttachPoint{{Name: "hardware:*sleep*:"}, {Name: "software:*fault*:"}, {Name: "tracepoint:a:b"}})
	want := []string{"software:alignment-faults:", "software:emulation-faults:", "software:faults:", "software:major-faults:",
		"software:minor-faults:", "software:page-faults:", "tracepoint:a:b"}
	var names []string
	for _, p := range got {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %q", names)
	}
}

func TestRealList(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		ctx := testContext(t, time.Minute)
		points, err := bt.List(ctx, "tracepoint:syscalls:sys_enter_openat", true)
		if err != nil || len(points) != 1 || !slices.Contains(points[0].Args, Arg{"filename", "const char *"}) {
			t.Errorf("%v, %v", points, err)
		}
		if points, err = bt.List(ctx, "software:page*", false); err != nil || len(points) != 1 || points[0].Name != "software:page-faults:" {
			t.Errorf("%v, %v", points, err)
		}
		if points, err = bt.List(ctx, "tracepoint:nosuch:*", false); err != nil || len(points) != 0 {
			t.Errorf("no match: %v, %v", points, err)
		}
		if points, err = bt.List(ctx, "tracepont:sched:*", false); err == nil || !strings.Contains(err.Error(), "Invalid probe type: tracepont; did you mean tracepoint?") {
			t.Errorf("unknown provider: %v, %v", points, err)
		}
		var input *InputError
		for _, pattern := range []string{"/etc/passwd", "etc/passwd", "a\nb"} {
			if _, err = bt.List(ctx, pattern, false); !errors.As(err, &input) {
				t.Errorf("%q: %v", pattern, err)
			}
		}
	})
}

func TestRealInfo(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		info, err := bt.Info(testContext(t, time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if info.Build["version"] != "v"+bt.Version().String() || len(info.Features) < 5 || info.OS == "" {
			t.Errorf("%+v", info)
		}
	})
}

func TestRealValidate(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		for _, tc := range []struct {
			source, arg, message, hint string
			line, column               int
		}{
			{source: `tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } // end`},
			{source: `BEGIN { printf("%d", $1); exit(); }`, arg: "-7"},
			{
				source: "BEGIN { }\ntracepoint:syscalls:sys_enter_opnat { }", line: 2, column: 1,
				message: "sys_enter_opnat", hint: "did you mean tracepoint:syscalls:sys_enter_openat?",
			},
			{
				source: "tracepoint:sched:sys_enter_openat { }", line: 1, column: 1,
				message: "sched:sys_enter_openat", hint: "did you mean tracepoint:syscalls:sys_enter_openat?",
			},
			{source: `BEGIN { prinft("x"); }`, line: 1, column: 9, message: "prinft", hint: "did you mean printf()?"},
			{source: `BEGIN { @a = ; }`, line: 1, column: 14, message: "syntax"},
			{source: `BEGIN { system("id"); }`, line: 1, column: 9, message: "unsafe", hint: "allowed"},
		} {
			check, err := bt.Validate(testContext(t, time.Minute), Job{Source: tc.source, Args: []string{tc.arg}})
			if err != nil {
				t.Fatal(err)
			}
			if want := tc.message == ""; check.Valid != want {
				t.Errorf("%s: valid %v: %v", tc.source, check.Valid, check.Diagnostics)
			}
			i := slices.IndexFunc(check.Diagnostics, func(d Diagnostic) bool { return d.Severity == SeverityError && !d.Noise })
			if i < 0 {
				if tc.message != "" {
					t.Errorf("%s: no error in %v", tc.source, check.Diagnostics)
				}
				continue
			}
			d := check.Diagnostics[i]
			if !strings.Contains(d.Message, tc.message) || !strings.Contains(d.Hint, tc.hint) || d.Line != tc.line || d.Column != tc.column || d.Source == "" {
				t.Errorf("%s:\n%v", tc.source, d)
			}
		}
	})
}

func TestRealSnapshot(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		job := Job{Source: `BEGIN { @marker = 42; } interval:s:3600 { }`}
		if bt.Version().AtLeast(0, 22) {
			job.Source += ` self:signal:SIGUSR1 { print(@marker); }`
		}
		p := start(t, bt, job)
		if err := p.Snapshot(); err != nil && !errors.Is(err, ErrNoSnapshot) {
			t.Fatal(err)
		}
		<-p.Attached()
		waitFor(t, "a snapshot to be possible", func() bool { return p.Snapshot() == nil })
		var got strings.Builder
		buf := make([]byte, 64<<10)
		for !strings.Contains(got.String(), "42") {
			n, err := p.Output().Read(buf)
			if err != nil {
				t.Fatalf("%v after %s", err, got.String())
			}
			got.Write(buf[:n])
		}
		p.Stop()
		contains(t, readAll(t, p), "42")
		if e := wait(t, p); e.Code != 0 || !e.CleanStop() {
			t.Errorf("%s: %+v", e, e)
		}
		if err := p.Snapshot(); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("snapshot of what has ended: %v", err)
		}
	})
}

func TestRealExitCodes(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		p := start(t, bt, Job{Source: `BEGIN { nosuch(); }`})
		if e := wait(t, p); e.Code != 1 || !hasError(e.Diagnostics) {
			t.Errorf("bad script: %s: %v", e, e.Diagnostics)
		}
		select {
		case <-p.Attached():
			t.Error("a bad script was attached")
		default:
		}
		if bt.Version().AtLeast(0, 21) {
			p = start(t, bt, Job{Source: `BEGIN { exit(7); }`})
			if e := wait(t, p); e.Code != 7 {
				t.Errorf("exit(7): %s", e)
			}
		}
		p = start(t, bt, Job{Source: `BEGIN { $i = 0; while (1) { $i++; } }`})
		if e := wait(t, p); e.Code != 255 || !hasError(e.Diagnostics) {
			t.Errorf("verifier: %s: %v", e, e.Diagnostics)
		}
		var input *InputError
		if _, err := bt.Start(testContext(t, time.Minute), Job{Source: "BEGIN { }\x00"}); !errors.As(err, &input) {
			t.Errorf("NUL: %v", err)
		}
		if _, err := bt.Start(testContext(t, time.Minute), Job{Source: " \n"}); !errors.As(err, &input) {
			t.Errorf("empty: %v", err)
		}
	})
}
