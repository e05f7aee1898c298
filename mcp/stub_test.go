package mcp

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"tracecar/collector"
)

// stubRunner stands for a collector.Runner where a test needs what a real one
// cannot be made to do on demand. Its runs last until they are stopped, their
// timeout is over, or finish is called.
type stubRunner struct {
	mu   sync.Mutex
	runs []*stubRun
	opts collector.Options
	info *collector.Info
	// validate holds Validate up until it can be read from.
	validate chan struct{}
	probes   []collector.ProbeInfo
	// start decides what becomes of a started run; nil leaves it live.
	start func(*stubRun)
	// began gets each run as it starts, for tests to wait on.
	began chan *stubRun
}

func newStub() *stubRunner {
	return &stubRunner{
		began: make(chan *stubRun, 100),
		opts: collector.Options{MaxRuns: 8, Queue: 16, QueueWait: 10 * time.Second, DefaultTimeout: 30 * time.Second,
			MaxTimeout: time.Hour, KeepRuns: 64, KeepFor: 15 * time.Minute, MaxEvents: 10000, MaxRows: 10000},
		info: &collector.Info{Available: true, Version: "0.0-stub", DefaultTimeout: 30, MaxTimeout: 3600},
	}
}

func (s *stubRunner) Options() collector.Options { return s.opts }

func (s *stubRunner) Begin(ctx context.Context, sc collector.Script) run {
	r := s.Start(sc)
	context.AfterFunc(ctx, r.Stop)
	return r
}

func (s *stubRunner) Start(sc collector.Script) run {
	s.mu.Lock()
	r := &stubRun{id: fmt.Sprintf("run-%d", len(s.runs)+1), script: sc, started: time.Now(), done: make(chan struct{}), stopped: make(chan struct{})}
	r.res = collector.Result{Status: collector.StatusRunning, BpftraceVersion: "0.0-stub", ProbesAttached: 2}
	s.runs = append(s.runs, r)
	s.mu.Unlock()
	if s.start != nil {
		s.start(r)
	}
	select {
	case s.began <- r:
	default:
	}
	return r
}

func (s *stubRunner) Get(id string) (run, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if r.id == id {
			return r, true
		}
	}
	return nil, false
}

func (s *stubRunner) List() []run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []run
	for i := len(s.runs) - 1; i >= 0; i-- {
		list = append(list, s.runs[i])
	}
	return list
}

func (s *stubRunner) Info(context.Context) *collector.Info { return s.info }

func (s *stubRunner) Validate(_ context.Context, sc collector.Script) *collector.Validation {
	if s.validate != nil {
		<-s.validate
	}
	if sc.Source == "bad" {
		return &collector.Validation{Diagnostics: []collector.Diagnostic{{Severity: "error", Message: "syntax error", Line: 1, Column: 1}}}
	}
	return &collector.Validation{Valid: true}
}

func (s *stubRunner) Probes(_ context.Context, q collector.ProbeSearch) ([]collector.ProbeInfo, error) {
	if q.Pattern == "fail" {
		return nil, fmt.Errorf("bpftrace -l: no such pattern")
	}
	return s.probes, nil
}

type stubRun struct {
	id      string
	script  collector.Script
	started time.Time
	done    chan struct{}
	stopped chan struct{}

	mu       sync.Mutex
	res      collector.Result
	stopOnce sync.Once
	endOnce  sync.Once
}

func (r *stubRun) ID() string               { return r.id }
func (r *stubRun) Script() collector.Script { return r.script }
func (r *stubRun) Started() time.Time       { return r.started }
func (r *stubRun) Done() <-chan struct{}    { return r.done }

func (r *stubRun) Stop() {
	r.stopOnce.Do(func() {
		close(r.stopped)
		r.finish(collector.StatusCancelled)
	})
}

// finish ends the run.
func (r *stubRun) finish(st collector.Status, d ...collector.Diagnostic) {
	r.endOnce.Do(func() {
		r.mu.Lock()
		r.res.Status = st
		r.res.TimedOut = st == collector.StatusTimedOut
		if r.res.TimedOut {
			r.res.ExitCode = collector.ExitTimedOut
		}
		r.res.Diagnostics = d
		r.mu.Unlock()
		close(r.done)
	})
}

func (r *stubRun) Progress() collector.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return collector.Progress{Status: r.res.Status, Elapsed: time.Since(r.started), ProbesAttached: 2, Events: 120}
}

func (r *stubRun) Now(_ context.Context, cursor int64) (*collector.Result, int64) {
	return r.Result(cursor)
}

func (r *stubRun) Result(cursor int64) (*collector.Result, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.res
	return &res, cursor + int64(len(res.Events))
}

// ends makes runs end at once.
func ends(st collector.Status, d ...collector.Diagnostic) func(*stubRun) {
	return func(r *stubRun) { r.finish(st, d...) }
}

func stubServer(t testing.TB, r *stubRunner, change ...func(*Config)) *Server {
	t.Helper()
	cfg := Config{Version: "test", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, c := range change {
		c(&cfg)
	}
	s := newServer(cfg, r)
	s.progressEvery = 5 * time.Millisecond
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// within fails the test when ch gives nothing for a long time.
func within[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}
