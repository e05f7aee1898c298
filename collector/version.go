package collector

import "context"

// Version returns the version of the installed bpftrace, such as "0.23.2".
func (r *Runner) Version(ctx context.Context) (string, error) {
	return r.version(ctx, r.opts.Helper != nil)
}

// ProbeSource returns the script that a probe runs on the installed bpftrace;
// false where none of its variants fits, or there is no bpftrace.
func (r *Runner) ProbeSource(ctx context.Context, p *Probe) (string, bool) {
	v, err := r.version(ctx, p.Sudo)
	if err != nil {
		return "", false
	}
	return p.source(v)
}
