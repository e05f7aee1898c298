package collector

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tracecar/collector/executor/executortest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// hangGuard is longer than anything takes; a test past it hangs.
const hangGuard = 60 * time.Second

func newTestRunner(t testing.TB, path string, o Options) *Runner {
	t.Helper()
	o.Bpftrace = path
	r := NewRunner(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("close the runner: %v", err)
		}
	})
	return r
}

func runReal(t testing.TB, p executortest.Program, s Script) *Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
	defer cancel()
	return newTestRunner(t, p.Path, Options{}).Run(ctx, s)
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// waitFor waits until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(hangGuard)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for: %s", hangGuard, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
