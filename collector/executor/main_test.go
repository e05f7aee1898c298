package executor

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
)

// eachReal runs f against every real bpftrace of this host.
func eachReal(t *testing.T, f func(t *testing.T, bt *Bpftrace)) {
	t.Helper()
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		bt, err := Find(testContext(t, time.Minute), Config{Path: p.Path})
		if err != nil {
			t.Fatal(err)
		}
		f(t, bt)
	})
}

// anyBpftrace is the path of one real bpftrace.
func anyBpftrace(t *testing.T) string {
	t.Helper()
	return executortest.Newest(t).Path
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
