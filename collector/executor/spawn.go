package executor

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is one started bpftrace, wherever it runs: a direct child, or a
// child of a root helper.
type child interface {
	pid() int
	// signal reports os.ErrProcessDone once it has been reaped.
	signal(syscall.Signal) error
	// exited is closed when it has been reaped; status is valid from then on.
	exited() <-chan struct{}
	status() exitStatus
	// attached ends the bound on CPU time: the probes are attached.
	attached()
	// release lets go of what outlives the process (the helper). Idempotent.
	release()
}

// exitStatus is how a child ended.
type exitStatus struct {
	code         int // -1 where a signal ended it
	signal       syscall.Signal
	user, system time.Duration
	maxRSS       int64         // bytes
	oom          uint64        // the bound on memory, in bytes, for which it was killed; 0: it was not
	data         uint64        // the bound on its private memory, in bytes; 0: there was none
	cpu          time.Duration // the bound on CPU time for which it was killed; 0: it was not
	lost         error         // how it ended is not known: the helper is gone
}

// pipes are the ends to read of a started child: raw, blocking descriptors
// that belong to the receiver. -1: not there.
type pipes struct{ json, stdout, stderr int }

func (p pipes) close() {
	for _, fd := range []int{p.json, p.stdout, p.stderr} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// directChild is a child of this process.
type directChild struct {
	proc  *os.Process
	done  chan struct{}
	st    exitStatus
	clean chan struct{} // closed when its control group has been removed

	mu     sync.Mutex
	reaped bool // under mu: the process id may be another's
}

func (c *directChild) pid() int                      { return c.proc.Pid }
func (c *directChild) signal(s syscall.Signal) error { return c.proc.Signal(s) }
func (c *directChild) exited() <-chan struct{}       { return c.done }
func (c *directChild) status() exitStatus            { return c.st }

// release waits until nothing of the child is left, its control group neither.
func (c *directChild) release() { <-c.clean }

// spawn starts c in a session of its own, to be killed by the kernel when
// this process dies. It closes c.conn.
func spawn(c command) (*directChild, pipes, error) {
	ends, files, err := openFiles(c)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		ends.close()
		return nil, pipes{}, err
	}
	started := make(chan error, 1)
	ch := &directChild{done: make(chan struct{}), clean: make(chan struct{})}
	go func() {
		// The kernel sends PDEATHSIG when the *thread* that forked ends: this
		// goroutine keeps its thread until the child has been reaped.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		ch.proc, err = os.StartProcess(c.path, c.argv, &os.ProcAttr{
			Dir: c.dir, Env: c.env, Files: files,
			Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, AmbientCaps: c.caps},
		})
		if err != nil {
			started <- err
			return
		}
		// Before it is waited for: nobody else can have this process id until then.
		pid := ch.proc.Pid
		adjust(pid, c.cpu)
		started <- nil
		group := ch.bound(c)
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		ch.mu.Lock()
		ch.reaped = true
		state, err := ch.proc.Wait()
		ch.mu.Unlock()
		ch.st.end(state, err, c.cpu)
		if group != nil && group.outOfMemory() {
			ch.st.oom = c.limits.memory()
		}
		close(ch.done)
		if group != nil {
			group.remove()
		}
		close(ch.clean)
	}()
	if err := <-started; err != nil {
		ends.close()
		return nil, pipes{}, fmt.Errorf("start %s: %w", c.path, err)
	}
	return ch, ends, nil
}

// bound bounds a child's memory: one that compiles a script gets a control
// group of its own. It goes on beside the child: making a group and moving into
// it takes the kernel 10 ms and more, and bpftrace compiles nothing before that.
func (c *directChild) bound(cmd command) *controlGroup {
	pid := c.proc.Pid
	if cmd.group {
		g, err := newGroup(hostGroups(), cmd.limits)
		if err == nil {
			if err = g.add(pid); err == nil {
				return g
			}
			g.remove()
		}
	}
	if cmd.mem > 0 {
		if limit(pid, unix.RLIMIT_DATA, cmd.mem) == nil {
			c.st.data = cmd.mem
		}
	}
	return nil
}

// openFiles makes the descriptors of a child: the source on a memory file (it
// can neither block nor be left half-written), stdout and stderr on pipes,
// and the JSON pipe.
func openFiles(c command) (ends pipes, files []*os.File, err error) {
	ends = pipes{-1, -1, -1}
	stdin := c.conn
	if stdin == nil {
		if stdin, err = memoryFile(c.stdin); err != nil {
			return ends, nil, err
		}
	}
	files = append(files, stdin)
	add := func(end *int) {
		if err != nil {
			return
		}
		var p [2]int
		if err = unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			err = fmt.Errorf("pipe: %w", err)
			return
		}
		*end = p[0]
		files = append(files, os.NewFile(uintptr(p[1]), "pipe"))
	}
	add(&ends.stdout)
	add(&ends.stderr)
	if c.json {
		add(&ends.json)
		if err == nil {
			enlargePipe(ends.json)
		}
	}
	return ends, files, err
}

func memoryFile(text string) (*os.File, error) {
	fd, err := unix.MemfdCreate("script", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "script")
	if _, err = f.WriteString(text); err == nil {
		_, err = f.Seek(0, 0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// stopNow ends a child that has nothing to lose, and waits for it.
func stopNow(c child) {
	_ = c.signal(syscall.SIGKILL)
	<-c.exited()
}
