package otlp

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tracecar/collector"
	"tracecar/collector/policy"
)

// Decided makes a span of a decision, beside that of the run it is about: one
// of collector.Options.Decided. What the operator himself has scheduled is not
// decided about.
func (e *Exporter) Decided(d collector.Decision) {
	if d.Script.Trigger == "schedule" {
		return
	}
	parent := d.Script.Context
	if parent == nil {
		parent = context.Background()
	}
	outcome := "refused"
	if d.Allowed {
		outcome = "allowed"
	}
	kvs := append(callerAttributes(d.Script),
		attribute.String("tracecar.script.sha256", hash(d.Script.Source)),
		attribute.String("tracecar.decision", outcome),
		attribute.Int("tracecar.decision.attach_points", d.AttachPoints),
	)
	if d.Role != "" { // that of the caller may be empty, which stands for one
		kvs = append(kvs, attribute.String("tracecar.role", text(d.Role)))
	}
	if d.Run != "" {
		kvs = append(kvs, attribute.String("tracecar.run.id", d.Run))
	}
	if s := d.Script; s.Name != "" {
		kvs = append(kvs, attribute.String("tracecar.script.name", text(s.Name)))
	}
	_, span := e.Tracer().Start(parent, "bpftrace decision", trace.WithTimestamp(d.Start), trace.WithAttributes(kvs...))
	if !d.Allowed {
		refusedBy(span, rulesOf(d.Violations))
	}
	span.End(trace.WithTimestamp(d.Start.Add(d.Took)))
}

// callerAttributes say who asks.
func callerAttributes(s collector.Script) (kvs []attribute.KeyValue) {
	for _, a := range []struct{ key, value string }{
		{"tracecar.trigger", s.Trigger}, {"tracecar.caller.name", s.Caller.Name},
		{"tracecar.caller.client", s.Caller.Client}, {"tracecar.caller.session", s.Caller.Session},
	} {
		if a.value != "" {
			kvs = append(kvs, attribute.String(a.key, text(a.value)))
		}
	}
	return kvs
}

// refusedBy marks a span as that of a refusal; with no rule it was another
// reason than the policy.
func refusedBy(span trace.Span, rules []string) {
	span.SetAttributes(attribute.String("error.type", "refused"))
	why := ""
	if len(rules) > 0 {
		span.SetAttributes(attribute.StringSlice("tracecar.policy.rules", rules))
		// Not the policy's own words, which may quote the script.
		why = rules[0] + ": " + policy.Meaning(rules[0])
	}
	span.SetStatus(codes.Error, why)
}

// rulesOf are the rules broken, each once, in order.
func rulesOf(violations []policy.Violation) (rules []string) {
	for _, v := range violations {
		if !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	return rules
}
