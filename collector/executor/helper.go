package executor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// helperChild is a bpftrace that a root helper started for this process. The
// socket is the helper's lifeline: when it closes, by whatever end of this
// process, the helper ends bpftrace and itself.
type helperChild struct {
	conn   *frameConn
	sudo   *directChild
	stderr *capture // sudo's and the helper's own
	stdout *capture
	bpf    int // process id
	done   chan struct{}
	st     exitStatus
	reader chan struct{} // closed when reading has ended

	mu      sync.Mutex
	pending map[uint32]chan frame
	broken  error // set when reading has ended
	lastID  atomic.Uint32
	freed   sync.Once
}

func (c *helperChild) pid() int                { return c.bpf }
func (c *helperChild) exited() <-chan struct{} { return c.done }
func (c *helperChild) status() exitStatus      { return c.st }

func (c *helperChild) signal(s syscall.Signal) error {
	select {
	case <-c.done:
		return os.ErrProcessDone
	default:
		return c.conn.write(opSignal, 0, packStrings(strconv.Itoa(int(s))))
	}
}

func (c *helperChild) attached() {
	select {
	case <-c.done:
	default:
		_ = c.conn.write(opProbing, 0, nil)
	}
}

// launchHelper has sudo start the root helper, and the helper bpftrace.
func (b *Bpftrace) launchHelper(ctx context.Context, r *request) (child, pipes, error) {
	c, err := b.startSudo()
	if err != nil {
		return nil, pipes{}, err
	}
	// A sudo that hangs (a PAM module, a name service) must not hang us.
	unhang := context.AfterFunc(ctx, func() { _ = c.conn.c.SetReadDeadline(time.Unix(1, 0)) })
	ends, err := c.handshake(r)
	if !unhang() && err == nil {
		// Too late to stop a start that worked; reading goes on.
		_ = c.conn.c.SetReadDeadline(time.Time{})
	}
	if err != nil {
		gone := errors.Is(err, errNoHello)
		c.conn.dropFDs()
		c.hangUp()
		if ctx.Err() != nil {
			return nil, pipes{}, ctx.Err()
		}
		if gone {
			text, _ := c.stderr.text()
			err = b.sudoError(text)
		}
		return nil, pipes{}, err
	}
	go c.read()
	return c, ends, nil
}

// startSudo starts sudo with one end of a socket pair as the helper's
// standard input: the only descriptor sudo is sure to leave alone.
func (b *Bpftrace) startSudo() (*helperChild, error) {
	if len(b.cfg.Helper) == 0 {
		return nil, errors.New("sudo was asked for, and no root helper is configured")
	}
	if !filepath.IsAbs(b.cfg.Helper[0]) {
		return nil, fmt.Errorf("the root helper has to be an absolute path, not %q", b.cfg.Helper[0])
	}
	sudo, err := findSudo()
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	mine := os.NewFile(uintptr(pair[0]), "helper")
	conn, err := net.FileConn(mine)
	mine.Close()
	theirs := os.NewFile(uintptr(pair[1]), "helper")
	if err != nil {
		theirs.Close()
		return nil, err
	}
	argv := append([]string{"sudo", "-n", "--"}, b.cfg.Helper...)
	proc, ends, err := spawn(command{path: sudo, argv: argv, env: (&request{}).environ(), dir: "/", conn: theirs})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &helperChild{
		conn: newFrameConn(conn.(*net.UnixConn), maxReply), sudo: proc,
		stdout: newCapture(ends.stdout, 4096, "", nil), stderr: newCapture(ends.stderr, 4096, "", nil),
		done: make(chan struct{}), reader: make(chan struct{}), pending: map[uint32]chan frame{},
	}, nil
}

// CheckSudo tells whether sudo lets this user start the root helper, by
// starting it: nil, a SudoError, or what else went wrong. Root needs no sudo: nil.
func CheckSudo(ctx context.Context, cfg Config) error {
	if os.Geteuid() == 0 {
		return nil
	}
	b := &Bpftrace{cfg: cfg}
	c, err := b.startSudo()
	if err != nil {
		return err
	}
	unhang := context.AfterFunc(ctx, func() { _ = c.conn.c.SetReadDeadline(time.Unix(1, 0)) })
	fr, err := c.conn.read()
	unhang()
	c.hangUp()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		text, _ := c.stderr.text()
		return b.sudoError(text)
	case fr.op != opHello || string(fr.payload) != helloText:
		return fmt.Errorf("root helper: %q", clip(string(fr.payload), 100))
	}
	return nil
}

var errNoHello = errors.New("the root helper did not answer")

func (c *helperChild) handshake(r *request) (ends pipes, err error) {
	fr, err := c.conn.read()
	if err != nil {
		return ends, errNoHello
	}
	if fr.op == opHello && string(fr.payload) != helloText {
		return ends, fmt.Errorf("the root helper is of another version (it says %q): install it again", clip(string(fr.payload), 60))
	}
	if fr.op == opHello {
		if err = c.conn.write(opStart, 0, r.pack()); err != nil {
			return ends, err
		}
		if fr, err = c.conn.read(); err != nil {
			return ends, fmt.Errorf("the root helper ended before it started bpftrace: %w", err)
		}
	}
	switch {
	case fr.op == opRefused:
		return ends, fmt.Errorf("root helper: %s", fr.payload)
	case fr.op != opStarted:
		return ends, fmt.Errorf("the root helper gave a frame of kind %q out of turn", fr.op)
	}
	want := 2
	if r.kind == kindRun {
		want = 3
	}
	if c.bpf, err = strconv.Atoi(string(fr.payload)); err != nil || c.bpf <= 1 || len(c.conn.fds) != want {
		return ends, fmt.Errorf("the root helper started process %q with %d pipes", clip(string(fr.payload), 20), len(c.conn.fds))
	}
	ends = pipes{json: -1, stdout: c.conn.fds[0], stderr: c.conn.fds[1]}
	if want == 3 {
		ends.json = c.conn.fds[2]
	}
	c.conn.fds = nil
	return ends, nil
}

// read takes what the helper says until it hangs up.
func (c *helperChild) read() {
	defer close(c.reader)
	ended := false
	for {
		fr, err := c.conn.read()
		if err != nil {
			c.mu.Lock()
			c.broken = errors.New("the root helper is gone")
			for id, ch := range c.pending {
				delete(c.pending, id)
				close(ch)
			}
			c.mu.Unlock()
			if !ended {
				c.st = exitStatus{code: -1, lost: errors.New("the root helper ended before bpftrace; bpftrace was killed with it")}
				close(c.done)
			}
			return
		}
		switch fr.op {
		case opExit:
			if !ended {
				c.st, ended = unpackStatus(fr.payload), true
				close(c.done)
			}
		case opReply, opFailed:
			c.mu.Lock()
			ch := c.pending[fr.id]
			delete(c.pending, fr.id)
			c.mu.Unlock()
			if ch != nil {
				ch <- fr
			}
		}
		c.conn.dropFDs()
	}
}

func (c *helperChild) ask(ctx context.Context, name string, payload []byte) ([]byte, error) {
	if len(payload) > maxRequest/2 {
		return nil, &InputError{"the question is longer than 8 MiB"}
	}
	id, ch := c.lastID.Add(1), make(chan frame, 1)
	c.mu.Lock()
	if c.broken != nil {
		c.mu.Unlock()
		return nil, c.broken
	}
	c.pending[id] = ch
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pending, id)
		c.mu.Unlock()
	}()
	if err := c.conn.write(opAsk, id, packStrings(name, string(payload))); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case fr, ok := <-ch:
		switch {
		case !ok:
			return nil, errors.New("the root helper is gone")
		case fr.op == opFailed:
			return nil, errors.New(string(fr.payload))
		}
		return fr.payload, nil
	}
}

// release hangs up and waits for the helper to go.
func (c *helperChild) release() {
	c.freed.Do(func() {
		c.hangUp()
		<-c.reader
	})
}

// hangUp closes the lifeline and sees sudo off. A sudo that hangs gets SIGTERM;
// SIGKILL would leave what it started behind.
func (c *helperChild) hangUp() {
	_ = c.conn.c.Close()
	for _, wait := range []time.Duration{5 * time.Second, 2 * time.Second} {
		select {
		case <-c.sudo.exited():
		case <-time.After(wait):
			_ = c.sudo.signal(syscall.SIGTERM)
		}
	}
	c.stdout.finish()
	c.stderr.finish()
}

func unpackStatus(b []byte) exitStatus {
	ss, err := unpackStrings(b)
	if err != nil || len(ss) != 9 {
		return exitStatus{code: -1, lost: errors.New("the root helper gave an exit status that cannot be read")}
	}
	n := func(s string) int64 { v, _ := strconv.ParseInt(s, 10, 64); return v }
	st := exitStatus{
		code: int(n(ss[0])), signal: syscall.Signal(n(ss[1])),
		user: time.Duration(n(ss[2])), system: time.Duration(n(ss[3])), maxRSS: n(ss[4]),
	}
	st.oom, _ = strconv.ParseUint(ss[6], 10, 64)
	st.cpu = time.Duration(n(ss[7]))
	st.data, _ = strconv.ParseUint(ss[8], 10, 64)
	if ss[5] != "" {
		st.lost = errors.New(strings.TrimSpace(ss[5]))
	}
	return st
}
