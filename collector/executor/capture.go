package executor

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// captureBound is how much of stdout and of stderr a Process keeps: half from
// the start, half from the end.
const captureBound = 64 << 10

// capture reads one pipe to its end and keeps a bounded part of it.
type capture struct {
	f     *os.File
	bound int
	done  chan struct{}
	// notify is looked for in what passes; found is called once, when it does.
	notify []byte
	found  func()

	mu      sync.Mutex
	head    []byte
	tail    []byte // at most bound/2, once compacted
	dropped int64
	recent  []byte // the end of the last block, for a notify cut in two
}

// newCapture takes over fd and starts to read it.
func newCapture(fd, bound int, notify string, found func()) *capture {
	_ = unix.SetNonblock(fd, true) // so that a deadline can end the reading
	c := &capture{
		f: os.NewFile(uintptr(fd), "pipe"), bound: bound, done: make(chan struct{}),
		notify: []byte(notify), found: found,
	}
	go c.run()
	return c
}

func (c *capture) run() {
	defer close(c.done)
	defer c.f.Close()
	buf := make([]byte, 4<<10)
	for {
		n, err := c.f.Read(buf)
		c.keep(buf[:n])
		if err != nil {
			return
		}
	}
}

func (c *capture) keep(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found != nil {
		if c.recent = append(c.recent, b...); bytes.Contains(c.recent, c.notify) {
			c.found()
			c.found = nil
		}
		if extra := len(c.recent) - len(c.notify); extra > 0 {
			c.recent = append(c.recent[:0], c.recent[extra:]...)
		}
	}
	half := c.bound / 2
	if room := half - len(c.head); room > 0 {
		n := min(room, len(b))
		c.head, b = append(c.head, b[:n]...), b[n:]
	}
	if c.tail = append(c.tail, b...); len(c.tail) > 2*half {
		c.compact(half)
	}
}

func (c *capture) compact(half int) {
	if extra := len(c.tail) - half; extra > 0 {
		c.dropped += int64(extra)
		c.tail = append(c.tail[:0], c.tail[extra:]...)
	}
}

// finish waits for the end of the pipe, but not for long: a process that
// bpftrace left behind may hold the other end.
func (c *capture) finish() {
	_ = c.f.SetReadDeadline(time.Now().Add(heldOpen))
	<-c.done
}

// text returns what was kept, with a line that says what was left out.
func (c *capture) text() (s string, dropped int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compact(c.bound / 2)
	s = string(c.head)
	if c.dropped > 0 {
		s += fmt.Sprintf("\n[%d bytes left out]\n", c.dropped)
	}
	s += string(c.tail)
	if len(c.notify) > 0 {
		s = string(bytes.ReplaceAll([]byte(s), append(c.notify, '\n'), nil))
	}
	return s, c.dropped
}
