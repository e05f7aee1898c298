package collector

import (
	"context"
	"fmt"
	"time"
)

// probeLoop runs one probe from when it is switched on until it is switched
// off: it rests, it tries, and so on. One goroutine calls run; whatever it
// tells goes through the scheduler's mu.
type probeLoop struct {
	s      *Scheduler
	e      *scheduled
	p      *Probe
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // filled by now

	periodic bool
	table    *timetable // a continuous probe sets its at alone
	timer    *time.Timer
	failures int // in a row
}

// end is how one try of a probe went.
type end struct {
	why   string        // it is a failure; "": it is none
	unfit bool          // no script is for this bpftrace: nothing was started
	lived time.Duration // since its probes were attached
}

func (l *probeLoop) run() {
	l.periodic = l.p.Periodic()
	l.table = newTimetable(l.p, time.Now())
	l.timer = time.NewTimer(0)
	defer l.timer.Stop()
	state := ProbeWaiting
	for again := false; l.rest(state); again = true {
		last := l.try(again)
		if l.ctx.Err() != nil {
			return
		}
		state = l.judge(last)
	}
}

// now has a resting loop go on at once; mu is held.
func (l *probeLoop) now() {
	l.e.status.State, l.e.status.Next = ProbeStarting, time.Time{}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// rest waits for the time of the next try; it is false when the loop is to end.
func (l *probeLoop) rest(state ProbeState) bool {
	for l.ctx.Err() == nil {
		var next time.Time
		var due <-chan time.Time
		if state != ProbeGivenUp {
			now := time.Now()
			if l.table.reached(now) {
				return true
			}
			next = l.table.at.Round(0)
			l.timer.Reset(l.table.wait(now))
			due = l.timer.C
		}
		l.tell(func(st *ProbeStatus) { st.State, st.Next = state, next })
		select {
		case <-l.ctx.Done():
		case <-l.wake:
			return true
		case <-due:
		}
	}
	return false
}

// judge counts failures and says how to rest until the next try, which it
// puts off after a failure.
func (l *probeLoop) judge(last end) ProbeState {
	if last.lived >= l.p.BackoffMax {
		l.failures = 0
	}
	switch {
	case last.unfit || l.periodic && last.why == "":
		l.failures = 0
	case last.why != "":
		l.failures++
	}
	l.tell(func(st *ProbeStatus) { st.Failures = l.failures })
	if l.p.GiveUpAfter > 0 && l.failures >= l.p.GiveUpAfter {
		l.s.log.Error("a scheduled probe is given up", "probe", l.p.Name, "failures", l.failures, "error", last.why)
		return ProbeGivenUp
	}
	wait, state := backoff(l.p.BackoffMin, l.p.BackoffMax, l.failures), ProbeBackingOff
	if last.unfit {
		wait, state = l.p.BackoffMax, ProbeFailed
	}
	next := time.Now().Add(wait)
	switch {
	case !l.periodic:
		l.table.at = next
	case last.why == "":
		return ProbeWaiting
	case l.table.at.Before(next):
		l.table.pass(next)
	}
	if last.why != "" {
		l.s.log.Warn("a scheduled probe failed", "probe", l.p.Name, "failures", l.failures, "next", l.table.at.Round(0), "error", last.why)
	}
	return state
}

// try runs the script once, to its end.
func (l *probeLoop) try(again bool) end {
	if now := time.Now(); l.periodic && !now.Before(l.table.at) {
		l.table.pass(now)
	}
	l.begin(again)
	if l.periodic && l.s.windows != nil {
		if !l.await(l.s.windows, nil) {
			return end{}
		}
		defer func() { l.s.windows <- struct{}{} }()
	}
	run, failed := l.start()
	if run == nil {
		l.tell(func(st *ProbeStatus) { st.Error, st.Diagnostics = failed.why, nil })
		return failed
	}
	if !l.await(run.Done(), nil) {
		run.Stop()
		<-run.Done()
	}
	return l.finish(run)
}

// start waits for a place among those that start, and gives it up once the
// probes are attached. Without a run it says why there is none.
func (l *probeLoop) start() (*Run, end) {
	if !l.await(l.s.starting, nil) {
		return nil, end{}
	}
	defer func() { l.s.starting <- struct{}{} }()
	source, failed := l.choose()
	if failed.why != "" || l.ctx.Err() != nil {
		return nil, failed
	}
	run := l.s.runner.Start(l.p.script(source))
	l.s.mu.Lock()
	l.e.run = run
	l.e.status.Started = run.Started().Round(0)
	l.s.mu.Unlock()
	if !l.await(run.Attached(), run.Done()) {
		run.Stop()
		<-run.Done()
	}
	return run, end{}
}

// choose picks the script for the bpftrace that is installed now.
func (l *probeLoop) choose() (string, end) {
	if len(l.p.Variants) == 0 {
		return l.p.Source, end{}
	}
	ctx, cancel := context.WithTimeout(l.ctx, startTimeout)
	defer cancel()
	version, err := l.s.runner.version(ctx, l.p.Sudo)
	if err != nil {
		return "", end{why: err.Error()}
	}
	source, ok := l.p.source(version)
	if !ok {
		return "", end{why: fmt.Sprintf("none of its scripts is for bpftrace %s", version), unfit: true}
	}
	return source, end{}
}

// await waits for one of two channels, and meanwhile counts the windows that
// are due and cannot begin; it is false when the loop is to end.
func (l *probeLoop) await(a, b <-chan struct{}) bool {
	for {
		var due <-chan time.Time
		if l.periodic {
			l.timer.Reset(l.table.wait(time.Now()))
			due = l.timer.C
		}
		select {
		case <-a:
			return true
		case <-b:
			return true
		case <-l.ctx.Done():
			return false
		case <-due:
		}
		if now := time.Now(); l.table.reached(now) {
			l.table.pass(now)
			l.tell(func(st *ProbeStatus) {
				st.Skipped++
				st.Next = l.table.at.Round(0)
			})
		}
	}
}

// begin says that a try begins.
func (l *probeLoop) begin(again bool) {
	l.tell(func(st *ProbeStatus) {
		select {
		case <-l.wake: // it came as the time did
		default:
		}
		st.State, st.Started, st.Attached, st.Next = ProbeStarting, time.Time{}, time.Time{}, time.Time{}
		switch {
		case l.periodic:
			st.Windows++
			st.Next = l.table.at.Round(0)
		case again:
			st.Restarts++
		}
	})
}

// finish takes over the Result of a run that has ended.
func (l *probeLoop) finish(run *Run) end {
	res, _ := run.Result(0)
	attached, over := run.AttachedAt(), run.endedAt()
	last := end{why: failure(res, l.periodic)}
	if !attached.IsZero() {
		last.lived = over.Sub(attached)
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	st := &l.e.status
	l.e.run = nil
	st.LastRunID, st.Attached, st.Ended, st.Result = run.ID(), attached.Round(0), over.Round(0), res
	st.Error, st.Diagnostics = last.why, withoutNoise(res.Diagnostics)
	return last
}

// tell changes the status while the probe is this loop's.
func (l *probeLoop) tell(change func(st *ProbeStatus)) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.e.loop == l {
		change(&l.e.status)
	}
}
