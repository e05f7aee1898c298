package guard

import (
	"encoding/json"
	"fmt"
	"sync"
)

// Question is the name under which Meters.Answer is to be registered with
// what asks questions to the process that holds root (executor.Config.Handlers,
// executor.HelperOptions.Handlers).
const Question = "cost"

// The questions: measure from now on; probes are attached; what has it cost;
// the same, and let go.
const (
	askBegin    = "begin"
	askAttached = "attached"
	askCost     = "cost"
	askEnd      = "end"
)

// maxMeters bounds how many processes are measured at once.
const maxMeters = 1024

// Meters measures bpftrace processes in the process that holds root. Make one
// with NewMeters; it is safe for concurrent use.
type Meters struct {
	root  string
	stats Stats

	mu     sync.Mutex
	meters map[int]*meter
}

// NewMeters returns a Meters that measures nothing yet.
func NewMeters() *Meters { return &Meters{root: "/proc", meters: map[int]*meter{}} }

// Answer answers a question of a Run about the bpftrace with this process id,
// which the caller must vouch for. It may be called after that has ended.
func (ms *Meters) Answer(pid int, question []byte) ([]byte, error) {
	op := string(question[:min(len(question), 16)])
	if op == askBegin {
		return nil, ms.begin(pid)
	}
	ms.mu.Lock()
	m := ms.meters[pid]
	if op == askEnd {
		delete(ms.meters, pid)
	}
	ms.mu.Unlock()
	if m == nil {
		return nil, fmt.Errorf("process %d is not measured", pid)
	}
	switch op {
	case askAttached:
		m.probesAttached()
		return json.Marshal(m.sample())
	case askCost:
		return json.Marshal(m.sample())
	case askEnd:
		return json.Marshal(m.close())
	}
	return nil, fmt.Errorf("no such question about cost: %q", op)
}

func (ms *Meters) begin(pid int) error {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if old := ms.meters[pid]; old != nil { // an earlier process whose end nobody told
		old.close()
		delete(ms.meters, pid)
	}
	if len(ms.meters) >= maxMeters {
		return fmt.Errorf("%d processes are measured already", maxMeters)
	}
	m, err := newMeter(ms.root, pid, &ms.stats)
	if err != nil {
		return err
	}
	ms.meters[pid] = m
	return nil
}

// Close ends all measuring.
func (ms *Meters) Close() {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for pid, m := range ms.meters {
		m.close()
		delete(ms.meters, pid)
	}
}
