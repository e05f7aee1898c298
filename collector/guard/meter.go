package guard

import (
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// startPoll is how often a starting bpftrace is looked at: its programs
	// live for 50 ms and more, even where the script exits in BEGIN.
	startPoll = 10 * time.Millisecond
	// scanShare bounds the time spent on going through the descriptors (a
	// thousand attach points have two thousand): one part in this many.
	scanShare = 100
	// maxPrograms bounds how many programs of one bpftrace are held. 0.27 takes
	// up to 1024 attach points; what is past the bound is not counted, and the
	// sample says so.
	maxPrograms = 4096
)

// meter measures one bpftrace. It holds a descriptor of each of its programs,
// so that their last count can be read when bpftrace has ended. That keeps the
// programs' memory, and attaches nothing.
type meter struct {
	stats *Stats
	stop  chan struct{}
	done  chan struct{} // nobody looks for programs by himself any more
	quit  func()        // closes stop, once

	mu       sync.Mutex
	proc     *process
	release  func() // of the statistics
	unknown  string
	programs map[uint32]int // id → descriptor
	newest   uint32         // the newest id on this machine at the last scan
	again    bool           // an id is seen shortly before its descriptor
	notYet   time.Time      // no scan before that
	attached bool
	whole    bool // a scan after attaching found bpftrace alive
	gone     bool
	last     Sample
	closed   bool
}

func newMeter(root string, pid int, stats *Stats) (*meter, error) {
	p, err := openProcess(root, pid)
	if err != nil {
		return nil, err
	}
	m := &meter{
		stats: stats, proc: p, programs: map[uint32]int{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	m.quit = sync.OnceFunc(func() { close(m.stop) })
	go m.start()
	return m, nil
}

// start turns the statistics on, which is too slow for who waits for bpftrace
// to start, and looks for programs until the probes are attached.
func (m *meter) start() {
	defer close(m.done)
	release, err := m.stats.Acquire()
	m.mu.Lock()
	if m.release = release; err != nil {
		m.unknown = err.Error()
	}
	m.mu.Unlock()
	t := time.NewTicker(startPoll)
	defer t.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-t.C:
		}
		m.mu.Lock()
		m.scan(false)
		over := m.gone || m.attached
		m.mu.Unlock()
		if over {
			return
		}
	}
}

// probesAttached says that all programs are there now.
func (m *meter) probesAttached() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.attached || m.closed {
		return
	}
	m.attached = true
	m.scan(true)
	m.whole = !m.gone && len(m.programs) < maxPrograms
}

// scan looks for programs that are new; mu is held.
func (m *meter) scan(force bool) {
	if m.gone || m.closed || m.unknown != "" {
		return
	}
	newest, err := newestProgram(m.newest)
	isNew := newest != m.newest || m.again || err != nil
	if !force && (!isNew || time.Now().Before(m.notYet)) {
		return
	}
	begin := time.Now()
	m.again, m.newest = newest != m.newest, newest
	ids, err := m.proc.programs()
	if err != nil {
		// Its descriptors are closed: it is ending. So is a process of another
		// user, which this one may not look at.
		st, errStat := m.proc.stat()
		if m.gone = errStat != nil || st.ended; !m.gone {
			m.unknown = "the descriptors of bpftrace cannot be listed: " + err.Error()
		}
		return
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if _, ok := m.programs[id]; ok || len(m.programs) >= maxPrograms {
			continue
		}
		if fd, err := openProgram(id); err == nil {
			m.programs[id] = fd
		} else if err == unix.EPERM {
			m.unknown = "BPF programs cannot be looked at: " + err.Error()
			return
		}
	}
	m.notYet = time.Now().Add(scanShare * time.Since(begin))
}

// sample measures.
func (m *meter) sample() Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return m.last
	}
	s := Sample{At: monotonic(), MaxRSS: m.last.MaxRSS, CPU: m.last.CPU}
	if st, err := m.proc.family(); err == nil {
		s.CPU, s.RSS, m.gone = max(s.CPU, st.cpu), st.rss, m.gone || st.ended
		s.MaxRSS = max(s.MaxRSS, m.proc.peakRSS())
	} else {
		m.gone = true
	}
	m.scan(false)
	s.Programs, s.Whole = len(m.programs), m.whole
	for _, fd := range m.programs {
		took, runs, err := programCost(fd)
		if err != nil {
			m.unknown = "the kernel does not say how long BPF programs ran: " + err.Error()
			break
		}
		s.Kernel += took
		s.Runs += runs
	}
	if s.Unknown = m.unknown; s.Unknown != "" {
		s.Kernel, s.Runs, s.Whole = 0, 0, false
	}
	s.Ended = m.gone
	m.last = s
	return s
}

// close lets go of everything and returns the last sample. It is idempotent.
func (m *meter) close() Sample {
	m.quit()
	<-m.done
	last := m.sample()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return last
	}
	m.closed = true
	for _, fd := range m.programs {
		unix.Close(fd)
	}
	m.programs = nil
	m.proc.close()
	if m.release != nil {
		m.release()
	}
	return last
}

func monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano())
}
