package policy

import (
	"context"

	"tracecar/parser/script"
)

// RuleSteps are the names of the steps of Check.
func RuleSteps() (names []string) {
	for _, r := range rules {
		names = append(names, r.name)
	}
	return names
}

// CheckWithout is Check without one of its steps.
func CheckWithout(step string, ctx context.Context, role Role, s *script.Script, req Request, expand Expand) *Decision {
	var rest []rule
	for _, r := range rules {
		if r.name != step {
			rest = append(rest, r)
		}
	}
	return check(ctx, role, s, req, expand, rest)
}

var (
	Covers  = covers
	Overlap = overlap
)
