package collector

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"tracecar/collector/executor"
	"tracecar/collector/guard"
	"tracecar/collector/kernelmap"
	"tracecar/collector/mapkey"
	"tracecar/collector/policy"
	"tracecar/parser"
	"tracecar/parser/script"
)

// startTimeout bounds the start of a process; sudo can hang on a password
// server.
const startTimeout = 30 * time.Second

// execute takes one run from admission to its Result.
func (r *Runner) execute(ctx context.Context, run *Run) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, run.Stop)()
	admission := r.admission
	if run.script.Probe != "" {
		admission = r.scheduled
	}
	if err := admission.enter(run.stopContext(ctx)); err != nil {
		run.refuse(err)
		return
	}
	defer admission.leave()

	bt, proc, err := r.launch(ctx, run)
	if refused := refusal(err, run.script.Source); refused != nil {
		run.refuse(err, refused...)
		return
	}
	if err != nil {
		run.begun()
		run.end(outcome{err: err, cancelled: ctx.Err() != nil || run.stopped()}, nil)
		return
	}
	defer proc.Close()
	hold := r.kernel.hold(proc, run.script.Snapshots || run.fold.needsKernel())
	defer hold.release()
	cost := guard.Begin(proc)
	defer func() { _, _ = cost.End() }() // idempotent: the error is looked at below
	run.setLive(proc, hold, cost)
	run.begun()

	over := make(chan Diagnostic, 2) // what it prints, and what it costs
	unguarded := make(chan *Diagnostic, 1)
	guardCtx, unguard := context.WithCancel(ctx)
	defer unguard()
	go func() { unguarded <- r.watch(guardCtx, run, cost, over) }()
	var o outcome
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		o.timedOut, o.cancelled, o.limit = run.wait(proc, over, r.opts, func() {
			hold.attached()
			cost.Attached()
		})
		proc.Stop()
	}()
	o2 := r.read(run, proc, over)
	exit, lost := proc.Wait()
	<-watched
	unguard()
	o.exit, o.err, o.lost, o.unguarded = exit, errors.Join(o2, lost), lost != nil, <-unguarded
	if sample, err := cost.End(); err == nil || sample.At > 0 {
		o.cost = costOf(sample, exit)
	}
	// A script that ended by itself just as its time was up did not time out.
	o.timedOut = o.timedOut && exit.Stopped
	o.cancelled = o.cancelled && exit.Stopped
	if exit.Code != 0 && !exit.Stopped && run.AttachedAt().IsZero() {
		bt.AddHints(run.stopContext(ctx), exit.Diagnostics)
	}
	run.end(o, hold.tables(run.fold.script, run.version))
}

// launch finds bpftrace and starts the script.
func (r *Runner) launch(ctx context.Context, run *Run) (*executor.Bpftrace, *executor.Process, error) {
	ctx, cancel := context.WithTimeout(run.stopContext(ctx), startTimeout)
	defer cancel()
	bounded := run.script
	parsed, limits, err := r.admit(ctx, &bounded, run.id)
	if err != nil {
		return nil, nil, err
	}
	run.bound(bounded, limits)
	bt, err := r.bpftrace(ctx, run.script.Sudo, limits)
	if err != nil {
		return nil, nil, err
	}
	run.mu.Lock()
	run.version = bt.Version().String()
	run.fold.Translator = NewTranslator(parsed, run.version, run.script.MaxRows)
	run.mu.Unlock()
	source := run.script.Source
	if run.script.Snapshots {
		source += run.prepareSignal(ctx, bt, parsed)
	}
	proc, err := bt.Start(ctx, executor.Job{Source: source, Args: run.script.Args, Unsafe: run.script.Unsafe})
	return bt, proc, err
}

// prepareSignal decides how bpftrace can be asked for those maps that the
// kernel's copy does not tell, and returns what to append to the script.
func (r *Run) prepareSignal(ctx context.Context, bt *executor.Bpftrace, s *script.Script) string {
	if !bt.Version().AtLeast(0, 22) {
		// Its prints bear no mark: they could not be told from the script's own.
		for i := range s.Maps {
			if r.fold.prints(s.Maps[i].Name) {
				r.mu.Lock()
				r.unasked = unaskedEarly(s)
				r.mu.Unlock()
				return ""
			}
		}
		r.way, r.fold.ownPrints = printsItself, true
		return ""
	}
	if kernelmap.Verified(r.version) && !formattedByBpftrace(s, bt.Version().AtLeast(0, 24)) {
		return ""
	}
	mark, own := newMark(), ownPrints(s)
	r.mu.Lock()
	r.unasked = own
	r.mu.Unlock()
	probe := signalProbe(s, mark, own)
	if probe == "" {
		return ""
	}
	// What cannot be compiled with the probe has to run without it.
	job := executor.Job{Source: r.script.Source + probe, Args: r.script.Args, Unsafe: r.script.Unsafe}
	if check, err := bt.Validate(ctx, job); err != nil || !check.Valid {
		return ""
	}
	r.mu.Lock()
	r.way, r.mark, r.fold.ownProbes = appended, mark, 1
	r.mu.Unlock()
	return probe
}

func (r *Runner) bpftrace(ctx context.Context, sudo bool, l policy.Limits) (*executor.Bpftrace, error) {
	return executor.Find(ctx, executor.Config{
		Path:     r.opts.Bpftrace,
		Sudo:     sudo,
		Helper:   r.opts.Helper,
		Handlers: rootHandlers(r.kernel, r.meters),
		Limits:   narrowed(r.opts.Limits, l),
		Grace:    r.grace,
	})
}

// read takes everything that bpftrace prints, until EOF, whatever happens.
func (r *Runner) read(run *Run, proc *executor.Process, over chan<- Diagnostic) error {
	out := proc.Output()
	rd := parser.NewReader(out, parser.WithVersion(run.version))
	rd.SkipText(run.skipsText())
	limited := false
	for {
		if !rd.Scan() {
			return rd.Err()
		}
		rec := rd.Record()
		if rec.Type == parser.TypeAttachedProbes {
			proc.SetAttachPoints(int(rec.Count))
		}
		if run.record(rd) {
			for _, s := range run.sinks {
				s.Record(rec)
			}
		}
		if limited {
			continue
		}
		if why := r.pastLimit(run, out.Bytes()); why != "" {
			limited = true
			over <- Diagnostic{Severity: "error", Message: why}
		}
	}
}

func (r *Runner) pastLimit(run *Run, bytes uint64) string {
	most := r.opts.MaxOutput
	if run.script.Probe != "" {
		most = math.MaxUint64 // it may print for months
	}
	if l := run.limits.MaxOutput; l > 0 {
		most = min(most, l)
	}
	switch {
	case bytes > most:
		return fmt.Sprintf("the script was stopped: it printed more than %d bytes", most)
	case run.fold.helperErrors > r.opts.MaxHelperErrors:
		return fmt.Sprintf("the script was stopped: more than %d helper errors", r.opts.MaxHelperErrors)
	}
	return ""
}

// wait watches a live run until it should be stopped, or has ended.
func (r *Run) wait(proc *executor.Process, over <-chan Diagnostic, o Options, onAttach func()) (timedOut, cancelled bool, limit *Diagnostic) {
	patience := o.AttachTimeout
	if l := r.limits.CompileTimeout; l > 0 {
		patience = min(patience, l)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	attached := proc.Attached()
	var clock <-chan time.Time
	for {
		select {
		case <-attached:
			attached = nil
			late.Stop()
			r.setAttached()
			onAttach()
			if r.script.Timeout > 0 {
				t := time.NewTimer(r.script.Timeout)
				defer t.Stop()
				clock = t.C
			}
		case <-clock:
			return true, false, nil
		case <-late.C:
			return false, false, &Diagnostic{Severity: "error",
				Message: fmt.Sprintf("the script was stopped: its probes were not attached within %v", patience)}
		case past := <-over:
			return false, false, &past
		case <-r.stop:
			return false, true, nil
		case <-proc.Done():
			select {
			case <-attached:
				r.setAttached()
			default:
			}
			return false, false, nil
		}
	}
}

// needsKernel tells whether this script has keys that bpftrace may print
// inexactly, or maps of which only the kernel tells whether they were empty
// at the end, or full.
func (f *fold) needsKernel() bool {
	for i := range f.script.Maps {
		m := &f.script.Maps[i]
		if m.Keys != nil && mapkey.NeedsKernel(f.dialect, m.Keys, m.KeyUnclear) ||
			m.Kind == script.KindLhist && f.dialect.MislabelsLhist ||
			f.dialect.SilentWhenFull && (len(m.Keys) > 0 || m.KeyUnclear) ||
			f.prints(m.Name) && f.removesKeys(m.Name) {
			return true
		}
	}
	return false
}
