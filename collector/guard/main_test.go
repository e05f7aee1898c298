package guard

import (
	"context"
	"io"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tracecar/collector/executor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hangGuard is longer than anything takes; a test past it hangs.
const hangGuard = time.Minute

// waitFor waits until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hangGuard); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for: %s", hangGuard, what)
		}
	}
}

// local answers the questions about one process in this one.
type local struct {
	meters *Meters
	pid    int
}

func (l local) Ask(_ context.Context, name string, question []byte) ([]byte, error) {
	if name != Question {
		panic("a question about " + name)
	}
	return l.meters.Answer(l.pid, question)
}

// bpftrace is one live bpftrace that is measured.
type bpftrace struct {
	proc *executor.Process
	run  *Run
	text chan string
}

func trace(t testing.TB, path, script string) *bpftrace {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
	t.Cleanup(cancel)
	meters := NewMeters()
	bt, err := executor.Find(ctx, executor.Config{
		Path: path, Handlers: map[string]executor.Handler{Question: meters.Answer},
	})
	if err != nil {
		t.Fatal(err)
	}
	proc, err := bt.Start(ctx, executor.Job{Source: script, AttachPoints: 3})
	if err != nil {
		t.Fatal(err)
	}
	b := &bpftrace{proc: proc, run: Begin(proc), text: make(chan string, 1)}
	go func() {
		text, _ := io.ReadAll(proc.Output())
		b.text <- string(text)
	}()
	t.Cleanup(func() {
		proc.Close()
		if _, err := b.run.End(); err != nil {
			t.Error(err)
		}
		meters.Close()
	})
	return b
}

// attached waits until the probes are attached.
func (b *bpftrace) attached(t testing.TB) {
	t.Helper()
	select {
	case <-b.proc.Attached():
		b.run.Attached()
	case <-time.After(hangGuard):
		t.Fatal("the probes are not attached")
	}
}

// stop stops bpftrace and returns its JSON.
func (b *bpftrace) stop(t *testing.T) (string, *executor.Exit) {
	t.Helper()
	b.proc.Stop()
	exit, err := b.proc.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return <-b.text, exit
}

// load makes system calls as fast as one CPU can until the test ends.
func load(t *testing.T) {
	t.Helper()
	c := exec.Command("dd", "if=/dev/zero", "of=/dev/null", "bs=1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
}
