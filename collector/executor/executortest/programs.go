// Package executortest gives tests the bpftrace programs of this machine.
package executortest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
)

// Program is one bpftrace.
type Program struct {
	Path    string
	Version string // "0.23.2"
}

// Programs returns the bpftrace programs to test with: those that
// TRACECAR_BPFTRACE names (separated by colons), else those side by side in
// /opt/bpftrace/bin or .cache/bpftrace/bin of the repository, else the one in
// PATH. It skips the test where it cannot run bpftrace.
func Programs(t testing.TB) []Program {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skip: not root, bpftrace cannot run")
	}
	ps, err := find()
	if err != nil {
		t.Fatal(err)
	}
	if len(ps) == 0 {
		t.Skip("skip: no bpftrace in TRACECAR_BPFTRACE, /opt/bpftrace/bin, .cache/bpftrace/bin or PATH")
	}
	return ps
}

// Each runs fn as a subtest with every program, named by its version.
func Each(t *testing.T, fn func(t *testing.T, p Program)) {
	t.Helper()
	for _, p := range Programs(t) {
		t.Run(p.Version, func(t *testing.T) { fn(t, p) })
	}
}

// Newest returns one program, the last that Programs gives.
func Newest(t testing.TB) Program {
	t.Helper()
	ps := Programs(t)
	return ps[len(ps)-1]
}

var versionPattern = regexp.MustCompile(`v(\d+\.\d+\.\d+)`)

// find fails where what TRACECAR_BPFTRACE names is no bpftrace: a test that
// leaves out what it was told to run proves nothing.
var find = sync.OnceValues(func() (ps []Program, err error) {
	paths := filepath.SplitList(os.Getenv("TRACECAR_BPFTRACE"))
	named := len(paths) > 0
	if !named {
		paths, _ = filepath.Glob("/opt/bpftrace/bin/bpftrace-*")
	}
	if dir, err := os.Getwd(); len(paths) == 0 && err == nil {
		for ; dir != "/" && len(paths) == 0; dir = filepath.Dir(dir) {
			paths, _ = filepath.Glob(filepath.Join(dir, ".cache/bpftrace/bin/bpftrace-*"))
		}
	}
	if len(paths) == 0 {
		if p, err := exec.LookPath("bpftrace"); err == nil {
			paths = []string{p}
		}
	}
	for _, p := range paths {
		out, err := exec.Command(p, "--version").Output()
		m := versionPattern.FindSubmatch(out)
		switch {
		case err == nil && m != nil:
			ps = append(ps, Program{Path: p, Version: string(m[1])})
		case named:
			return nil, errors.Join(fmt.Errorf("TRACECAR_BPFTRACE names %s, which is no bpftrace: --version printed %.60q", p, out), err)
		}
	}
	return ps, nil
})
