package otlp

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
	"tracecar/collector/policy"
)

// TestDecisions: each decision is a span beside the run's, refusals with the
// rule and in no words of the script; what is scheduled has none.
func TestDecisions(t *testing.T) {
	p := executortest.Newest(t)
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, nil)
	r := collector.NewRunner(collector.Options{
		Bpftrace: p.Path, Observers: []collector.Observer{e.Observe}, Decided: []func(collector.Decision){e.Decided},
		Roles: func(collector.Script) policy.Role { return policy.Caller() },
	})
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
	}))
	script := func(source string) collector.Script {
		return collector.Script{Source: source, Trigger: "mcp", Context: ctx,
			Caller: collector.Caller{Name: "ci", Role: "caller", Client: "agent 1", Session: "some"}}
	}
	r.Run(t.Context(), script(`BEGIN { cat("/a-secret"); exit(); }`))
	r.Run(t.Context(), script(`BEGIN { exit(); }`))
	r.Validate(t.Context(), script(`BEGIN { curtask->a_secret; }`))
	scheduled := script(`BEGIN { exit(); }`)
	scheduled.Trigger, scheduled.Probe = "schedule", "p"
	r.Run(t.Context(), scheduled)
	flush(t, e)

	rec.mu.Lock()
	defer rec.mu.Unlock()
	var got []string
	for _, s := range rec.spans {
		attrs := keyValues(s.Attributes)
		if !strings.Contains(attrs, "tracecar.script.sha256=") || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%v", s)
		}
		if strings.Contains(s.String(), "secret") {
			t.Errorf("a span quotes the script: %v", s)
		}
		if s.TraceId[0] != 1 || s.ParentSpanId[0] != 2 {
			t.Errorf("%s is no child of who asked", s.Name)
		}
		for _, want := range []string{"tracecar.caller.name=ci", "tracecar.caller.client=agent 1", "tracecar.caller.session=some"} {
			if !strings.Contains(attrs, want) {
				t.Errorf("%s lacks %s: %s", s.Name, want, attrs)
			}
		}
		line := s.Name
		for _, word := range []string{"tracecar.decision=allowed", "tracecar.decision=refused", "tracecar.role=caller", "error.type=refused", "function", "user_memory"} {
			if strings.Contains(attrs, word) {
				line += " " + word
			}
		}
		got = append(got, line+" "+s.Status.GetMessage())
	}
	want := []string{
		"bpftrace decision tracecar.decision=refused tracecar.role=caller error.type=refused function function: a call of a function that the role does not allow",
		"bpftrace run error.type=refused function function: a call of a function that the role does not allow",
		"bpftrace decision tracecar.decision=allowed tracecar.role=caller ",
		"bpftrace run ",
		"bpftrace decision tracecar.decision=refused tracecar.role=caller error.type=refused user_memory user_memory: memory is read that the role does not allow",
		"bpftrace run p ",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
