package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Scheduler keeps scheduled probes running: continuous ones for good,
// periodic ones in windows. No probe ever overlaps with itself. It is safe
// for concurrent use; per probe it keeps one ended Result, no more.
type Scheduler struct {
	runner   probeRunner
	log      *slog.Logger
	starting chan struct{} // one token for each start that may be under way
	windows  chan struct{} // one for each window that may be open; nil: no bound
	loops    sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	order   []string // of names, as applied
	probes  map[string]*scheduled
	leaving map[string]<-chan struct{} // removed ones whose last run is ending
}

// SchedulerOptions configure a Scheduler. The zero value is usable.
type SchedulerOptions struct {
	// MaxStarting bounds how many runs compile and attach at once (default
	// 4). How many live at once is Options.MaxScheduled.
	MaxStarting int
	// MaxWindows bounds how many periodic probes have their window at once; the
	// others wait for their turn, as long as it takes. 0: no bound.
	MaxWindows int
	// Logger hears of failures, and of probes that are given up; nil: nobody does.
	Logger *slog.Logger
}

// probeRunner is what the scheduler needs of a Runner.
type probeRunner interface {
	Start(s Script, sinks ...Sink) *Run
	// version of the bpftrace that a script would run on.
	version(ctx context.Context, sudo bool) (string, error)
	// forgetProbe drops the ended runs of a scheduled probe.
	forgetProbe(name string)
}

// NewScheduler returns a Scheduler without probes: call Apply next, and Close
// before the Runner's.
func NewScheduler(r *Runner, o SchedulerOptions) *Scheduler { return newScheduler(r, o) }

func newScheduler(r probeRunner, o SchedulerOptions) *Scheduler {
	def(&o.MaxStarting, 4)
	s := &Scheduler{
		runner: r, log: o.Logger, starting: make(chan struct{}, o.MaxStarting),
		probes: map[string]*scheduled{}, leaving: map[string]<-chan struct{}{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for range o.MaxStarting {
		s.starting <- struct{}{}
	}
	if o.MaxWindows > 0 {
		s.windows = make(chan struct{}, o.MaxWindows)
		for range o.MaxWindows {
			s.windows <- struct{}{}
		}
	}
	return s
}

// Apply makes probes the ones that are scheduled. Those that are not among
// them stop, new ones start, changed ones start anew when their run has
// ended, and all others are left alone: to apply the same probes twice is to
// apply them once. What Enable said of a probe holds until Enabled changes. It
// returns before processes have started or ended. Where one probe is wrong
// nothing is changed, and the error says all that is wrong.
func (s *Scheduler) Apply(probes []Probe) error {
	order := make([]string, 0, len(probes))
	wanted := map[string]Probe{}
	var errs []error
	for i := range probes {
		p := &probes[i]
		errs = append(errs, p.Validate())
		if _, twice := wanted[p.Name]; twice {
			errs = append(errs, fmt.Errorf("probe %q: the name is there twice", p.Name))
		}
		wanted[p.Name] = p.normal()
		order = append(order, p.Name)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the scheduler is closed")
	}
	s.order = order
	for name, e := range s.probes {
		if _, stays := wanted[name]; !stays {
			s.remove(e)
		}
	}
	for _, name := range order {
		s.put(wanted[name])
	}
	return nil
}

// put schedules one probe; mu is held.
func (s *Scheduler) put(p Probe) {
	old := s.probes[p.Name]
	if old != nil && old.probe.same(p) {
		if old.probe.Enabled != p.Enabled {
			old.probe.Enabled = p.Enabled
			s.turn(old, p.Enabled)
		}
		return
	}
	e := &scheduled{probe: p, status: ProbeStatus{Name: p.Name, Schedule: p.describe(), Unsafe: p.Unsafe, State: ProbeDisabled}}
	s.probes[p.Name] = e
	on := p.Enabled
	if old == nil {
		e.ending = s.leaving[p.Name]
	} else {
		if old.probe.Enabled == p.Enabled {
			on = old.on
		}
		s.turn(old, false)
		e.ending = old.ending
		e.status.Restarts, e.status.Windows, e.status.Skipped = old.status.Restarts, old.status.Windows, old.status.Skipped
	}
	s.turn(e, on)
}

// remove unschedules a probe; mu is held.
func (s *Scheduler) remove(e *scheduled) {
	name := e.probe.Name
	delete(s.probes, name)
	s.turn(e, false)
	ended := make(chan struct{})
	before := e.ending
	s.leaving[name] = ended
	s.loops.Go(func() {
		defer close(ended)
		if before != nil {
			<-before
		}
		s.runner.forgetProbe(name)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.leaving[name] == ended {
			delete(s.leaving, name)
		}
	})
}

// turn switches a probe on or off; mu is held. Off, its run is told to stop
// and nobody waits for that but its next loop.
func (s *Scheduler) turn(e *scheduled, on bool) {
	if e.on == on {
		return
	}
	e.on = on
	if !on {
		e.loop.cancel()
		e.loop = nil
		e.status.State, e.status.Next = ProbeDisabled, time.Time{}
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	l := &probeLoop{s: s, e: e, p: &e.probe, ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1)}
	before := e.ending
	e.loop, e.ending = l, done
	e.status.State, e.status.Failures = ProbeWaiting, 0
	s.loops.Go(func() {
		defer close(done)
		defer cancel()
		if before != nil {
			<-before
		}
		l.run()
	})
}

// Close stops all probes and waits until their runs have ended or ctx does.
// Afterwards Apply, Enable and Trigger give errors. It is idempotent.
func (s *Scheduler) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for _, e := range s.probes {
		s.turn(e, false)
	}
	s.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		s.loops.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("scheduled probes are still ending: %w", ctx.Err())
	}
}
