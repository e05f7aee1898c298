package script

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
)

// bpftraces lists the bpftrace binaries to test against.
func bpftraces(t *testing.T) (paths []string) {
	t.Helper()
	for _, p := range executortest.Programs(t) {
		paths = append(paths, p.Path)
	}
	return paths
}

// accepts reports whether bpftrace takes a script, loading nothing.
func accepts(t *testing.T, bpftrace, src string) bool {
	t.Helper()
	for _, mode := range [][]string{{"--mode", "codegen"}, {"--test", "codegen"}} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, bpftrace, append(mode, "-")...)
		cmd.Stdin = strings.NewReader(src + "\n")
		cmd.Env = []string{"PATH=/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err == nil {
			return true
		}
		if !strings.Contains(string(out), "--mode") { // the option is known
			return false
		}
	}
	return false
}

// TestAcceptedIsClear checks with every bpftrace that it refuses each script
// in testdata in which something is unclear: a script that bpftrace accepts
// leaves nothing so.
func TestAcceptedIsClear(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.bt")
	if err != nil || len(files) < 150 {
		t.Fatalf("%d scripts in testdata, %v", len(files), err)
	}
	list := bpftraces(t)
	for _, bpftrace := range list {
		if !accepts(t, bpftrace, "BEGIN { exit(); }") {
			t.Fatalf("%s does not accept the simplest script", bpftrace)
		}
	}
	unclear := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := Parse(string(src))
		if len(s.Unclear) == 0 {
			continue
		}
		unclear++
		for _, bpftrace := range list {
			if accepts(t, bpftrace, string(src)) {
				t.Errorf("%s accepts %s, unclear: %v", bpftrace, file, s.Unclear)
			}
		}
	}
	if unclear == 0 {
		t.Error("no script is unclear: the check checked nothing")
	}
}
