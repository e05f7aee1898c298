//go:build !light

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"tracecar/mcp"
)

// TestCallTelemetry has each request become a span and a point of the
// duration, and what clients make up be in the span alone.
func TestCallTelemetry(t *testing.T) {
	spans, points := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	telemetry, err := newCallTelemetry(
		sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test"),
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(points)).Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	const v = "2025-06-18"
	for _, tt := range []struct {
		call         mcp.Call
		end          mcp.Outcome
		name         string
		span, metric string
	}{
		{mcp.Call{Method: "tools/call", Tool: "list_runs", Transport: "pipe", RequestID: "1", Session: "s"}, mcp.Outcome{Protocol: v},
			"tools/call list_runs",
			"gen_ai.operation.name=execute_tool,gen_ai.tool.name=list_runs,jsonrpc.request.id=1,mcp.method.name=tools/call,mcp.protocol.version=2025-06-18,mcp.session.id=s,network.transport=pipe",
			"gen_ai.tool.name=list_runs,mcp.method.name=tools/call,mcp.protocol.version=2025-06-18,network.transport=pipe"},
		{mcp.Call{Method: "tools/call", Tool: "list_runs", Transport: "pipe"}, mcp.Outcome{ErrorType: "tool_error", Protocol: v},
			"tools/call list_runs",
			"error.type=tool_error,gen_ai.operation.name=execute_tool,gen_ai.tool.name=list_runs,mcp.method.name=tools/call,mcp.protocol.version=2025-06-18,network.transport=pipe",
			"error.type=tool_error,gen_ai.tool.name=list_runs,mcp.method.name=tools/call,mcp.protocol.version=2025-06-18,network.transport=pipe"},
		{mcp.Call{Method: "tools/call", Tool: "made up", UnknownTarget: true, Transport: "tcp", HTTPVersion: "1.1", Client: "192.0.2.1"},
			mcp.Outcome{ErrorType: "-32602", Code: -32602, Message: "no such tool"},
			"tools/call",
			"client.address=192.0.2.1,error.type=-32602,gen_ai.operation.name=execute_tool,gen_ai.tool.name=made up,mcp.method.name=tools/call,network.protocol.name=http,network.protocol.version=1.1,network.transport=tcp,rpc.response.status_code=-32602",
			"error.type=-32602,mcp.method.name=tools/call,network.protocol.name=http,network.protocol.version=1.1,network.transport=tcp,rpc.response.status_code=-32602"},
		{mcp.Call{Method: "made/up", UnknownMethod: true, Transport: "pipe"}, mcp.Outcome{ErrorType: "-32601", Code: -32601, Message: "m"},
			"_OTHER",
			"error.type=-32601,mcp.method.name=made/up,network.transport=pipe,rpc.response.status_code=-32601",
			"error.type=-32601,mcp.method.name=_OTHER,network.transport=pipe,rpc.response.status_code=-32601"},
		{mcp.Call{Method: "prompts/get", Prompt: "profile_cpu", Transport: "pipe"}, mcp.Outcome{},
			"prompts/get profile_cpu",
			"gen_ai.prompt.name=profile_cpu,mcp.method.name=prompts/get,network.transport=pipe",
			"gen_ai.prompt.name=profile_cpu,mcp.method.name=prompts/get,network.transport=pipe"},
		{mcp.Call{Method: "resources/read", Resource: "tracecar://runs", Transport: "pipe"}, mcp.Outcome{},
			"resources/read",
			"mcp.method.name=resources/read,mcp.resource.uri=tracecar://runs,network.transport=pipe",
			"mcp.method.name=resources/read,network.transport=pipe"},
	} {
		_, end := telemetry.Begin(t.Context(), tt.call)
		end(tt.end)
		all := spans.Ended()
		span := all[len(all)-1]
		if span.Name() != tt.name || encoded(attribute.NewSet(span.Attributes()...)) != tt.span {
			t.Errorf("%+v: span %q: %s", tt.call, span.Name(), encoded(attribute.NewSet(span.Attributes()...)))
		}
		if failed := span.Status().Code == codes.Error; failed != (tt.end.ErrorType != "") || span.Status().Description != tt.end.Message {
			t.Errorf("%+v: status %+v", tt.call, span.Status())
		}
		if all := durations(t, points, "mcp.server.operation.duration"); all[tt.metric] != 1 {
			t.Errorf("%+v: no point of %s: %v", tt.call, tt.metric, all)
		}
	}
}

// TestSessionTelemetry has each session become a point of its duration.
func TestSessionTelemetry(t *testing.T) {
	points := sdkmetric.NewManualReader()
	telemetry, err := newCallTelemetry(
		sdktrace.NewTracerProvider().Tracer("test"), sdkmetric.NewMeterProvider(sdkmetric.WithReader(points)).Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	telemetry.SessionEnded(mcp.Session{Transport: "tcp", HTTPVersion: "1.1", Protocol: "2025-06-18", Duration: time.Minute})
	const want = "mcp.protocol.version=2025-06-18,network.protocol.name=http,network.protocol.version=1.1,network.transport=tcp"
	if all := durations(t, points, "mcp.server.session.duration"); len(all) != 1 || all[want] != 1 {
		t.Errorf("%v", all)
	}
}

func encoded(set attribute.Set) string {
	return strings.ReplaceAll(set.Encoded(attribute.DefaultEncoder()), `\`, "")
}

// durations counts the points of a duration by attributes.
func durations(t *testing.T, r *sdkmetric.ManualReader, name string) map[string]uint64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name || m.Unit != "s" {
				continue
			}
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				counts[encoded(p.Attributes)] += p.Count
			}
		}
	}
	return counts
}
