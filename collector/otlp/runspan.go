package otlp

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tracecar/collector"
)

// beginSpan opens the run's span, a child of what the trigger has open.
func (r *runState) beginSpan() {
	s := r.info.Script
	name := "bpftrace run"
	kvs := []attribute.KeyValue{
		attribute.String("tracecar.run.id", r.info.ID),
		attribute.String("tracecar.script.sha256", r.hash),
	}
	if s.Name != "" {
		kvs = append(kvs, attribute.String("tracecar.script.name", text(s.Name)))
	}
	if s.Probe != "" {
		name += " " + text(s.Probe)
		kvs = append(kvs, attribute.String(attrProbe, text(s.Probe)))
	}
	kvs = append(kvs, callerAttributes(s)...)
	if r.info.Version != "" {
		kvs = append(kvs, attribute.String("bpftrace.version", text(r.info.Version)))
	}
	r.ctx, r.span = r.e.Tracer().Start(r.parent(), name, trace.WithTimestamp(r.info.Started), trace.WithAttributes(kvs...))
}

// parent is the context of whoever asked for the run.
func (r *runState) parent() context.Context {
	if r.info.Context != nil {
		return r.info.Context
	}
	return context.Background()
}

// endSpan closes the run's span with what came of the run. A time-out and a
// stop are normal ends.
func (r *runState) endSpan(res *collector.Result) {
	r.span.SetAttributes(
		attribute.String("tracecar.run.status", string(res.Status)),
		attribute.Int("tracecar.run.exit_code", res.ExitCode),
		attribute.Int64("tracecar.run.probes_attached", res.ProbesAttached),
		attribute.Int64("tracecar.run.records", r.records),
		attribute.Int64("tracecar.run.lost_events", int64(res.LostEvents)),
		attribute.Int64("tracecar.run.truncated_rows", int64(res.Truncated.Rows)),
		attribute.Int64("tracecar.run.truncated_events", int64(res.Truncated.Events)),
	)
	if c := res.Cost; c != nil {
		r.span.SetAttributes(attribute.Int64("tracecar.run.cpu_ns", c.CPUNS))
		if c.KernelNS != nil && c.KernelRuns != nil {
			r.span.SetAttributes(attribute.Int64("tracecar.run.kernel_ns", *c.KernelNS), attribute.Int64("tracecar.run.kernel_runs", int64(*c.KernelRuns)))
		}
	}
	switch res.Status {
	case collector.StatusFailed, collector.StatusRefused, collector.StatusKilled:
		r.span.SetAttributes(attribute.String("error.type", string(res.Status)))
		r.span.SetStatus(codes.Error, firstProblem(res))
	}
	if rules := brokenRules(res); len(rules) > 0 {
		refusedBy(r.span, rules)
	}
	r.span.End()
}

// maxStatus bounds the text of a span's status, in bytes.
const maxStatus = 500

func firstProblem(res *collector.Result) string {
	for _, d := range res.Diagnostics {
		if d.Severity == "error" && !d.Noise {
			msg := text(d.Message)
			if len(msg) > maxStatus {
				msg = text(msg[:maxStatus]) + "…"
			}
			return msg
		}
	}
	return string(res.Status)
}

// brokenRules are the policy's rules that res was refused by, each once.
func brokenRules(res *collector.Result) (rules []string) {
	for _, d := range res.Diagnostics {
		if d.Rule != "" && !slices.Contains(rules, d.Rule) {
			rules = append(rules, d.Rule)
		}
	}
	return rules
}
