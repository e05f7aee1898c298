package collector

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"tracecar/collector/executor"
	"tracecar/collector/guard"
)

// Runner runs scripts: every trigger calls it, so limits, parsing and export
// happen once. It is safe for concurrent use.
type Runner struct {
	opts      Options
	admission *admission
	scheduled *admission
	kernel    *kernelMaps
	meters    *guard.Meters
	guard     *guard.Guard
	grace     executor.Grace // zero but in tests
	live      sync.WaitGroup

	mu     sync.Mutex
	closed bool
	bounds Guard  // Options.Guard, or what SetGuard made of it
	runs   []*Run // oldest first: live ones, and finished ones that are kept
}

// forever is longer than any process lives.
const forever = 100 * 365 * 24 * time.Hour

// maxScheduledRows bounds the rows per map of scheduled probes: exporters have
// their own bound, and want to count what they leave out.
const maxScheduledRows = 1 << 20

// NewRunner returns a Runner. Nothing is started before the first call.
func NewRunner(o Options) *Runner {
	o = o.withDefaults()
	return &Runner{
		opts:      o,
		admission: newAdmission(o.MaxRuns, o.Queue, o.QueueWait),
		scheduled: newAdmission(o.MaxScheduled, math.MaxInt, forever),
		kernel:    newKernelMaps(),
		meters:    guard.NewMeters(),
		guard:     guard.New(o.Guard.SumPercent),
		bounds:    o.Guard,
	}
}

// Options returns the options that the runner was made with, the defaults
// filled in.
func (r *Runner) Options() Options { return r.opts }

// SetGuard replaces Options.Guard: the sum at once, what else it says for runs
// that begin from now on.
func (r *Runner) SetGuard(g Guard) {
	r.guard.SetSum(g.SumPercent)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bounds = g
}

// budget is that of runs whose Script names none.
func (r *Runner) budget() guard.Budget {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bounds.Budget
}

// Run runs one script to its end, or until ctx is cancelled (then bpftrace is
// stopped and the Result, with all that was printed, says cancelled). It
// always gives a Result; what went wrong stands in its Status and Diagnostics.
func (r *Runner) Run(ctx context.Context, s Script, sinks ...Sink) *Result {
	run := r.Begin(ctx, s, sinks...)
	<-run.done
	res, _ := run.Result(0)
	return res
}

// Begin is Run for callers that want to watch: the run ends with ctx, keeps
// its first events, and is forgotten when it is done.
func (r *Runner) Begin(ctx context.Context, s Script, sinks ...Sink) *Run {
	return r.begin(ctx, s, false, sinks)
}

// Start starts a script and returns its handle; the run outlives the caller,
// keeps its newest events, and can be had by Get for a while after its end. A
// script that cannot be started still gives a Run, already done or soon.
func (r *Runner) Start(s Script, sinks ...Sink) *Run {
	return r.begin(context.Background(), s, true, sinks)
}

func (r *Runner) begin(ctx context.Context, s Script, keep bool, sinks []Sink) *Run {
	if s.Context == nil {
		s.Context = context.WithoutCancel(ctx)
	}
	if s.Probe != "" {
		def(&s.MaxRows, maxScheduledRows)
	}
	def(&s.MaxEvents, r.opts.MaxEvents)
	def(&s.MaxRows, r.opts.MaxRows)
	for _, observe := range r.opts.Observers {
		if sink := observe(s); sink != nil {
			sinks = append(sinks[:len(sinks):len(sinks)], sink)
		}
	}
	run := newRun(s, keep, r.opts)
	run.sinks = sinks
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		run.refuse(errors.New("tracecar is shutting down"))
		return run
	}
	r.prune()
	r.runs = append(r.runs, run)
	r.live.Add(1)
	r.mu.Unlock()
	go func() {
		defer r.live.Done()
		r.execute(ctx, run)
		if !keep {
			r.forget(run)
		}
	}()
	return run
}

// Get returns a live or kept run by id.
func (r *Runner) Get(id string) (*Run, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prune()
	for _, run := range r.runs {
		if run.id == id {
			return run, true
		}
	}
	return nil, false
}

// List returns the live runs and the kept ones, newest first.
func (r *Runner) List() []*Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prune()
	list := slices.Clone(r.runs)
	slices.Reverse(list)
	return list
}

// prune forgets finished runs that are too old or too many; of a scheduled
// probe the newest is kept. mu is held.
func (r *Runner) prune() {
	kept, newest := 0, map[string]bool{}
	for i := len(r.runs) - 1; i >= 0; i-- {
		if !r.runs[i].isDone() {
			continue
		}
		if probe := r.runs[i].script.Probe; probe != "" {
			if newest[probe] {
				r.runs = slices.Delete(r.runs, i, i+1)
			}
			newest[probe] = true
			continue
		}
		if kept++; kept > r.opts.KeepRuns || time.Since(r.runs[i].endedAt()) > r.opts.KeepFor {
			r.runs = slices.Delete(r.runs, i, i+1)
		}
	}
}

func (r *Runner) forget(run *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.runs, run); i >= 0 {
		r.runs = slices.Delete(r.runs, i, i+1)
	}
}

// Close stops all runs, waits until bpftrace has gone or ctx ends, and
// refuses new ones. It is idempotent.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	for _, run := range r.runs {
		run.Stop()
	}
	r.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		r.live.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
