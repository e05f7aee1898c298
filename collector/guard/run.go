package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Asker puts a question to the process that holds root, about the bpftrace it
// stands for: *executor.Process.
type Asker interface {
	Ask(ctx context.Context, name string, payload []byte) ([]byte, error)
}

// askTimeout bounds how long an answer may take: a helper can hang.
const askTimeout = 5 * time.Second

// Run is one measured bpftrace. Its methods may be called from any goroutine.
type Run struct {
	asker    Asker
	attached chan struct{}
	tell     func()

	mu    sync.Mutex
	last  Sample
	ended bool
	err   error
}

// Begin begins to measure the bpftrace that a stands for; call it when that
// has just started. It never fails: what cannot be measured is said by Cost.
// End must be called.
func Begin(a Asker) *Run {
	r := &Run{asker: a, attached: make(chan struct{})}
	r.tell = sync.OnceFunc(func() { close(r.attached) })
	if _, err := r.ask(askBegin); err != nil {
		r.err = fmt.Errorf("cannot measure the cost: %w", err)
	}
	return r
}

func (r *Run) ask(op string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	return r.asker.Ask(ctx, Question, []byte(op))
}

// Attached says that all probes are attached: until then bpftrace's own CPU
// time is the compiler's, and no budget is held against it. It is idempotent.
func (r *Run) Attached() {
	_, _ = r.measure(askAttached)
	r.tell()
}

// Cost measures now. After an error, and after End, it returns the last sample.
func (r *Run) Cost() (Sample, error) { return r.measure(askCost) }

// Last returns the last sample without measuring.
func (r *Run) Last() Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// End measures for the last time and ends measuring. It is best called when
// bpftrace has ended: the kernel's part is then final. It is idempotent.
func (r *Run) End() (Sample, error) {
	s, err := r.measure(askEnd)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	return s, err
}

func (r *Run) measure(op string) (Sample, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || r.ended {
		return r.last, r.err
	}
	b, err := r.ask(op)
	if err != nil {
		return r.last, fmt.Errorf("cannot measure the cost: %w", err)
	}
	var s Sample
	if err := json.Unmarshal(b, &s); err != nil {
		return r.last, fmt.Errorf("cannot measure the cost: %w", err)
	}
	r.last = s
	return s, nil
}
