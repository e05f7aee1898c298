package mcp

import (
	"context"
	"time"

	"tracecar/collector"
)

// runner is what this package needs of a collector.Runner; tests put a stub
// in its place for faults that a real one cannot be made to have on demand.
type runner interface {
	Options() collector.Options
	Begin(ctx context.Context, s collector.Script) run
	Start(s collector.Script) run
	Get(id string) (run, bool)
	List() []run
	Info(ctx context.Context) *collector.Info
	Validate(ctx context.Context, s collector.Script) *collector.Validation
	Probes(ctx context.Context, q collector.ProbeSearch) ([]collector.ProbeInfo, error)
}

// run is what this package needs of a collector.Run.
type run interface {
	ID() string
	Script() collector.Script
	Started() time.Time
	Done() <-chan struct{}
	Stop()
	Progress() collector.Progress
	Result(cursor int64) (*collector.Result, int64)
	Now(ctx context.Context, cursor int64) (*collector.Result, int64)
}

// realRunner narrows a collector.Runner to the interface.
type realRunner struct{ *collector.Runner }

func (r realRunner) Begin(ctx context.Context, s collector.Script) run {
	return r.Runner.Begin(ctx, s)
}

func (r realRunner) Start(s collector.Script) run { return r.Runner.Start(s) }

func (r realRunner) Get(id string) (run, bool) {
	found, ok := r.Runner.Get(id)
	if !ok {
		return nil, false
	}
	return found, true
}

func (r realRunner) List() []run {
	list := r.Runner.List()
	runs := make([]run, len(list))
	for i, one := range list {
		runs[i] = one
	}
	return runs
}
