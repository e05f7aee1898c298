package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// scheduled is one probe of a Scheduler, whose mu guards it.
type scheduled struct {
	probe  Probe
	on     bool
	loop   *probeLoop      // while on
	ending <-chan struct{} // closed when its newest loop, and all before, have ended; nil: there was none
	run    *Run            // the live run
	status ProbeStatus     // but for what view adds
}

// find returns a probe; mu is held.
func (s *Scheduler) find(name string) (*scheduled, error) {
	if s.closed {
		return nil, errors.New("the scheduler is closed")
	}
	e := s.probes[name]
	if e == nil {
		return nil, fmt.Errorf("there is no probe %q", name)
	}
	return e, nil
}

// Enable switches a probe on or off. To switch one on that was given up, or
// waits after a failure, lets it try again now.
func (s *Scheduler) Enable(name string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(name)
	if err != nil {
		return err
	}
	switch e.status.State {
	case ProbeGivenUp, ProbeFailed, ProbeBackingOff:
		if on {
			e.loop.now()
			return nil
		}
	}
	s.turn(e, on)
	return nil
}

// Trigger begins a window of a periodic probe now, beside its schedule; a
// continuous one that is down tries again now. It is an error where the probe
// is running already or switched off.
func (s *Scheduler) Trigger(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(name)
	if err != nil {
		return err
	}
	switch e.status.State {
	case ProbeDisabled:
		return fmt.Errorf("probe %q is disabled", name)
	case ProbeStarting, ProbeRunning:
		return fmt.Errorf("probe %q is running already", name)
	}
	e.loop.now()
	return nil
}

// Status returns the state of all probes, in the order applied. It asks
// nobody and is cheap.
func (s *Scheduler) Status() []ProbeStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]ProbeStatus, 0, len(s.order))
	for _, name := range s.order {
		out = append(out, s.probes[name].view())
	}
	return out
}

// Now is Status with the Result of each running probe as it is at this
// moment: the maps of its bpftrace are read, which takes up to 10 s where
// bpftrace has to print them. Names choose probes; without any it gives all.
func (s *Scheduler) Now(ctx context.Context, names ...string) []ProbeStatus {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	s.mu.Lock()
	var out []ProbeStatus
	var runs []*Run
	for _, name := range s.order {
		if len(names) == 0 || wanted[name] {
			e := s.probes[name]
			out, runs = append(out, e.view()), append(runs, e.run)
		}
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for i, run := range runs {
		if out[i].State == ProbeRunning && run != nil {
			wg.Go(func() {
				out[i].Result, _ = run.Now(ctx, 0)
				out[i].Snapshot = run.LastSnapshot()
			})
		}
	}
	wg.Wait()
	return out
}

// view is the status with what only the live run knows; mu is held.
func (e *scheduled) view() ProbeStatus {
	st := e.status
	if e.run == nil {
		return st
	}
	st.RunID, st.Attached, st.Snapshot = e.run.ID(), e.run.AttachedAt(), e.run.LastSnapshot()
	if st.State == ProbeStarting && !st.Attached.IsZero() {
		st.State = ProbeRunning
	}
	return st
}
