package guard

import (
	"context"
	"sync"
	"time"
)

// How often a run with a budget is measured: once every poll, or more often
// for a short window.
const (
	poll         = 500 * time.Millisecond
	pollsAWindow = 4
	fastestPoll  = 20 * time.Millisecond
)

// Guard watches the runs that have a budget, each against its own and all
// against one for their sum. Make one with New; it is safe for concurrent use.
type Guard struct {
	mu   sync.Mutex
	sum  float64
	live map[*watch]Usage
}

// New returns a Guard. sum bounds what the watched runs use together, in
// percent of one CPU, each over its own window; 0 is no bound.
func New(sum float64) *Guard { return &Guard{sum: sum, live: map[*watch]Usage{}} }

// SetSum changes the bound on the sum, also for the runs that are watched.
func (g *Guard) SetSum(sum float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sum = sum
}

type watch struct {
	run    *Run
	budget Budget
	over   func(Report)
	told   bool // under Guard.mu: over was called, once and for all
}

// Watch measures r until ctx is done or r has ended, and calls over once,
// where r used more than b, or where all watched runs together used too much
// and r the most of them. over may be called from another run's goroutine, and
// must not block. Watch blocks; without a bound in b it returns at once.
//
// Where r cannot be measured any more it returns the error; r is then not
// guarded.
func (g *Guard) Watch(ctx context.Context, r *Run, b Budget, over func(Report)) error {
	if !b.Bounds() {
		return nil
	}
	w := &watch{run: r, budget: b, over: over}
	g.mu.Lock()
	g.live[w] = Usage{}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.live, w)
		g.mu.Unlock()
	}()

	win := window{length: b.window()}
	t := time.NewTicker(max(min(poll, b.window()/pollsAWindow), fastestPoll))
	defer t.Stop()
	attached := r.attached
	var idle time.Duration // bpftrace's CPU time before the probes were attached
	for failed := 0; ; {
		isAttached := attached == nil
		s, err := r.Cost()
		switch {
		case err != nil:
			if failed++; failed == maxFailures {
				return err
			}
		default:
			failed = 0
			if !isAttached {
				idle = s.CPU
			}
			s.CPU = max(s.CPU-idle, 0)
			g.judge(w, win.add(s))
			if s.Ended {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-attached:
			attached = nil
			idle = r.Last().CPU
		case <-t.C:
		}
	}
}

// maxFailures is how many samples in a row may fail: a question to a busy
// helper can.
const maxFailures = 4

// judge holds what w used against its budget and the sum's.
func (g *Guard) judge(w *watch, u Usage) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.told {
		return
	}
	g.live[w] = u
	if w.budget.exceeded(u) {
		g.tell(w, Report{Usage: u, Budget: w.budget})
		return
	}
	if g.sum <= 0 {
		return
	}
	var sum float64
	most := w
	for x, used := range g.live {
		if x.told {
			continue
		}
		if sum += used.Percent(); used.Percent() > g.live[most].Percent() {
			most = x
		}
	}
	if sum > g.sum {
		g.tell(most, Report{Usage: g.live[most], Budget: most.budget, Sum: sum, SumPercent: g.sum})
	}
}

// tell calls over; what w used counts no more, since it will end.
func (g *Guard) tell(w *watch, r Report) {
	w.told = true
	w.over(r)
}
