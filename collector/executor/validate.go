package executor

import (
	"context"
	"time"
)

// Check is bpftrace's verdict on a script it did not run.
type Check struct {
	Valid bool
	Exit  *Exit
	// Diagnostics are what it said, hints of the executor's own included.
	// A valid script can have warnings.
	Diagnostics []Diagnostic
}

// validateDeadline leaves room for wildcards; a compile bomb takes minutes.
const validateDeadline = 60 * time.Second

// Validate has bpftrace parse and type-check a script and look up its probes,
// as it would to run it; nothing is loaded or attached. Up to 0.23 bpftrace
// accepts a kprobe, uprobe or usdt that does not exist. The error says that no
// verdict was reached.
func (b *Bpftrace) Validate(ctx context.Context, job Job) (*Check, error) {
	r := b.request(kindValidate)
	r.source, r.args, r.unsafe, r.dir = job.Source, job.Args, job.Unsafe, job.Dir
	a, err := b.ask(ctx, r, validateDeadline)
	if err != nil {
		return nil, err
	}
	c := &Check{Exit: a.exit, Valid: a.exit.Signal == 0 && a.exit.Code == 0}
	c.Diagnostics = append(ParseDiagnostics(a.exit.Stderr, job.Source), ParseDiagnostics(a.stdout, job.Source)...)
	c.Diagnostics = append(c.Diagnostics, a.exit.limitDiagnostics()...)
	b.AddHints(ctx, c.Diagnostics)
	return c, nil
}
