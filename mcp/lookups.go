package mcp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tracecar/collector"
)

const (
	// maxLookups bounds how many look-ups (info, validation, probe search)
	// are in work at once: each runs a bpftrace, which costs a second of CPU
	// or a hundred MB where a script is big. Runs have their own bound, the
	// Runner's.
	maxLookups = 4
	// maxWaiting bounds how many more may wait for a place.
	maxWaiting = 32
	// readyFor is how long /readyz repeats what it found.
	readyFor = 5 * time.Second
)

var errLookupsBusy = errors.New("busy: too many checks and searches are in work; try again in a few seconds")

// lookups is the gate before what runs bpftrace without being a run.
type lookups struct {
	places  chan struct{}
	waiting atomic.Int32
}

func newLookups() *lookups { return &lookups{places: make(chan struct{}, maxLookups)} }

// enter waits for a place; leave gives it back.
func (l *lookups) enter(ctx context.Context) (leave func(), err error) {
	if l.waiting.Add(1) > maxLookups+maxWaiting {
		l.waiting.Add(-1)
		return nil, errLookupsBusy
	}
	select {
	case l.places <- struct{}{}:
		return func() { <-l.places; l.waiting.Add(-1) }, nil
	case <-ctx.Done():
		l.waiting.Add(-1)
		return nil, ctx.Err()
	}
}

// lookup runs f behind the gate.
func (s *Server) lookup(ctx context.Context, f func() *answer) *answer {
	leave, err := s.lookups.enter(ctx)
	if err != nil {
		return refuse(err)
	}
	defer leave()
	return f()
}

// readiness remembers what was found for /readyz, which is asked often.
type readiness struct {
	mu   sync.Mutex
	info *collector.Info
	at   time.Time
}

func (r *readiness) get(ctx context.Context, look func(context.Context) *collector.Info) *collector.Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.info == nil || time.Since(r.at) > readyFor {
		info := look(ctx)
		if ctx.Err() != nil {
			return info // cut short: not worth remembering
		}
		r.info, r.at = info, time.Now()
	}
	return r.info
}
