package backend

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Process is one run of a program. It dies with its test, and with the test
// binary.
type Process struct {
	tb   testing.TB
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed once it has been waited for
	err  error         // of Wait, to be read after done
}

// launch starts a program whose output goes to a file that is shown when the
// test fails.
func launch(tb testing.TB, name string, cmd *exec.Cmd) *Process {
	tb.Helper()
	p := &Process{tb: tb, cmd: cmd, log: filepath.Join(tb.TempDir(), name+".log"), done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	cmd.Stderr = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	tb.Cleanup(func() {
		p.Stop()
		if tb.Failed() {
			tb.Logf("%s said:\n%s", name, tail(p.Log()))
		}
	})
	return p
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed once the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.done }

// Log is what it has written so far to standard error, and to standard output
// where nobody else reads that.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Signal sends it a signal; one that has ended gets none.
func (p *Process) Signal(s syscall.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Errorf("signal %v: %v", s, err)
	}
}

// Kill ends it as a crash does, and waits.
func (p *Process) Kill() {
	p.tb.Helper()
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop ends it in order, and waits; what hangs is killed and fails the test.
func (p *Process) Stop() {
	p.tb.Helper()
	p.Signal(syscall.SIGCONT) // a stopped one could not end
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.tb.Errorf("%s did not end on SIGTERM", p.cmd.Path)
		p.Kill()
	}
}

// tail keeps the end of a long log.
func tail(s string) string {
	const most = 20_000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}
