package otlp

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.uber.org/goleak"

	"tracecar/collector"
)

func TestMain(m *testing.M) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // the links count and log
	// The executor keeps one thread for ever: bpftrace dies with the thread that
	// started it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("tracecar/collector/executor.spawner"))
}

// newTestExporter sends everything to url, when asked to.
func newTestExporter(t testing.TB, url string, change func(*Config)) *Exporter {
	t.Helper()
	to := Target{URL: url, Protocol: GRPC}
	cfg := Config{Metrics: to, Traces: to, Logs: to, Interval: time.Hour, Timeout: hangGuard / 2, SnapshotTimeout: hangGuard / 2, Version: "1.2.3"}
	if change != nil {
		change(&cfg)
	}
	e, err := New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
		defer cancel()
		e.Shutdown(ctx)
	})
	return e
}

func flush(t testing.TB, e *Exporter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
	defer cancel()
	if err := e.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func newTestRunner(t testing.TB, path string, e *Exporter) *collector.Runner {
	t.Helper()
	r := collector.NewRunner(collector.Options{Bpftrace: path, Observers: []collector.Observer{e.Observe}})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}
