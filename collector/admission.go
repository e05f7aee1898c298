package collector

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// admission bounds how many runs are live and how many wait for a place.
type admission struct {
	places chan struct{}
	wait   time.Duration

	mu      sync.Mutex
	waiting int
	queue   int
}

func newAdmission(places, queue int, wait time.Duration) *admission {
	return &admission{places: make(chan struct{}, places), queue: queue, wait: wait}
}

// BusyError says that all places are taken and the queue is full, or that
// none came free in time.
type BusyError struct {
	Live, Waiting int
	Waited        time.Duration
}

func (e *BusyError) Error() string {
	if e.Waited > 0 {
		return fmt.Sprintf("busy: %d runs are live and none ended within %v; try again later, or stop one (list_runs, stop_run)", e.Live, e.Waited)
	}
	return fmt.Sprintf("busy: %d runs are live and %d are waiting; try again later, or stop one (list_runs, stop_run)", e.Live, e.Waiting)
}

// enter takes a place, waiting for one in the queue. The caller must call
// leave once for every nil error.
func (a *admission) enter(ctx context.Context) error {
	select {
	case a.places <- struct{}{}:
		return nil
	default:
	}
	a.mu.Lock()
	if a.waiting >= a.queue {
		err := &BusyError{Live: cap(a.places), Waiting: a.waiting}
		a.mu.Unlock()
		return err
	}
	a.waiting++
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.waiting--
		a.mu.Unlock()
	}()

	t := time.NewTimer(a.wait)
	defer t.Stop()
	select {
	case a.places <- struct{}{}:
		return nil
	case <-t.C:
		return &BusyError{Live: cap(a.places), Waited: a.wait}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *admission) leave() { <-a.places }
