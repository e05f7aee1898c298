package collector

import (
	"context"
	"time"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// Decision tells whether a script may be run or validated, and why not.
type Decision struct {
	// Script is what was asked for, before its role bounded it.
	Script Script
	// Run is the run's id, "" for a validation.
	Run string
	// Role is the name of the role that decided.
	Role string
	// Allowed and Violations are the policy's words.
	Allowed    bool
	Violations []policy.Violation
	// AttachPoints is how many the script has after wildcards, as far as they
	// were counted.
	AttachPoints int
	// Start is when the policy was asked, Took how long it took.
	Start time.Time
	Took  time.Duration
}

// admit decides whether a script may run, bounds it by its role, and tells
// Options.Decided; run is the run's id, "" for a validation.
func (r *Runner) admit(ctx context.Context, s *Script, run string) (*script.Script, policy.Limits, error) {
	d := Decision{Script: *s, Run: run, Start: time.Now()}
	role := r.role(*s)
	parsed, p := r.decide(ctx, role, s)
	d.Role, d.Allowed, d.Violations, d.AttachPoints = role.Name, p.Allowed, p.Violations, p.AttachPoints
	d.Took = time.Since(d.Start)
	for _, tell := range r.opts.Decided {
		tell(d)
	}
	if !p.Allowed {
		return parsed, policy.Limits{}, &RefusedError{Role: role.Name, Decision: p}
	}
	r.bound(s, p.Limits)
	return parsed, p.Limits, nil
}
