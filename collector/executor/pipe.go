package executor

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pipeSize is what the JSON pipe is enlarged to, where the host allows.
	pipeSize = 1 << 20
	// coalesce is how long a drained pipe is left to fill before it is read
	// again: one wake-up for a block of lines instead of one per line. It
	// delays nothing on a quiet stream, where the last read is longer ago.
	coalesce = 8 * time.Millisecond
	// heldOpen is how long the pipe may stay silent and open after bpftrace
	// has ended (a child of system() can hold the other end) before it counts as ended.
	heldOpen = time.Second
)

// enlargePipe asks for a big pipe and takes what it gets: users without
// CAP_SYS_RESOURCE have limits.
func enlargePipe(fd int) {
	for size := pipeSize; size > 64<<10; size /= 2 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, size); err == nil {
			return
		}
	}
}

// Output is the JSON of one bpftrace: an io.ReadCloser for one goroutine.
//
// It must be read until io.EOF, or closed; then the executor goes on draining
// it to nowhere. Give Read a buffer of 64 KiB or more: a Read that fills its
// buffer is followed by the next at once, one that drained the pipe lets it
// fill for 8 ms. Reads block a thread on purpose: the runtime's poller
// would be woken for every line bpftrace writes, at 28–51 % of bpftrace's own CPU.
type Output struct {
	mu    sync.Mutex // held by whoever reads
	fd    int
	wake  int // eventfd: Close was called or the process ended; -1 after EOF
	pause time.Duration
	short bool // the last read drained the pipe
	last  time.Time
	eof   bool

	wakeMu  sync.Mutex // guards closing wake against writing it
	closed  atomic.Bool
	exited  atomic.Bool
	held    atomic.Bool
	bytes   atomic.Uint64
	drained chan struct{} // closed when nobody will read any more
}

func newOutput(fd int) (*Output, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	o := &Output{fd: fd, wake: wake, pause: coalesce, drained: make(chan struct{})}
	// A pipe that could not be enlarged fills sooner: leave it alone for no
	// longer than 100 MB/s take to fill it.
	if size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0); err == nil {
		o.pause = min(coalesce, time.Duration(size)*10*time.Nanosecond)
	}
	return o, nil
}

// Read waits for output and returns what is there. After the last byte it
// returns io.EOF; after Close, os.ErrClosed, also from a Read that was waiting.
func (o *Output) Read(p []byte) (int, error) {
	for !o.mu.TryLock() { // Close was called: whoever drains holds mu to the end
		if o.closed.Load() {
			return 0, os.ErrClosed
		}
		runtime.Gosched()
	}
	defer o.mu.Unlock()
	if o.closed.Load() {
		return 0, os.ErrClosed
	}
	return o.read(p, false)
}

// Close gives up reading. It does not stop bpftrace; what it still prints is
// thrown away. It returns at once and is idempotent.
func (o *Output) Close() error {
	if o.closed.Swap(true) {
		return nil
	}
	o.ping()
	go func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.eof {
			return
		}
		buf := make([]byte, 128<<10)
		for {
			if _, err := o.read(buf, true); err != nil {
				return
			}
		}
	}()
	return nil
}

// Bytes returns how many bytes were read from bpftrace so far.
func (o *Output) Bytes() uint64 { return o.bytes.Load() }

// processEnded is told when bpftrace has been reaped: EOF is due.
func (o *Output) processEnded() {
	o.exited.Store(true)
	o.ping()
}

// read is Read for whoever holds mu. After Close it goes on only for the
// goroutine that drains.
func (o *Output) read(p []byte, draining bool) (int, error) {
	for {
		switch {
		case o.eof:
			return 0, io.EOF
		case o.closed.Load() && !draining:
			return 0, os.ErrClosed
		case len(p) == 0:
			return 0, nil
		}
		if o.short {
			o.short = false
			if left := o.pause - time.Since(o.last); left > 0 && !o.exited.Load() {
				if _, _, err := o.poll(false, left); err != nil {
					o.end()
					return 0, err
				}
				continue
			}
		}
		wait := time.Duration(-1)
		if o.exited.Load() {
			wait = heldOpen
		}
		readable, woken, err := o.poll(true, wait)
		if err != nil {
			o.end()
			return 0, err
		}
		if !readable {
			if !woken && wait >= 0 {
				o.held.Store(true)
				o.end()
			}
			continue
		}
		n, err := unix.Read(o.fd, p)
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			o.end()
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			o.end()
			continue
		}
		o.bytes.Add(uint64(n))
		if o.short = n < len(p); o.short {
			o.last = time.Now()
		}
		return n, nil
	}
}

// poll waits until there is output (where asked for), a ping, or the timeout
// (negative: none).
func (o *Output) poll(output bool, timeout time.Duration) (readable, woken bool, err error) {
	fds := []unix.PollFd{{Fd: int32(o.wake), Events: unix.POLLIN}, {Fd: int32(o.fd), Events: unix.POLLIN}}
	if !output {
		fds = fds[:1]
	}
	var ts *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(timeout.Nanoseconds())
		ts = &t
	}
	_, err = unix.Ppoll(fds, ts, nil)
	if errors.Is(err, unix.EINTR) {
		return false, true, nil
	} else if err != nil {
		return false, false, os.NewSyscallError("poll", err)
	}
	if fds[0].Revents != 0 {
		woken = true
		var buf [8]byte
		_, _ = unix.Read(o.wake, buf[:])
	}
	return output && fds[1].Revents != 0, woken, nil
}

// end closes the descriptors; the caller holds mu.
func (o *Output) end() {
	if o.eof {
		return
	}
	o.eof = true
	unix.Close(o.fd)
	o.wakeMu.Lock()
	unix.Close(o.wake)
	o.wake = -1
	o.wakeMu.Unlock()
	close(o.drained)
}

// ping makes a poll return.
func (o *Output) ping() {
	o.wakeMu.Lock()
	defer o.wakeMu.Unlock()
	if o.wake >= 0 {
		_, _ = unix.Write(o.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}
