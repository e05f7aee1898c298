//go:build !light

package main

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tracecar/mcp"
)

// callTelemetry makes a SERVER span and a duration of each MCP request, and a
// duration of each session, by OpenTelemetry's conventions for MCP.
type callTelemetry struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	sessions metric.Float64Histogram
}

func newCallTelemetry(tracer trace.Tracer, meter metric.Meter) (mcp.Telemetry, error) {
	bounds := metric.WithExplicitBucketBoundaries(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
	duration, err := meter.Float64Histogram("mcp.server.operation.duration", bounds,
		metric.WithUnit("s"), metric.WithDescription("Duration of MCP requests as seen by the server"))
	if err != nil {
		return nil, err
	}
	sessions, err := meter.Float64Histogram("mcp.server.session.duration", bounds,
		metric.WithUnit("s"), metric.WithDescription("Duration of MCP sessions that have ended"))
	return callTelemetry{tracer, duration, sessions}, err
}

// otherMethod stands for all the methods that there are not: what clients make up
// is no attribute of a metric, and no name of a span.
const otherMethod = "_OTHER"

func (t callTelemetry) Begin(ctx context.Context, c mcp.Call) (context.Context, func(mcp.Outcome)) {
	ctx = remote(ctx, c.TraceParent, c.TraceState)
	method := c.Method
	if c.UnknownMethod {
		method = otherMethod
	}
	target := attributes{"gen_ai.tool.name", c.Tool, "gen_ai.prompt.name", c.Prompt}
	common := network(c.Transport, c.HTTPVersion)
	own := append(attributes{"mcp.method.name", c.Method, "jsonrpc.request.id", c.RequestID, "mcp.session.id", c.Session,
		"mcp.resource.uri", c.Resource, "client.address", c.Client}, append(target, common...)...)
	if c.Tool != "" {
		own = append(own, "gen_ai.operation.name", "execute_tool")
	}
	common = append(common, "mcp.method.name", method)
	name := method
	if !c.UnknownTarget {
		common = append(common, target...)
		if c.Tool+c.Prompt != "" {
			name += " " + c.Tool + c.Prompt
		}
	}
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(own.keyValues()...)}
	if sc := trace.SpanContextFromContext(remote(context.Background(), c.LinkParent, "")); sc.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: sc}))
	}
	ctx, span := t.tracer.Start(ctx, name, opts...)
	start := time.Now()
	return ctx, func(o mcp.Outcome) {
		end := attributes{"error.type", o.ErrorType, "mcp.protocol.version", o.Protocol}
		if o.Code != 0 {
			end = append(end, "rpc.response.status_code", strconv.Itoa(o.Code))
		}
		span.SetAttributes(end.keyValues()...)
		if o.ErrorType != "" {
			span.SetStatus(codes.Error, o.Message)
		}
		span.End()
		t.duration.Record(context.WithoutCancel(ctx), time.Since(start).Seconds(),
			metric.WithAttributes(append(common, end...).keyValues()...))
	}
}

func (callTelemetry) Continue(ctx context.Context, parent, state string) context.Context {
	return remote(ctx, parent, state)
}

func (t callTelemetry) SessionEnded(s mcp.Session) {
	t.sessions.Record(context.Background(), s.Duration.Seconds(), metric.WithAttributes(
		append(network(s.Transport, s.HTTPVersion), "mcp.protocol.version", s.Protocol).keyValues()...))
}

func network(transport, httpVersion string) attributes {
	a := attributes{"network.transport", transport}
	if httpVersion != "" {
		a = append(a, "network.protocol.name", "http", "network.protocol.version", httpVersion)
	}
	return a
}

// remote returns ctx with the span that a W3C traceparent names, or as it is.
func remote(ctx context.Context, parent, state string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent, "tracestate": state})
}

// attributes are keys, each with its value; one of "" is left out.
type attributes []string

func (a attributes) keyValues() (kvs []attribute.KeyValue) {
	for i := 0; i+1 < len(a); i += 2 {
		if a[i+1] != "" {
			kvs = append(kvs, attribute.String(a[i], a[i+1]))
		}
	}
	return kvs
}
