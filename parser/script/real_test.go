package script

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bpftraces lists the bpftrace binaries to test against.
func bpftraces(t *testing.T) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skip: bpftrace needs root")
	}
	if list := os.Getenv("TRACECAR_BPFTRACE"); list != "" {
		return strings.Split(list, ":")
	}
	if list, _ := filepath.Glob("/opt/bpftrace/bin/bpftrace-*"); len(list) > 0 {
		return list
	}
	path, err := exec.LookPath("bpftrace")
	if err != nil {
		t.Skip("skip: no bpftrace in PATH, in TRACECAR_BPFTRACE or in /opt/bpftrace/bin")
	}
	return []string{path}
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

// TestAcceptedIsClear asks every bpftrace for every script in testdata: where
// one accepts it, Parse finds nothing unclear.
func TestAcceptedIsClear(t *testing.T) {
	if testing.Short() {
		t.Skip("skip: asks bpftrace a few hundred times")
	}
	files, err := filepath.Glob("testdata/*/*.bt")
	if err != nil || len(files) < 150 {
		t.Fatalf("%d scripts in testdata, %v", len(files), err)
	}
	seen := map[string]bool{}
	for _, bpftrace := range bpftraces(t) {
		accepted := 0
		for _, file := range files {
			switch prefix, _, _ := strings.Cut(filepath.Base(file), "_"); prefix {
			case "opt", "sig", "env", "err", "helper": // about bpftrace's options, not its language
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if seen[bpftrace+string(src)] {
				continue
			}
			seen[bpftrace+string(src)] = true
			if !accepts(t, bpftrace, string(src)) {
				continue
			}
			accepted++
			if s := Parse(string(src)); len(s.Unclear) > 0 {
				t.Errorf("%s accepts %s, unclear: %v", bpftrace, file, s.Unclear)
			}
		}
		t.Logf("%s accepts %d of %d scripts", bpftrace, accepted, len(files))
		if accepted < 50 {
			t.Errorf("%s accepts only %d of %d scripts: is tracefs mounted?", bpftrace, accepted, len(files))
		}
	}
}
