package executor

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// real gives the bpftraces to test with.
func realPaths() []string {
	if s := os.Getenv("TRACECAR_BPFTRACE"); s != "" {
		return filepath.SplitList(s)
	}
	if m, _ := filepath.Glob("/opt/bpftrace/bin/bpftrace-*"); len(m) > 0 {
		return m
	}
	return []string{""}
}

// eachReal runs f against every real bpftrace of this host.
func eachReal(t *testing.T, f func(t *testing.T, bt *Bpftrace)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skip: bpftrace needs root")
	}
	for _, path := range realPaths() {
		bt, err := Find(context.Background(), Config{Path: path})
		if err != nil {
			t.Skipf("skip: %v", err)
		}
		t.Run(bt.Version().String(), func(t *testing.T) { f(t, bt) })
	}
}

// testContext ends with the test, at the latest after d: a guard against hangs.
func testContext(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// readAll reads the output of p to its end.
func readAll(t *testing.T, p *Process) string {
	t.Helper()
	b, err := io.ReadAll(p.Output())
	if err != nil {
		t.Fatalf("output: %v", err)
	}
	return string(b)
}

func contains(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(s, p) {
			t.Errorf("no %q in:\n%s", p, s)
		}
	}
}
