package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Job is one script to run.
type Job struct {
	// Source is the script's text, handed over on standard input: it shows in
	// no process list. Required; no NUL bytes.
	Source string
	// Args are the positional parameters $1, $2, … They cannot be taken for
	// bpftrace's own options. 0.27 takes "--name=value" for the named
	// parameter of a script that calls getopt(), and refuses it for others.
	Args []string
	// AttachPoints is how many there will be, for Stop's grace; 0: not known.
	// SetAttachPoints tells later.
	AttachPoints int
	// Unsafe allows system() and its like. A root helper has to allow it too.
	Unsafe bool
	// Dir is where relative paths in the script start, an absolute path; "" is /.
	Dir string
}

// Process is one running bpftrace. Its methods may be called from any
// goroutine; Output is for one.
type Process struct {
	child          child
	out            *Output
	stdout, stderr *capture
	handlers       map[string]Handler
	grace          Grace
	source         string

	// losesSignals: SIGINT can be lost while bpftrace prints, so it is repeated.
	losesSignals bool
	attachPoints atomic.Int64
	attached     chan struct{}
	stopOnce     sync.Once
	stopping     atomic.Bool
	escalated    atomic.Bool
	killed       atomic.Bool
	stopDone     chan struct{} // nobody signals any more, once Stop was called
	done         chan struct{}
	exit         *Exit
	lost         error
}

// Start starts a script. ctx bounds the starting only (sudo can hang); the
// process lives until it ends, Stop ends it, or this process dies. An error
// means that no bpftrace is running; a script bpftrace refuses is no error
// but an Exit with Diagnostics.
func (b *Bpftrace) Start(ctx context.Context, job Job) (*Process, error) {
	if strings.TrimSpace(job.Source) == "" {
		return nil, &InputError{"the script is empty"}
	}
	req := b.request(kindRun)
	req.source, req.args, req.unsafe, req.dir = job.Source, job.Args, job.Unsafe, job.Dir
	ch, ends, err := b.launch(ctx, req)
	if err != nil {
		return nil, err
	}
	out, err := newOutput(ends.json)
	if err != nil {
		ends.close()
		stopNow(ch)
		ch.release()
		return nil, err
	}
	p := &Process{
		child: ch, out: out, handlers: b.cfg.Handlers, grace: b.cfg.Grace, source: job.Source,
		losesSignals: !b.version.AtLeast(0, 22),
		attached:     make(chan struct{}), stopDone: make(chan struct{}), done: make(chan struct{}),
	}
	p.attachPoints.Store(int64(job.AttachPoints))
	found := sync.OnceFunc(func() {
		ch.attached()
		close(p.attached)
	})
	p.stdout = newCapture(ends.stdout, captureBound, notifyVariable, found)
	p.stderr = newCapture(ends.stderr, captureBound, notifyVariable, found)
	go p.supervise()
	return p, nil
}

// supervise turns the end of the child into an Exit.
func (p *Process) supervise() {
	defer close(p.done)
	<-p.child.exited()
	p.out.processEnded()
	p.stdout.finish()
	p.stderr.finish()
	p.stopOnce.Do(func() { close(p.stopDone) })
	<-p.stopDone
	st := p.child.status()
	p.lost = st.lost
	e := &Exit{
		Code: st.code, Signal: st.signal,
		Stopped: p.stopping.Load(), Escalated: p.escalated.Load(), Killed: p.killed.Load(),
		UserTime: st.user, SystemTime: st.system, MaxRSS: st.maxRSS,
	}
	e.Stdout, _ = p.stdout.text()
	e.Stderr, _ = p.stderr.text()
	e.Diagnostics = append(ParseDiagnostics(e.Stderr, p.source), ParseDiagnostics(e.Stdout, p.source)...)
	e.OutOfMemory, e.OutOfCPU = st.outOfMemory(e.Stderr), st.cpu
	e.Diagnostics = append(e.Diagnostics, e.limitDiagnostics()...)
	p.exit = e
}

// Output is the JSON. See its own contract: it must be read until io.EOF, or closed.
func (p *Process) Output() *Output { return p.out }

// PID is bpftrace's process id, also behind sudo.
func (p *Process) PID() int { return p.child.pid() }

// Attached is closed once bpftrace has attached all probes. It stays open
// where bpftrace ends before that.
func (p *Process) Attached() <-chan struct{} { return p.attached }

// Done is closed when bpftrace has ended and Wait would not block.
func (p *Process) Done() <-chan struct{} { return p.done }

// SetAttachPoints tells how many attach points there are, for Stop's grace. It
// counts also for a Stop under way.
func (p *Process) SetAttachPoints(n int) { p.attachPoints.Store(int64(n)) }

// Wait waits for the end of bpftrace, not of its output: what it printed
// last may still be in Output. The error is set where it is not known how
// bpftrace ended (the root helper was killed); the Exit is never nil.
func (p *Process) Wait() (*Exit, error) {
	<-p.done
	exit := *p.exit // each caller may add hints to its own
	exit.Diagnostics = slices.Clone(exit.Diagnostics)
	exit.OutputHeld = p.out.held.Load()
	return &exit, p.lost
}

// Stop ends the script as Ctrl-C does: END runs, maps are printed, exit code
// 0. Where that takes longer than its grace, SIGTERM and then SIGKILL
// follow. It returns at once and is idempotent.
func (p *Process) Stop() {
	p.stopOnce.Do(func() {
		select {
		case <-p.child.exited():
			close(p.stopDone)
			return
		default:
		}
		p.stopping.Store(true)
		go p.stop()
	})
}

// Up to 0.21 bpftrace takes SIGINT only while it waits for events, and forgets
// one that comes while it prints: seen in 0.17 after SIGUSR1. So it is sent
// again, ever more seldom; one that comes while bpftrace ends changes nothing.
const (
	firstAgain = 250 * time.Millisecond
	lastAgain  = 2 * time.Second
)

func (p *Process) stop() {
	defer close(p.stopDone)
	start := time.Now()
	if p.signal(syscall.SIGINT) != nil {
		return
	}
	again := firstAgain
	for next := start.Add(again); ; {
		// SetAttachPoints may change the grace: look every time.
		left := p.grace.afterInt(int(p.attachPoints.Load())) - time.Since(start)
		printing := p.printsItsLast()
		if printing {
			// The next signal would kill it. Symbols of big programs take long.
			left += printingGrace
		}
		if left <= 0 {
			break
		}
		if p.endsWithin(min(left, again, time.Second)) {
			return
		}
		if p.losesSignals && !printing && time.Now().After(next) && !p.printsItsLast() {
			if p.signal(syscall.SIGINT) != nil {
				return
			}
			again = min(2*again, lastAgain)
			next = time.Now().Add(again)
		}
	}
	p.escalated.Store(true)
	if p.signal(syscall.SIGTERM) != nil || p.endsWithin(p.grace.afterTerm()) {
		return
	}
	p.killed.Store(true)
	_ = p.signal(syscall.SIGKILL)
}

// printsItsLast tells whether bpftrace has given SIGINT its default action
// back: up to 0.23 it does so before it prints its last maps, and the next
// signal kills it. Where that cannot be seen, it is not so.
func (p *Process) printsItsLast() bool {
	select {
	case <-p.attached:
	default:
		return false // it may not have had a handler yet
	}
	caught, err := signalCaught(p.PID(), syscall.SIGINT)
	ignored, err2 := signalIn(p.PID(), "SigIgn:", syscall.SIGINT)
	return err == nil && err2 == nil && !caught && !ignored
}

func (p *Process) endsWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.child.exited():
		return true
	case <-t.C:
		return false
	}
}

func (p *Process) signal(s syscall.Signal) error {
	if err := p.child.signal(s); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return err
		}
		return fmt.Errorf("send %s to bpftrace: %w", signalName(s), err)
	}
	return nil
}

// Kill ends bpftrace with SIGKILL, without END and maps: for a process past a
// limit, whose output nobody wants. Stop is the way to end a script.
func (p *Process) Kill() {
	select {
	case <-p.child.exited():
	default:
		p.killed.Store(true)
		_ = p.child.signal(syscall.SIGKILL)
	}
}

// ErrNoSnapshot says that bpftrace does not handle SIGUSR1, or not yet; it would die of it.
var ErrNoSnapshot = errors.New("bpftrace does not handle SIGUSR1 (yet)")

// Snapshot makes bpftrace print its maps and run on (SIGUSR1): up to 0.21 by
// itself, from 0.22 on where the script has a self:signal:SIGUSR1 probe. Where
// bpftrace has no handler installed it refuses with ErrNoSnapshot.
func (p *Process) Snapshot() error {
	caught, err := signalCaught(p.PID(), syscall.SIGUSR1)
	if err != nil {
		return err
	}
	if !caught {
		return ErrNoSnapshot
	}
	return p.signal(syscall.SIGUSR1)
}

// Ask puts a question to the Handler of that name, in whichever process holds
// root. It works until Close, also after bpftrace has ended.
func (p *Process) Ask(ctx context.Context, name string, payload []byte) ([]byte, error) {
	if r, ok := p.child.(asker); ok {
		return r.ask(ctx, name, payload)
	}
	h := p.handlers[name]
	if h == nil {
		return nil, &InputError{fmt.Sprintf("no handler for %q", clip(name, 40))}
	}
	return h(p.PID(), payload)
}

// asker is a child that has its handlers elsewhere.
type asker interface {
	ask(ctx context.Context, name string, payload []byte) ([]byte, error)
}

// Close stops bpftrace where it still runs, gives up its output, waits until
// both have ended, and lets the root helper go. It is idempotent; defer it.
func (p *Process) Close() error {
	p.Stop()
	_ = p.out.Close()
	<-p.done
	<-p.out.drained
	p.child.release()
	return nil
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}
