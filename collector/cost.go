package collector

import (
	"context"
	"maps"

	"golang.org/x/sys/unix"

	"tracecar/collector/executor"
	"tracecar/collector/guard"
)

// Cost is what a run took from the machine. What is not known is left out.
type Cost struct {
	// KernelNS is how long the script's BPF programs ran, on all CPUs together,
	// in nanoseconds, and KernelRuns how often: the programs' own time, without
	// the kernel's way to them. Nil where the kernel does not say, or where the
	// script had ended before its programs were found. BEGIN and END of
	// bpftrace up to 0.22 are not in it.
	KernelNS   *int64  `json:"kernel_ns,omitempty"`
	KernelRuns *uint64 `json:"kernel_runs,omitempty"`
	// CPUNS is bpftrace's own CPU time from start to end, user and system, in
	// nanoseconds: compiling, attaching, printing.
	CPUNS int64 `json:"cpu_ns"`
	// MaxRSS is the most memory bpftrace held, in bytes, as far as seen: a
	// look every half second where the run has a budget.
	MaxRSS int64 `json:"max_rss,omitempty"`
	// RSS is what bpftrace holds now, its children included, in bytes: of a
	// live run only, and 0 where not known.
	RSS int64 `json:"-"`
}

// Guard bounds what runs may cost.
type Guard struct {
	// Budget holds for each run whose Script names none; the zero value is
	// no bound.
	guard.Budget
	// SumPercent bounds what all runs with a budget use together, in percent
	// of one CPU: past it the one that uses most is stopped. 0: no bound.
	SumPercent float64
}

// RootHandlers returns what a root helper answers for a Runner (executor.ServeHelper).
func RootHandlers() map[string]executor.Handler {
	return rootHandlers(newKernelMaps(), guard.NewMeters())
}

func rootHandlers(k *kernelMaps, m *guard.Meters) map[string]executor.Handler {
	all := maps.Clone(k.handlers())
	all[guard.Question] = m.Answer
	return all
}

// watch holds a run against its budget until ctx is done. It returns a
// diagnostic where that could not be done, or only in part.
func (r *Runner) watch(ctx context.Context, run *Run, cost *guard.Run, over chan<- Diagnostic) *Diagnostic {
	budget := run.script.Budget
	if budget == (guard.Budget{}) {
		budget = r.budget()
	}
	if !budget.Bounds() {
		return nil
	}
	err := r.guard.Watch(ctx, cost, budget, func(rep guard.Report) {
		select {
		case over <- Diagnostic{Severity: "error", Message: rep.Message(), Hint: rep.Hint()}:
		default: // it is past another limit already
		}
	})
	if err != nil {
		return &Diagnostic{Severity: "warning", Message: "the run was not held to its budget: " + err.Error()}
	}
	if why := cost.Last().Unknown; why != "" && budget.CPUPercent > 0 {
		return &Diagnostic{Severity: "warning", Message: "only bpftrace's own CPU time was held to the budget, not what the probes cost in the kernel: " + why}
	}
	return nil
}

// costOf is what a run cost; exit is nil while it lives.
func costOf(s guard.Sample, exit *executor.Exit) *Cost {
	c := &Cost{CPUNS: int64(s.CPU), MaxRSS: s.MaxRSS}
	if s.Whole {
		ns := int64(s.Kernel)
		c.KernelNS, c.KernelRuns = &ns, &s.Runs
	}
	if exit == nil {
		c.RSS = s.RSS
		return c
	}
	if own := exit.UserTime + exit.SystemTime; own > 0 {
		c.CPUNS = int64(own)
	}
	// A child's peak includes its parent's: between fork and exec they share
	// one memory. A larger one is its own.
	if exit.MaxRSS > ownMaxRSS() {
		c.MaxRSS = max(c.MaxRSS, exit.MaxRSS)
	}
	return c
}

// ownMaxRSS is the most memory this process ever held, in bytes.
func ownMaxRSS() int64 {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return ru.Maxrss * 1024
}

// Cost returns what a live run has cost so far, or what an ended one cost; nil
// where there never was a bpftrace.
func (r *Run) Cost() *Cost {
	r.mu.Lock()
	l, state := r.live, r.state
	r.mu.Unlock()
	switch {
	case state != nil:
		return state.Cost
	case l == nil:
		return nil
	}
	s, err := l.cost.Cost()
	if err != nil && s.At == 0 {
		return nil
	}
	return costOf(s, nil)
}
