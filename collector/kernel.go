package collector

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"tracecar/collector/executor"
	"tracecar/collector/kernelmap"
	"tracecar/parser/script"
)

// KernelMapsQuestion is the name under which the process that holds root
// answers questions about bpftrace's maps (executor.Process.Ask).
const KernelMapsQuestion = "kernel-maps"

// The questions: hold descriptors from now on; probes are attached; read all;
// let go.
const (
	askHold     = "hold"
	askAttached = "attached"
	askDump     = "dump"
	askRelease  = "release"
)

// kernelMaps holds the kernel maps of live bpftrace processes, in whichever
// process is root.
type kernelMaps struct {
	mu      sync.Mutex
	holders map[int]*kernelmap.Holder
}

func newKernelMaps() *kernelMaps { return &kernelMaps{holders: map[int]*kernelmap.Holder{}} }

func (k *kernelMaps) handlers() map[string]executor.Handler {
	return map[string]executor.Handler{KernelMapsQuestion: k.answer}
}

func (k *kernelMaps) answer(pid int, question []byte) ([]byte, error) {
	h := k.holder(pid)
	op := string(question[:min(len(question), 16)])
	if op == askHold {
		h := kernelmap.Hold(context.Background(), pid)
		k.replace(pid, h)
		return nil, nil
	}
	if h == nil {
		return nil, fmt.Errorf("the maps of process %d are not held", pid)
	}
	switch op {
	case askAttached:
		h.Attached()
		return nil, nil
	case askDump:
		raws, err := h.Dump(context.Background(), 0)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		b.Grow(kernelmap.RawsSize(raws) + 1024*(len(raws)+1))
		err = kernelmap.WriteRaws(&b, raws)
		return b.Bytes(), err
	case askRelease:
		k.replace(pid, nil)
		return nil, nil
	}
	return nil, fmt.Errorf("no such question about kernel maps: %q", op)
}

func (k *kernelMaps) replace(pid int, h *kernelmap.Holder) {
	k.mu.Lock()
	old := k.holders[pid]
	delete(k.holders, pid)
	if h != nil {
		k.holders[pid] = h
	}
	k.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
}

// holder holds the maps of a process; nil where this process does not.
func (k *kernelMaps) holder(pid int) *kernelmap.Holder {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.holders[pid]
}

// held is one run's hold on its kernel maps; a zero held holds nothing.
type held struct {
	proc *executor.Process
	// local holds the maps where that is done in this process: then nothing has
	// to be put into bytes and read back. Else nil.
	local *kernelmap.Holder
}

// hold begins to hold the maps of proc. What fails is not fatal: rows are
// then marked where only the kernel could have told.
func (k *kernelMaps) hold(proc *executor.Process, want bool) held {
	if !want {
		return held{}
	}
	h := held{proc: proc}
	before := k.holder(proc.PID())
	if _, err := h.ask(askHold); err != nil {
		return held{}
	}
	if local := k.holder(proc.PID()); local != before {
		h.local = local
	}
	return h
}

func (h held) ask(op string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return h.proc.Ask(ctx, KernelMapsQuestion, []byte(op))
}

func (h held) attached() {
	if h.proc != nil {
		_, _ = h.ask(askAttached)
	}
}

// tables reads and decodes the maps; nil where that cannot be.
func (h held) tables(s *script.Script, version string) *kernelmap.Tables {
	if h.proc == nil {
		return nil
	}
	if h.local != nil {
		t, err := h.local.Tables(context.Background(), s, version)
		if err != nil {
			return nil
		}
		return t
	}
	answer, err := h.ask(askDump)
	if err != nil {
		return nil
	}
	raws, err := kernelmap.ReadRaws(answer)
	if err != nil {
		return nil
	}
	t, err := kernelmap.Decode(raws, s, version)
	if err != nil {
		return nil
	}
	return t
}

func (h held) release() {
	if h.proc != nil {
		_, _ = h.ask(askRelease)
	}
}
