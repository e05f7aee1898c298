//go:build !light

package main

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tracecar/mcp"
)

// callTelemetry makes a SERVER span and a duration of each MCP call, by
// OpenTelemetry's conventions for MCP.
type callTelemetry struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
}

func newCallTelemetry(tracer trace.Tracer, meter metric.Meter) (mcp.Telemetry, error) {
	duration, err := meter.Float64Histogram("mcp.server.operation.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of MCP requests as seen by the server"),
		metric.WithExplicitBucketBoundaries(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300))
	return callTelemetry{tracer, duration}, err
}

func (t callTelemetry) Begin(ctx context.Context, c mcp.Call) (context.Context, func(string)) {
	common := []attribute.KeyValue{
		attribute.String("mcp.method.name", c.Method),
		attribute.String("gen_ai.tool.name", c.Tool),
		attribute.String("network.transport", c.Transport),
	}
	if c.Protocol != "" {
		common = append(common, attribute.String("mcp.protocol.version", c.Protocol))
	}
	own := append([]attribute.KeyValue{attribute.String("gen_ai.operation.name", "execute_tool")}, common...)
	if c.RequestID != "" {
		own = append(own, attribute.String("jsonrpc.request.id", c.RequestID))
	}
	if c.Session != "" {
		own = append(own, attribute.String("mcp.session.id", c.Session))
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
		"traceparent": c.TraceParent, "tracestate": c.TraceState,
	})
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(own...)}
	http := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": c.LinkParent})
	if sc := trace.SpanContextFromContext(http); sc.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: sc}))
	}
	ctx, span := t.tracer.Start(ctx, c.Method+" "+c.Tool, opts...)
	start := time.Now()
	return ctx, func(errorType string) {
		if errorType != "" {
			common = append(common, attribute.String("error.type", errorType))
			span.SetAttributes(attribute.String("error.type", errorType))
			span.SetStatus(codes.Error, "")
		}
		span.End()
		t.duration.Record(context.WithoutCancel(ctx), time.Since(start).Seconds(), metric.WithAttributes(common...))
	}
}
