package collector

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tracecar/collector/executor/executortest"
	"tracecar/parser/script"
)

func TestEndless(t *testing.T) {
	for _, c := range []struct {
		source string
		want   bool
	}{
		{"tracepoint:a:b { @ = count(); }", true},
		{"BEGIN { } profile:hz:99 { @ = count(); } END { }", true},
		{"uretprobe:/bin/true:main { @ = count(); }", true},
		{"tracepoint:a:b { exit(); }", false},
		{"tracepoint:a:b { exit; }", false},
		{"BEGIN { }", false},
		{"iter:task { @ = count(); }", false},
		{"#define LEAVE leave()\ntracepoint:a:b { LEAVE; }", false},
		{"", false},
	} {
		if got := endless(script.Parse(c.source)); got != c.want {
			t.Errorf("%q: %v", c.source, got)
		}
	}
}

// TestInterruptedFromOutside: bpftrace says nothing of a SIGINT and exits with
// 0; the Result must not look as if the script had seen all it wanted.
func TestInterruptedFromOutside(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := newTestRunner(t, p.Path, Options{})
		for _, end := range []string{"", " interval:s:600 { exit(); }"} {
			run := r.Start(Script{Source: `interval:ms:20 { @n = count(); printf("tick\n"); }` + end})
			waitFor(t, "the first event", func() bool { return run.Progress().Events > 0 })
			if err := unix.Kill(childOf(os.Getpid()), unix.SIGINT); err != nil {
				t.Fatal(err)
			}
			<-run.Done()
			res, _ := run.Result(0)
			told := slices.ContainsFunc(res.Diagnostics, func(d Diagnostic) bool {
				return d.Severity == "warning" && strings.Contains(d.Message, "the script calls no exit()")
			})
			if res.Status != StatusCompleted || told != (end == "") {
				t.Errorf("%q: told %v: %s", end, told, asJSON(t, res))
			}
		}
	})
}
