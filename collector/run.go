package collector

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"tracecar/collector/executor"
	"tracecar/collector/guard"
	"tracecar/collector/kernelmap"
	"tracecar/collector/policy"
	"tracecar/parser"
)

// Run is one execution of a script.
type Run struct {
	id      string
	script  Script
	started time.Time
	sinks   []Sink
	done    chan struct{}
	// attached is closed when all probes are.
	attached chan struct{}

	stopOnce sync.Once
	stop     chan struct{}

	snapMu sync.Mutex // one snapshot at a time
	// snapshot is the newest, kept under mu while the run lives and where its
	// Script has a SnapshotInterval.
	snapshot *Snapshot
	lastRead *SnapshotInfo // of the newest read while the run lives; under mu

	mu     sync.Mutex
	fold   *fold
	live   *live         // while bpftrace lives
	limits policy.Limits // of its role
	// asked is the Timeout that was asked for, where its role allows less.
	asked      time.Duration
	way        signalWay
	mark       string
	unasked    map[string]string // see live
	attachedAt time.Time
	ended      time.Time
	version    string
	// state is what Result gives: StatusRunning until done.
	state *Result
}

func newRun(s Script, newest bool, o Options) *Run {
	f := &fold{Translator: NewTranslator(nil, "", s.MaxRows)}
	f.log = eventLog{max: s.MaxEvents, maxBytes: o.MaxEventBytes, newest: newest}
	return &Run{
		id:       rand.Text(),
		script:   s,
		started:  time.Now(),
		done:     make(chan struct{}),
		attached: make(chan struct{}),
		stop:     make(chan struct{}),
		fold:     f,
	}
}

// ID is unique and hard to guess.
func (r *Run) ID() string { return r.id }

// Script returns what was asked for.
func (r *Run) Script() Script {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.script
}

// bound takes over what the caller's role made of its wishes.
func (r *Run) bound(s Script, l policy.Limits) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.Timeout < r.script.Timeout {
		r.asked = r.script.Timeout
	}
	r.script, r.limits = s, l
	r.fold.log.max = s.MaxEvents
}

// Started returns when the run was accepted.
func (r *Run) Started() time.Time { return r.started }

// Done is closed when the run has ended and its Result is final.
func (r *Run) Done() <-chan struct{} { return r.done }

// Attached is closed when all probes are attached; never, where the run ends
// before.
func (r *Run) Attached() <-chan struct{} { return r.attached }

// Stop ends the run as a user would with Ctrl-C: maps are printed, the Result
// says cancelled. It returns at once and is idempotent.
func (r *Run) Stop() { r.stopOnce.Do(func() { close(r.stop) }) }

// Progress returns the counters of the run; cheap.
func (r *Run) Progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{
		Status:         StatusRunning,
		Elapsed:        time.Since(r.started),
		ProbesAttached: r.fold.attached,
		Attaching:      r.attachedAt.IsZero(),
		Events:         r.fold.log.total,
		LostEvents:     r.fold.lost,
	}
	if r.state != nil {
		p.Status, p.Attaching, p.Elapsed = r.state.Status, false, r.ended.Sub(r.started)
	}
	return p
}

// Result returns the state now: final once Done, else with StatusRunning, the
// events so far from number cursor on (0 is the first), and the maps as last
// printed. The second value is the cursor for the next call; events that were
// dropped before being read are counted in Truncated.Events.
func (r *Run) Result(cursor int64) (*Result, int64) {
	r.mu.Lock()
	res, next := r.untold(cursor)
	tr := r.fold.Translator
	r.mu.Unlock()
	tr.tell(res.Events) // not under the lock, which the stream needs
	return res, next
}

// untold is Result without the fields of printfs, under the lock.
func (r *Run) untold(cursor int64) (*Result, int64) {
	var res Result
	if r.state != nil {
		res = *r.state
	} else {
		res = *r.fold.result(nil)
		res.Status, res.BpftraceVersion = StatusRunning, r.version
		res.DurationMS = time.Since(r.started).Milliseconds()
		res.Diagnostics = append(res.Diagnostics, r.shortened()...)
	}
	var next int64
	res.Events, next, res.Truncated.Events = r.fold.log.since(cursor)
	return &res, next
}

// shortened says that less time was granted than was asked for. mu is held.
func (r *Run) shortened() []Diagnostic {
	if r.asked == 0 {
		return nil
	}
	return []Diagnostic{{Severity: "warning",
		Message: fmt.Sprintf("the run may take %v, which is all that the role of its caller allows, and not %v", r.script.Timeout, r.asked)}}
}

// skipsText tells whether no sink wants the text of what is printed.
func (r *Run) skipsText() bool {
	return !slices.ContainsFunc(r.sinks, func(s Sink) bool {
		t, ok := s.(Textless)
		return !ok || !t.SkipsText()
	})
}

// Now is Result with the maps of a live run as they are at this moment, where
// its Script asked for Snapshots.
func (r *Run) Now(ctx context.Context, cursor int64) (*Result, int64) {
	snap, err := r.Snapshot(ctx)
	res, next := r.Result(cursor)
	if res.Status != StatusRunning {
		return res, next
	}
	res.Cost = r.Cost()
	warn := func(what string, why string) {
		res.Diagnostics = append(res.Diagnostics, Diagnostic{Severity: "warning", Message: what + " not shown as of now: " + why})
	}
	switch {
	case errors.Is(err, ErrNotLive):
		return res, next // its probes are not attached yet
	case err != nil:
		warn("the maps are", err.Error())
		return res, next
	}
	res.Snapshot = snap.info()
	res.Diagnostics = append(res.Diagnostics, snap.Warnings...)
	for _, name := range slices.Sorted(maps.Keys(snap.Missing)) {
		warn(name+" is", snap.Missing[name])
	}
	for _, m := range snap.Maps {
		if len(m.Rows) > r.script.MaxRows {
			res.Truncated.Rows += uint64(len(m.Rows) - r.script.MaxRows)
			m.Rows = largest(m.Rows, r.script.MaxRows)
		}
		i := slices.IndexFunc(res.Maps, func(old Map) bool { return old.Name == m.Name })
		switch {
		case i >= 0:
			res.Maps[i] = m
		case len(m.Rows) > 0:
			res.Maps = append(res.Maps, m)
		}
	}
	return res, next
}

// LastSnapshot says when the maps of the live run were read last, whoever
// asked, and which of them could not be; nil where nobody has, and of a run
// that has ended. It reads nothing.
func (r *Run) LastSnapshot() *SnapshotInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastRead
}

// outcome is how a run came to its end.
type outcome struct {
	lost      bool // how bpftrace ended is not known: the root helper died
	exit      *executor.Exit
	err       error // it could not be started, or not be read
	timedOut  bool
	cancelled bool
	// limit says which limit it ran past; nil: none.
	limit *Diagnostic
	cost  *Cost
	// unguarded says that its budget could not be held against it.
	unguarded *Diagnostic
}

// end makes the Result final.
func (r *Run) end(o outcome, tables *kernelmap.Tables) {
	r.finish(r.final(o, tables))
}

func (r *Run) final(o outcome, tables *kernelmap.Tables) *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = time.Now()
	r.live, r.snapshot, r.lastRead = nil, nil, nil
	ended := o.exit != nil && o.exit.Signal == 0 && !o.lost
	r.fold.finish(tables, ended)

	res := r.fold.result(tables)
	res.Fill = fillOf(tables)
	res.BpftraceVersion = r.version
	res.DurationMS = r.ended.Sub(r.started).Milliseconds()
	res.Cost = o.cost
	r.judge(res, o)
	if o.unguarded != nil {
		res.Diagnostics = append(res.Diagnostics, *o.unguarded)
	}
	res.Diagnostics = append(res.Diagnostics, r.shortened()...)
	// The newest state of the maps is in the Result now.
	r.fold.maps = mapStates{}
	return res
}

// begun tells the sinks of the run.
func (r *Run) begun() {
	info := RunInfo{ID: r.id, Script: r.script, Parsed: r.fold.script, Version: r.version, Started: r.started, Run: r, Context: r.script.Context}
	for _, s := range r.sinks {
		s.Begin(info)
	}
}

// finish makes res the Result. Sinks hear of it first, so that whoever waits
// for Done finds it exported.
func (r *Run) finish(res *Result) {
	r.mu.Lock()
	r.state = res
	full := *res
	if len(r.sinks) > 0 {
		full.Events, _, full.Truncated.Events = r.fold.log.since(0)
	}
	tr := r.fold.Translator
	r.mu.Unlock()
	tr.tell(full.Events)
	for _, s := range r.sinks {
		s.End(&full)
	}
	close(r.done)
}

// judge sets how the run ended.
func (r *Run) judge(res *Result, o outcome) {
	if o.exit != nil {
		res.ExitCode = o.exit.Code
		res.Diagnostics = append(diagnosticsOf(o.exit.Diagnostics), res.Diagnostics...)
	}
	switch {
	case o.err != nil && o.exit == nil:
		res.Status, res.ExitCode = StatusFailed, -1
		if o.cancelled {
			res.Status, o.err = StatusCancelled, errors.New("cancelled before it was started")
		}
		res.Diagnostics = append(res.Diagnostics, errorDiagnostics(o.err)...)
	case o.limit != nil:
		res.Status = StatusKilled
		res.Diagnostics = append(res.Diagnostics, *o.limit)
	case o.lost: // why stands below
		res.Status = StatusKilled
	case o.exit.Killed:
		res.Status = StatusKilled
		res.Diagnostics = append(res.Diagnostics, Diagnostic{Severity: "error",
			Message: "bpftrace did not end when told to and was killed: its last maps are missing"})
		if o.timedOut {
			res.TimedOut, res.ExitCode = true, ExitTimedOut
		}
	case o.exit.Signal != 0 && !r.attachedAt.IsZero():
		res.Status = StatusKilled
		res.Diagnostics = append(res.Diagnostics, Diagnostic{Severity: "error",
			Message: "bpftrace was " + o.exit.String() + ": its last maps are missing"})
		if o.timedOut {
			res.TimedOut, res.ExitCode = true, ExitTimedOut
		}
	case o.timedOut:
		res.Status, res.TimedOut, res.ExitCode = StatusTimedOut, true, ExitTimedOut
	case o.cancelled:
		res.Status = StatusCancelled
	case o.exit.Signal != 0:
		res.Status = StatusFailed
		res.Diagnostics = append(res.Diagnostics, Diagnostic{Severity: "error",
			Message: "bpftrace was " + o.exit.String() + " before its probes were attached"})
	case o.exit.Code != 0 && r.attachedAt.IsZero():
		res.Status = StatusFailed
		if !hasError(res.Diagnostics) {
			res.Diagnostics = append(res.Diagnostics, Diagnostic{Severity: "error", Message: unexplained(o.exit)})
		}
	default:
		res.Status = StatusCompleted
		if d, odd := r.early(); odd {
			res.Diagnostics = append(res.Diagnostics, d)
		}
	}
	if res.Status == StatusFailed && r.attachedAt.IsZero() {
		res.ProbesAttached = 0 // bpftrace up to 0.23 says how many there are before it attaches them
	}
	if o.err != nil && o.exit != nil {
		res.Diagnostics = append(res.Diagnostics, errorDiagnostics(o.err)...)
	}
}

// record takes one record off the stream; it is false for what is tracecar's
// own doing, a snapshot, and none of the script's. Where no sink is to hear of
// them it takes the printfs after it too, as far as they have come: in a flood the
// lock would cost as much as reading a line does.
func (r *Run) record(rd *parser.Reader) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	scripts := r.fold.record(rd.Record())
	for len(r.sinks) == 0 && rd.More() && rd.Scan() {
		r.fold.record(rd.Record())
	}
	return scripts
}

// stopped tells whether Stop was called.
func (r *Run) stopped() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

// setAttached notes that bpftrace has attached all probes.
func (r *Run) setAttached() {
	r.mu.Lock()
	if r.attachedAt.IsZero() {
		r.attachedAt = time.Now()
		close(r.attached)
	}
	r.mu.Unlock()
}

// stopContext returns a context that ends with ctx or with Stop.
func (r *Run) stopContext(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-r.stop:
		case <-r.done:
		case <-ctx.Done():
		}
	}()
	return ctx
}

// refuse ends a run that was never started.
func (r *Run) refuse(err error, why ...Diagnostic) {
	r.mu.Lock()
	r.ended = time.Now()
	r.mu.Unlock()
	status := StatusRefused
	if errors.Is(err, context.Canceled) {
		status, err = StatusCancelled, errors.New("cancelled before it was started")
	}
	if len(why) == 0 {
		why = []Diagnostic{{Severity: "error", Message: err.Error()}}
	}
	r.begun()
	r.finish(&Result{
		Status:      status,
		ExitCode:    -1,
		DurationMS:  r.ended.Sub(r.started).Milliseconds(),
		Events:      []Event{},
		Maps:        []Map{},
		Diagnostics: why,
	})
}

func (r *Run) isDone() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *Run) endedAt() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// Progress is what a run has done so far.
type Progress struct {
	Status         Status
	Elapsed        time.Duration
	ProbesAttached int64
	Attaching      bool // probes are not known to be attached yet
	Events         int64
	LostEvents     uint64
}

// setLive makes snapshots possible.
func (r *Run) setLive(proc *executor.Process, hold held, cost *guard.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live = &live{proc: proc, hold: hold, cost: cost, way: r.way, mark: r.mark, unasked: r.unasked}
}

// AttachedAt returns when all probes were attached, zero before.
func (r *Run) AttachedAt() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attachedAt
}
