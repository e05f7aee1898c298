package examples

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"
)

// workload is work on this machine that gives every script something to report.
// It is light: each part does a little, a hundred times a second at most.
type workload struct {
	dir string // on the disk, if TempDir is
	// memoryCgroup says that the parts that need one run.
	memoryCgroup bool

	ctx  context.Context
	done sync.WaitGroup
}

const needsMemoryCgroup = "no memory cgroup can be made here"

// startLoad starts the load; it ends with the test.
func startLoad(t *testing.T) *workload {
	cg := newMemoryCgroup(t) // removed after the load has ended
	ctx, cancel := context.WithCancel(context.Background())
	l := &workload{dir: t.TempDir(), ctx: ctx}
	t.Cleanup(func() {
		cancel()
		l.done.Wait()
	})
	l.every(20*time.Millisecond, l.files)
	l.every(50*time.Millisecond, l.disk)
	l.every(20*time.Millisecond, l.memory)
	l.every(20*time.Millisecond, l.memory) // both in one address space: they meet
	l.every(50*time.Millisecond, l.threads)
	l.every(50*time.Millisecond, l.tcp)
	l.every(50*time.Millisecond, l.datagrams)
	l.every(150*time.Millisecond, l.processes)
	l.fullBacklog(t)
	if cg != "" {
		l.memoryCgroup = true
		l.every(500*time.Millisecond, func() { l.eat(cg) })
	}
	return l
}

// every repeats work until the load ends, with a pause between.
func (l *workload) every(pause time.Duration, work func()) {
	l.done.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-l.ctx.Done():
				return
			case <-tick.C:
				work()
			}
		}
	})
}

// temp makes a file that is already unlinked, so that nothing is left behind.
func (l *workload) temp(flags int) (*os.File, error) {
	f, err := os.CreateTemp(l.dir, "load-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	if flags == 0 {
		return f, nil
	}
	defer f.Close()
	return os.OpenFile(f.Name(), os.O_RDWR|flags, 0)
}
