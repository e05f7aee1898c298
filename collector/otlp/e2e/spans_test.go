package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"tracecar/e2e/backend"
)

// eventsConfig makes spans and log records of what testdata/events.bt prints.
const eventsConfig = `
otlp: {endpoint: %q, interval: 2s}
probes:
  - name: events
    file: %q
    logs: warn
    spans:
      - printf: 2
        name: "took {{.3}}"
        kind: client
        start: 1
        duration: 2
        unit: us
        attributes: {http.request.method: 3}
      - printf: "child %%llu %%llu %%s\n"
        name: child
        start: 1
        end: 2
        trace_parent: 3
      - printf: 4
        end_printf: 5
        name: "pair {{.1}}"
        start: nsecs
        end: arg1
        key: [1]
      - printf: 6
        end_printf: 7
        name: same
        start: nsecs
        end: nsecs
        key: [id]
        attributes: {id: id}
  - name: windows
    every: 1s
    duration: 300ms
    script: 'interval:ms:50 { @n = count(); }'
`

// What events.bt prints, and clients send, of other people's traces.
const (
	foreignTrace = "0af7651916cd43dd8448eb211c80319c"
	foreignSpan  = "b7ad6b7169203331"
	traceparent  = "00-" + foreignTrace + "-" + foreignSpan + "-01"
)

// TestEvents has what scripts print arrive as spans, with the kernel's times,
// and as log records.
func TestEvents(t *testing.T) {
	for _, version := range backend.Bpftraces(t) {
		t.Run(version.Version, func(t *testing.T) {
			collector := backend.NewCollector(t, nil)
			began := time.Now()
			tracecar := backend.NewTracecar(t, version, fmt.Sprintf(eventsConfig, collector.GRPC, testdata(t, "events.bt")))

			took := span(t, collector, "took GET")
			if took.Kind != ptrace.SpanKindClient || took.End.Sub(took.Start) != 1500*time.Microsecond ||
				took.Attributes["http.request.method"] != "GET" || took.Attributes["tracecar.probe"] != "events" {
				t.Errorf("%+v", took)
			}
			child := span(t, collector, "child")
			if child.Trace != foreignTrace || child.Parent != foreignSpan {
				t.Errorf("%+v", child)
			}
			pair := span(t, collector, "pair 1")
			// Durations are the difference of what the script printed, to the nanosecond.
			for _, s := range []backend.Span{child, pair} {
				from, _ := s.Attributes["nsecs"].(int64)
				to, _ := s.Attributes["arg1"].(int64)
				if d := s.End.Sub(s.Start); d < time.Millisecond || d != time.Duration(to-from) {
					t.Errorf("%v, printed were %d to %d: %+v", d, from, to, s)
				}
			}
			for _, s := range []backend.Span{took, child, pair} {
				// The kernel's clock is put on the wall's once: by far less than a second.
				if s.Start.Before(began.Add(-time.Second)) || s.End.After(time.Now().Add(time.Second)) {
					t.Errorf("%s from %v to %v", s.Name, s.Start, s.End)
				}
			}

			// What both printfs call nsecs is each one's own.
			if same := span(t, collector, "same"); !same.End.After(same.Start) || same.Attributes["id"] != int64(9) {
				t.Errorf("%+v", same)
			}

			line := logRecord(t, collector, "tick 7 x, y")
			if line.Severity != plog.SeverityNumberWarn || line.Attributes["tracecar.probe"] != "events" ||
				line.Attributes["bpftrace.type"] != "printf" || line.Observed.Before(began) {
				t.Errorf("%+v", line)
			}

			window := span(t, collector, "bpftrace run windows")
			if window.Attributes["tracecar.run.status"] != "timed_out" || window.Attributes["tracecar.probe"] != "windows" ||
				window.Status == ptrace.StatusCodeError || window.Attributes["tracecar.run.probes_attached"] != int64(1) {
				t.Errorf("%+v", window)
			}
			if d := window.End.Sub(window.Start); d < 300*time.Millisecond {
				t.Errorf("a window of 300 ms took %v", d)
			}

			tracecar.Stop()
			run := span(t, collector, "bpftrace run events")
			if run.Attributes["tracecar.run.id"] != line.Attributes["tracecar.run.id"] || line.Trace != run.Trace || line.Span != run.ID {
				t.Errorf("the line %+v is not of the run %+v", line, run)
			}
			noLogOf(t, collector, "took", "child", "open", "shut")
		})
	}
}

// TestMCPSpans follows one call of a tool: the caller's span is the parent of
// the server's, that of the run's.
func TestMCPSpans(t *testing.T) {
	collector := backend.NewCollector(t, nil)
	version := backend.Bpftraces(t)[0]
	tracecar := backend.NewTracecar(t, version, fmt.Sprintf("otlp: {endpoint: %q, interval: 2s}\n", collector.GRPC))
	client := backend.NewClient(t, tracecar)
	httpTrace := strings.Repeat("c", 32)
	result := client.Tool("execute_bpftrace_script",
		map[string]any{"script": `BEGIN { printf("hello\n"); @x = count(); exit(); }`},
		map[string]any{"traceparent": traceparent},
		http.Header{"Traceparent": {"00-" + httpTrace + "-" + strings.Repeat("d", 16) + "-01"}})
	if result["status"] != "completed" {
		t.Fatalf("%v", result)
	}

	server := span(t, collector, "tools/call execute_bpftrace_script")
	if server.Kind != ptrace.SpanKindServer || server.Trace != foreignTrace || server.Parent != foreignSpan {
		t.Errorf("not a server's span under the caller's: %+v", server)
	}
	for key, value := range map[string]any{
		"mcp.method.name": "tools/call", "gen_ai.tool.name": "execute_bpftrace_script",
		"network.transport": "tcp", "jsonrpc.request.id": "2", "network.protocol.name": "http",
		"mcp.protocol.version": "2025-06-18", "client.address": "127.0.0.1",
	} {
		if server.Attributes[key] != value {
			t.Errorf("%s is %v, want %v", key, server.Attributes[key], value)
		}
	}
	// Who knows a session's id can use it: telemetry has a digest.
	if id, _ := server.Attributes["mcp.session.id"].(string); id == "" || strings.Contains(id, client.Session()) {
		t.Errorf("mcp.session.id is %q", id)
	}
	if len(server.Links) != 1 || server.Links[0].Trace != httpTrace {
		t.Errorf("the HTTP request's span is not linked: %+v", server.Links)
	}
	run := span(t, collector, "bpftrace run")
	if run.Trace != foreignTrace || run.Parent != server.ID || run.Attributes["tracecar.trigger"] != "mcp" ||
		run.Attributes["tracecar.run.status"] != "completed" {
		t.Errorf("not the call's run: %+v", run)
	}
	if line := logRecord(t, collector, "hello"); line.Span != run.ID || line.Trace != foreignTrace {
		t.Errorf("not the run's line: %+v", line)
	}

	// Each request is a span, not only what calls a tool.
	if _, err := client.Request("prompts/list", nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Request("tools/call", map[string]any{"name": "made_up"}); err == nil {
		t.Error("there is a tool made_up")
	}
	for name, code := range map[string]any{"initialize": nil, "prompts/list": nil, "tools/call": "-32602"} {
		s := span(t, collector, name)
		if s.Kind != ptrace.SpanKindServer || s.Attributes["mcp.protocol.version"] != "2025-06-18" ||
			s.Attributes["rpc.response.status_code"] != code || s.Attributes["error.type"] != code {
			t.Errorf("%+v", s)
		}
	}

	// A failure is an error on both.
	client.Tool("execute_bpftrace_script", map[string]any{"script": `BEGIN { nonsense(); }`}, nil, nil)
	backend.Until(t, "a failed call", func() error {
		spans, err := collector.Spans()
		if err != nil {
			return err
		}
		failed := map[string]bool{}
		for _, s := range spans {
			if s.Status == ptrace.StatusCodeError && s.Attributes["error.type"] != nil {
				failed[s.Name] = true
			}
		}
		if !failed["bpftrace run"] || !failed["tools/call execute_bpftrace_script"] {
			return fmt.Errorf("failed: %v", failed)
		}
		return nil
	})
	backend.Until(t, "mcp.server.operation.duration", func() error {
		points, err := collector.Points()
		if err != nil {
			return err
		}
		had := map[any]uint64{} // by error.type
		listed := uint64(0)
		for _, p := range points {
			if p.Name == "mcp.server.operation.duration" && p.Unit == "s" && p.Attributes["gen_ai.tool.name"] == "execute_bpftrace_script" {
				had[p.Attributes["error.type"]] = p.Count
			}
			if p.Name == "mcp.server.operation.duration" && p.Attributes["mcp.method.name"] == "prompts/list" {
				listed = p.Count
			}
			if p.Name == "mcp.server.operation.duration" && p.Attributes["gen_ai.tool.name"] == "made_up" {
				t.Error("a name that a client made up is an attribute of a metric")
			}
		}
		if had[nil] != 1 || had["tool_error"] != 1 || listed != 1 {
			return fmt.Errorf("calls by error: %v; %d times prompts/list", had, listed)
		}
		return nil
	})
}

// TestAPISpans has a run of the JSON API, and the decision about it, below
// the caller's span.
func TestAPISpans(t *testing.T) {
	collector := backend.NewCollector(t, nil)
	tracecar := backend.NewTracecar(t, backend.Bpftraces(t)[0], fmt.Sprintf("otlp: {endpoint: %q, interval: 2s}\n", collector.GRPC))
	req, err := http.NewRequest(http.MethodPost, tracecar.URL+"/api/mcp",
		strings.NewReader(`{"method": "execute_bpftrace_script", "params": {"script": "BEGIN { exit(); }"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Traceparent", traceparent)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	for _, name := range []string{"bpftrace decision", "bpftrace run"} {
		if s := span(t, collector, name); s.Trace != foreignTrace || s.Parent != foreignSpan {
			t.Errorf("not below the caller's span: %+v", s)
		}
	}
}

// span waits for the first span of that name.
func span(t *testing.T, c *backend.Collector, name string) backend.Span {
	t.Helper()
	var found backend.Span
	backend.Until(t, "span "+name, func() error {
		spans, err := c.Spans()
		if err != nil {
			return err
		}
		names := map[string]int{}
		for _, s := range spans {
			if s.Name == name {
				found = s
				return nil
			}
			names[s.Name]++
		}
		return fmt.Errorf("received: %v", names)
	})
	return found
}

// logRecord waits for the first with that body.
func logRecord(t *testing.T, c *backend.Collector, body string) backend.Log {
	t.Helper()
	var found backend.Log
	backend.Until(t, "log record "+body, func() error {
		logs, err := c.Logs()
		if err != nil {
			return err
		}
		for _, l := range logs {
			if l.Body == body {
				found = l
				return nil
			}
		}
		return fmt.Errorf("not among %d", len(logs))
	})
	return found
}

// noLogOf wants no record that begins so: such lines are spans.
func noLogOf(t *testing.T, c *backend.Collector, beginnings ...string) {
	t.Helper()
	logs, err := c.Logs()
	if err != nil {
		t.Error(err)
	}
	for _, l := range logs {
		for _, b := range beginnings {
			if text, _ := l.Body.(string); strings.HasPrefix(text, b) {
				t.Errorf("a span's line is a log record too: %q", text)
				return
			}
		}
	}
}
