package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tracecar/collector"
)

// Who looks for a program along PATH tries folder after folder: that is one
// program started, and one line.
func TestExecsCountsProgramsNotTries(t *testing.T) {
	env, err := exec.LookPath("env")
	if err != nil {
		t.Fatal(err)
	}
	const starter = "tc-path-search" // the name of the process that searches
	start := filepath.Join(t.TempDir(), starter)
	if err := os.Symlink(env, start); err != nil {
		t.Fatal(err)
	}
	eachLive(t, "proc-execs", func() {
		for _, program := range []string{"true", "no-such-program"} {
			_ = exec.Command(start, "-i", "PATH=/nonexistent/a:/nonexistent/b:/usr/bin:/bin", program).Run()
		}
	}, func(t *testing.T, res *collector.Result) {
		if n := execsBy(res, starter); n != "1" {
			t.Errorf("%s programs started, want 1: %s, %v", n, res.Status, res.Diagnostics)
		}
		lines := 0 // at most: what is in the kernel's buffer at the end may be lost
		for _, e := range res.Events {
			if strings.Contains(e.Data.Text(), starter+": ") {
				lines++
			}
		}
		if lines > 2 {
			t.Errorf("%d lines for 2 searches", lines)
		}
	})
}

func execsBy(res *collector.Result, comm string) string {
	for _, m := range res.Maps {
		for _, r := range m.Rows {
			if m.Name == "@execs" && r.Key[0].Text() == comm {
				return r.Value.String()
			}
		}
	}
	return "no"
}
