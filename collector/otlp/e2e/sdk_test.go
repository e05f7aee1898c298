package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"tracecar/e2e/backend"
)

// TestBackends sends what is known with OpenTelemetry's own SDK: the backends
// hold what they are sent, so that a fault found with tracecar is tracecar's.
func TestBackends(t *testing.T) {
	prometheus := backend.NewPrometheus(t, "")
	collector := backend.NewCollector(t, prometheus)
	began := time.Now()
	sendMetrics(t, collector.GRPC)
	traceID := sendSpan(t, collector.GRPC)
	sendLog(t, collector.GRPC)

	points, err := collector.Points()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]backend.Point{}
	for _, p := range points {
		byName[p.Name] = p
	}
	calls := byName["calls"]
	if calls.Type != pmetric.MetricTypeSum || !calls.Monotonic || calls.Temporality != pmetric.AggregationTemporalityCumulative ||
		calls.Value != int64(1<<53-1) || calls.Attributes["comm"] != "a, b" || calls.Scope != "self-test" || calls.Unit != "{call}" {
		t.Errorf("calls: %+v", calls)
	}
	if calls.Start.Before(began) || calls.Time.Before(calls.Start) {
		t.Errorf("calls from %v to %v, begun %v", calls.Start, calls.Time, began)
	}
	if level := byName["level"]; level.Type != pmetric.MetricTypeGauge || level.Value != -2.5 {
		t.Errorf("level: %+v", level)
	}
	latency := byName["latency"]
	if !slices.Equal(latency.Bounds, []float64{1, 3, 7}) || !slices.Equal(latency.Buckets, []uint64{1, 1, 0, 1}) ||
		latency.Count != 3 || latency.Sum == nil || *latency.Sum != 103 {
		t.Errorf("latency: %+v", latency)
	}

	spans, err := collector.Spans()
	if err != nil || len(spans) != 2 {
		t.Fatalf("%d spans: %v", len(spans), err)
	}
	child, parent := spans[0], spans[1] // in the order they ended
	if child.Name != "child" || parent.Name != "parent" || child.Parent != parent.ID || parent.Trace != traceID ||
		parent.Kind != ptrace.SpanKindServer || len(child.Events) != 1 || child.Events[0].Attributes["n"] != int64(3) {
		t.Errorf("spans: %+v", spans)
	}
	logs, err := collector.Logs()
	if err != nil || len(logs) != 1 || logs[0].Body != "line\n" || logs[0].Attributes["pid"] != int64(7) {
		t.Errorf("logs: %+v, %v", logs, err)
	}

	for query, want := range map[string]float64{
		`calls_total{comm="a, b"}`:            1<<53 - 1,
		`level`:                               -2.5,
		`latency_microseconds_bucket{le="3"}`: 2,
		`latency_microseconds_count`:          3,
		`histogram_quantile(0.5, latency_microseconds_bucket)`:   2, // halfway through (1, 3]
		`count(target_info{job="unknown_service:e2e.test"}) > 0`: 1,
	} {
		backend.Until(t, query, func() error {
			got, err := prometheus.Value(query)
			if err == nil && got != want {
				err = fmt.Errorf("%v, want %v", got, want)
			}
			return err
		})
	}
	if _, err := prometheus.Value(`calls_total{comm="nobody"}`); err == nil {
		t.Error("a series that nobody sent has a value")
	}
	if _, err := prometheus.Query(`rate(`); err == nil {
		t.Error("half a query is none")
	}
}

// sendMetrics stays below 2^53: the SDK adds whole numbers up exactly, and reads
// its counters through a float64.
func sendMetrics(t *testing.T, url string) {
	exporter, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpointURL(url))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)))
	meter := provider.Meter("self-test")
	calls, err1 := meter.Int64Counter("calls", metric.WithUnit("{call}"))
	level, err2 := meter.Float64Gauge("level")
	latency, err3 := meter.Int64Histogram("latency", metric.WithUnit("us"), metric.WithExplicitBucketBoundaries(1, 3, 7))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	calls.Add(t.Context(), 1<<53-1, metric.WithAttributes(attribute.String("comm", "a, b")))
	level.Record(t.Context(), -2.5)
	for _, v := range []int64{1, 2, 100} {
		latency.Record(t.Context(), v)
	}
	shutDown(t, provider.Shutdown)
}

func sendSpan(t *testing.T, url string) (traceID string) {
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpointURL(url))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	ctx, parent := provider.Tracer("self-test").Start(t.Context(), "parent", trace.WithSpanKind(trace.SpanKindServer))
	_, child := provider.Tracer("self-test").Start(ctx, "child")
	child.AddEvent("event", trace.WithAttributes(attribute.Int("n", 3)))
	child.End()
	parent.End()
	shutDown(t, provider.Shutdown)
	return parent.SpanContext().TraceID().String()
}

func sendLog(t *testing.T, url string) {
	exporter, err := otlploggrpc.New(t.Context(), otlploggrpc.WithEndpointURL(url))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
	var record log.Record
	record.SetBody(log.StringValue("line\n"))
	record.SetTimestamp(time.Now())
	record.AddAttributes(log.Int("pid", 7))
	provider.Logger("self-test").Emit(t.Context(), record)
	shutDown(t, provider.Shutdown)
}

func shutDown(t *testing.T, shutdown func(context.Context) error) {
	t.Helper()
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}
