package executor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// HelperOptions say what a root helper does beyond starting bpftrace.
type HelperOptions struct {
	// Handlers answer Process.Ask.
	Handlers map[string]Handler
	// AllowUnsafe lets callers ask for bpftrace --unsafe: system() as root.
	AllowUnsafe bool
}

// helperGrace is how long bpftrace may take to end once the lifeline is cut.
const helperGrace = 2 * time.Second

// ServeHelper is the whole of the root helper: a program that sudo starts with
// one end of a socket as its standard input (conn). It runs one bpftrace at its
// caller's wish and hands the ends to read of its pipes over; it answers
// questions until the caller hangs up. Hanging up, and SIGINT, SIGTERM or
// SIGHUP to the helper, end bpftrace: SIGINT, two seconds, SIGKILL.
//
// The caller is not trusted with root: it names one of a few fixed requests,
// the helper builds the command line and environment itself, and runs only a
// bpftrace that nobody but root can replace. What the caller does get is that a
// script of its choice runs as root; whoever writes the sudoers line grants that.
//
// The error is nil when the caller hung up.
func ServeHelper(conn *os.File, o HelperOptions) error {
	nc, err := net.FileConn(conn)
	if err != nil {
		return fmt.Errorf("standard input is no socket (does sudo log input?): %w", err)
	}
	uc, ok := nc.(*net.UnixConn)
	if !ok {
		nc.Close()
		return errors.New("standard input is no unix socket")
	}
	conn.Close()
	h := &helper{conn: newFrameConn(uc, maxRequest), o: o}
	defer h.conn.c.Close()
	if os.Geteuid() != 0 {
		_ = h.conn.write(opRefused, 0, []byte("the helper is not root"))
		return errors.New("the helper is not root")
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(stop)
	served := make(chan error, 1)
	go func() { served <- h.serve() }()
	select {
	case <-stop:
		h.end()
		_ = h.conn.c.Close()
		err = errors.Join(errors.New("stopped by a signal"), <-served)
	case err = <-served:
		h.end()
	}
	h.asks.Wait()
	if c := h.current(); c != nil {
		c.release()
	}
	return err
}

type helper struct {
	conn *frameConn
	o    HelperOptions
	asks sync.WaitGroup

	asking atomic.Int32
	mu     sync.Mutex
	child  *directChild
	ended  bool // start nothing any more
}

// serve reads frames until the caller hangs up.
func (h *helper) serve() error {
	if err := h.conn.write(opHello, 0, []byte(helloText)); err != nil {
		return err
	}
	for {
		fr, err := h.conn.read()
		h.conn.dropFDs()
		if err != nil {
			return nil //nolint:nilerr // the caller hung up: that is how it ends
		}
		switch fr.op {
		case opStart:
			if err := h.start(fr.payload); err != nil {
				return h.conn.write(opRefused, 0, []byte(err.Error()))
			}
		case opSignal:
			h.signal(fr.payload)
		case opProbing:
			if c := h.current(); c != nil {
				c.attached()
			}
		case opAsk:
			if h.asking.Add(1) > maxAsking {
				h.asking.Add(-1)
				_ = h.conn.write(opFailed, fr.id, []byte("too many questions at once"))
				continue
			}
			h.asks.Go(func() {
				defer h.asking.Add(-1)
				h.ask(fr)
			})
		default:
			return fmt.Errorf("frame of unknown kind %q", fr.op)
		}
	}
}

func (h *helper) start(payload []byte) error {
	r, err := unpackRequest(payload)
	if err != nil {
		return err
	}
	if why := untrusted(r.path); why != "" {
		return errors.New("will not run this bpftrace as root: " + why)
	}
	if r.unsafe && !h.o.AllowUnsafe {
		return errors.New("--unsafe is not allowed here")
	}
	cmd, err := r.command()
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.child != nil || h.ended {
		return errors.New("one helper starts one bpftrace")
	}
	ch, ends, err := spawn(cmd)
	if err != nil {
		return err
	}
	defer ends.close()
	h.child = ch
	fds := []int{ends.stdout, ends.stderr}
	if ends.json >= 0 {
		fds = append(fds, ends.json)
	}
	if err := h.conn.write(opStarted, 0, []byte(itoa(ch.pid())), fds...); err != nil {
		return err
	}
	h.asks.Go(func() {
		<-ch.exited()
		_ = h.conn.write(opExit, 0, ch.status().pack())
	})
	return nil
}

// maxAsking bounds the questions a helper answers at once.
const maxAsking = 32

// signals a caller may have sent to bpftrace.
var signals = map[syscall.Signal]bool{syscall.SIGINT: true, syscall.SIGTERM: true, syscall.SIGKILL: true, syscall.SIGUSR1: true}

func (h *helper) signal(payload []byte) {
	ss, err := unpackStrings(payload)
	if err != nil || len(ss) != 1 {
		return
	}
	n, err := strconv.Atoi(ss[0])
	if c := h.current(); err == nil && c != nil && signals[syscall.Signal(n)] {
		_ = c.signal(syscall.Signal(n))
	}
}

func (h *helper) current() *directChild {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.child
}

func (h *helper) ask(fr frame) {
	answer, err := h.handle(fr.payload)
	if err == nil && len(answer) > maxReply {
		err = errors.New("the answer is too long")
	}
	if err != nil {
		_ = h.conn.write(opFailed, fr.id, []byte(err.Error()))
		return
	}
	_ = h.conn.write(opReply, fr.id, answer)
}

func (h *helper) handle(payload []byte) ([]byte, error) {
	ss, err := unpackStrings(payload)
	if err != nil || len(ss) != 2 {
		return nil, errShort
	}
	handler, c := h.o.Handlers[ss[0]], h.current()
	switch {
	case handler == nil:
		return nil, fmt.Errorf("no handler for %q", clip(ss[0], 40))
	case c == nil:
		return nil, errors.New("no bpftrace was started")
	}
	return handler(c.pid(), []byte(ss[1]))
}

// end ends bpftrace.
func (h *helper) end() {
	h.mu.Lock()
	h.ended = true
	c := h.child
	h.mu.Unlock()
	if c == nil {
		return
	}
	_ = c.signal(syscall.SIGINT)
	select {
	case <-c.exited():
	case <-time.After(helperGrace):
		stopNow(c)
	}
}
