package collector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"tracecar/collector/executor"
	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// RefusedError says that the caller's role does not allow a script.
type RefusedError struct {
	Role     string
	Decision *policy.Decision
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("role %s does not allow this: %s", e.Role, e.Decision.Reason())
}

// role is that of whoever asks for s; without Options.Roles everybody is the operator.
func (r *Runner) role(s Script) policy.Role {
	if r.opts.Roles == nil {
		return policy.Operator()
	}
	return r.opts.Roles(s)
}

// decide asks the policy. Nothing has been given to bpftrace before: its
// compiler reads files. The parsed script is nil where it is too long to parse.
func (r *Runner) decide(ctx context.Context, role policy.Role, s *Script) (*script.Script, *policy.Decision) {
	if d := policy.TooLong(role, s.Source); d != nil { // parsing takes time and memory by its length
		return nil, d
	}
	parsed := parseLive(s.Source)
	req := policy.Request{
		Args: s.Args, Unsafe: s.Unsafe, Library: s.Library,
		Fields: policy.EventFields(os.DirFS("/sys/kernel/tracing")),
	}
	expand := func(ctx context.Context, pattern string) (int, error) {
		bt, err := r.bpftrace(ctx, s.Sudo, policy.Limits{})
		if err != nil {
			return 0, err
		}
		return bt.Count(ctx, pattern)
	}
	return parsed, policy.Check(ctx, role, parsed, req, expand)
}

// bound narrows what a script asks for to what its role may have.
func (r *Runner) bound(s *Script, l policy.Limits) {
	capTo(&s.MaxEvents, l.MaxEvents)
	capTo(&s.MaxRows, l.MaxRows)
	if l.MaxTimeout > 0 && (s.Timeout == 0 || s.Timeout > l.MaxTimeout) {
		s.Timeout = l.MaxTimeout
	}
	if l.CPUPercent > 0 && s.Budget.CPUPercent == 0 {
		s.Budget.CPUPercent = l.CPUPercent
		def(&s.Budget.Window, r.budget().Window)
	}
}

func capTo(v *int, limit int) {
	if limit > 0 && (*v == 0 || *v > limit) {
		*v = limit
	}
}

// narrowed are the limits of every bpftrace, made narrower by a role.
func narrowed(o executor.Limits, l policy.Limits) executor.Limits {
	capTo(&o.MaxMapKeys, l.MaxMapKeys)
	capTo(&o.MaxStrlen, l.MaxStrlen)
	capTo(&o.MaxProbes, l.MaxAttachPoints)
	if l.Memory > 0 && (o.Memory == 0 || l.Memory < o.Memory) {
		o.Memory = l.Memory
	}
	if l.CompileTimeout > 0 && (o.CompileCPU == 0 || l.CompileTimeout < o.CompileCPU) {
		o.CompileCPU = l.CompileTimeout // the compiler has one thread: it uses no more CPU than time
	}
	return o
}

// refusal words a refused script: one diagnostic per rule it broke.
func refusal(err error, source string) []Diagnostic {
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return nil
	}
	lines := strings.Split(source, "\n")
	var out []Diagnostic
	for _, v := range refused.Decision.Violations {
		d := Diagnostic{
			Severity: "error", Rule: v.Rule, Line: v.Pos.Line, Column: v.Pos.Column,
			Message: fmt.Sprintf("%s (rule %s of role %s)", v.Message, v.Rule, refused.Role),
		}
		if v.Pos.Line > 0 && v.Pos.Line <= len(lines) {
			d.Source = lines[v.Pos.Line-1]
		}
		if v.Allowed != "" {
			d.Hint = "allowed: " + v.Allowed
		}
		out = append(out, d)
	}
	return slices.Clip(out)
}
