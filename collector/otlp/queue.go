package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// queue sends spans or log records in batches and, unlike the SDK's
// processors, keeps a batch that a collector that is away did not take. At
// most max items wait; those past it are dropped, and counted in link.lost.
// So are those that the collector refuses for good.
type queue[T any] struct {
	l       *link
	send    func(ctx context.Context, batch []T) error
	max     int
	batch   int
	every   time.Duration // between sends of less than a batch
	timeout time.Duration // of one send

	mu     sync.Mutex
	items  []T
	closed bool

	wake   chan struct{} // a batch is full
	flush  chan chan struct{}
	stop   context.CancelFunc
	worker sync.WaitGroup
}

func newQueue[T any](l *link, most int, timeout time.Duration, send func(context.Context, []T) error) *queue[T] {
	q := &queue[T]{
		l: l, send: send, max: most, batch: 512, every: time.Second, timeout: timeout,
		wake: make(chan struct{}, 1), flush: make(chan chan struct{}),
	}
	ctx, stop := context.WithCancel(context.Background())
	q.stop = stop
	q.worker.Go(func() { q.run(ctx) })
	return q
}

// add never blocks.
func (q *queue[T]) add(item T) {
	q.mu.Lock()
	if q.closed || len(q.items) >= q.max {
		q.mu.Unlock()
		q.l.lost.Add(1)
		return
	}
	q.items = append(q.items, item)
	full := len(q.items) >= q.batch
	q.mu.Unlock()
	if full {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

func (q *queue[T]) run(ctx context.Context) {
	tick := time.NewTicker(q.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-q.wake:
		case done := <-q.flush:
			q.drain(ctx)
			close(done)
			continue
		}
		q.drain(ctx)
	}
}

// drain sends until nothing is left or the collector is away.
func (q *queue[T]) drain(ctx context.Context) {
	for {
		q.mu.Lock()
		n := min(len(q.items), q.batch)
		batch := q.items[:n:n]
		q.mu.Unlock()
		if n == 0 || ctx.Err() != nil {
			return
		}
		sendCtx, cancel := context.WithTimeout(ctx, q.timeout)
		err := q.send(sendCtx, batch)
		cancel()
		q.l.done(err)
		if err != nil && (q.l.transient.Load() || ctx.Err() != nil) {
			return
		}
		if err != nil {
			q.l.lost.Add(int64(n))
		}
		q.mu.Lock()
		var zero T
		for i := range n {
			q.items[i] = zero
		}
		q.items = q.items[n:]
		if len(q.items) == 0 {
			q.items = nil
		}
		q.mu.Unlock()
	}
}

// forceFlush sends what waits; it ends with ctx.
func (q *queue[T]) forceFlush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case q.flush <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close sends what waits, at most until ctx ends, and counts what is left as
// lost. It is idempotent.
func (q *queue[T]) close(ctx context.Context) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	q.mu.Unlock()
	err := q.forceFlush(ctx)
	q.stop()
	q.worker.Wait()
	q.mu.Lock()
	left := len(q.items)
	q.items = nil
	q.mu.Unlock()
	q.l.lost.Add(int64(left))
	if left > 0 {
		err = errors.Join(err, fmt.Errorf("otlp: %d items of %s were not sent", left, q.l.signal))
	}
	return err
}

// waiting is how many items wait.
func (q *queue[T]) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// full tells whether the next item would be dropped, and then counts it so.
func (q *queue[T]) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) < q.max {
		return false
	}
	q.l.lost.Add(1)
	return true
}
