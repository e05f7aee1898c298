package backend

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Bpftrace is one installed version.
type Bpftrace struct {
	Path string
	// Version is as in "0.27.1".
	Version string
	// Minor is the 27 of it.
	Minor int
}

// Bpftraces are the versions to test with: those TRACECAR_BPFTRACE names, by
// colons, else those of /opt/bpftrace/bin, else the one in PATH. Without one,
// or without root, the test is skipped.
func Bpftraces(tb testing.TB) []Bpftrace {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("skip: bpftrace needs root")
	}
	paths := filepath.SplitList(os.Getenv("TRACECAR_BPFTRACE"))
	if len(paths) == 0 {
		paths, _ = filepath.Glob("/opt/bpftrace/bin/bpftrace-*")
	}
	if len(paths) == 0 {
		path, err := exec.LookPath("bpftrace")
		if err != nil {
			tb.Skip("skip: no bpftrace is installed")
		}
		paths = []string{path}
	}
	var out []Bpftrace
	for _, path := range paths {
		text, err := exec.Command(path, "--version").Output()
		if err != nil {
			tb.Fatalf("%s --version: %v", path, err)
		}
		version := strings.TrimPrefix(strings.TrimSpace(string(text)), "bpftrace v")
		b := Bpftrace{Path: path, Version: version}
		for _, c := range strings.Split(version+"..", ".")[1] {
			b.Minor = b.Minor*10 + int(c-'0')
		}
		out = append(out, b)
	}
	return out
}
