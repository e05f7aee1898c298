package collector

import (
	"context"
	"slices"

	"tracecar/collector/policy"
)

// version of the bpftrace that a script would run on.
func (r *Runner) version(ctx context.Context, sudo bool) (string, error) {
	bt, err := r.bpftrace(ctx, sudo, policy.Limits{})
	if err != nil {
		return "", err
	}
	return bt.Version().String(), nil
}

// forgetProbe drops the ended runs of a scheduled probe.
func (r *Runner) forgetProbe(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs = slices.DeleteFunc(r.runs, func(run *Run) bool { return run.isDone() && run.script.Probe == name })
}
