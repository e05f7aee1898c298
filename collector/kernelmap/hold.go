package kernelmap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	namePrefix = "AT_" // bpftrace's name for "@"
	nameLimit  = 15    // the kernel's BPF_OBJ_NAME_LEN without the NUL
)

func kernelName(name string) string { return name[:min(len(name), nameLimit)] }

// Watching asks the kernel for the next map id, one system call of about a
// microsecond while nothing new appears. A script that exits in BEGIN lives
// for 100 ms and more after making its maps.
const (
	pollFast = 2 * time.Millisecond
	pollSlow = 20 * time.Millisecond
	// fastFor is how long after the start polling is fast.
	fastFor = 3 * time.Second
	// calmAfter is how long after the last map polling is slow, where the probes
	// are attached: a script that counts system calls sees each of the polls.
	calmAfter = 50 * time.Millisecond
	// settleFor is how long watching goes on after Attached and the last new
	// map; all maps are made at once. 0.17 and 0.23 say attached_probes before
	// they make them, so up to emptyFor the first one is waited for.
	settleFor = time.Second
	emptyFor  = 30 * time.Second
	// strangerAfter is how long a map whose owner is not pid may still turn
	// out to be pid's: an id is visible shortly before its descriptor is.
	strangerAfter = 100 * time.Millisecond
)

// Holder finds the maps of one bpftrace process and keeps a descriptor of
// each, so that their state can be read while bpftrace lives and after it
// has ended. It is safe for concurrent use.
type Holder struct {
	proc     process
	cancel   context.CancelFunc
	done     chan struct{}
	attached chan struct{}
	once     sync.Once

	mu      sync.Mutex
	maps    []*held // owned by pid, by id
	pending []*held // seen, owner not yet known
	lastID  uint32  // the newest id looked at
	err     error   // why watching ended early
	closed  bool
	cpus    int
	btf     map[uint32]*layouts // by BTF id
}

// held is one open map.
type held struct {
	fd    int
	info  *mapInfo
	since time.Time
	scans int
	count int // entries at the last dump
	// keys and values are the last dump's, where they are used again.
	keys, values []byte
	memo         memo
}

// Hold watches pid, a bpftrace process just started (or a shell script that
// will exec it), until Attached was called and no more maps come, the process
// has ended, or ctx is done. It does not block. Close must be called.
//
// It needs CAP_SYS_ADMIN; without, no maps are held and Err says so.
func Hold(ctx context.Context, pid int) *Holder {
	ctx, cancel := context.WithCancel(ctx)
	h := &Holder{
		proc: processOf(pid), cancel: cancel,
		done: make(chan struct{}), attached: make(chan struct{}),
		btf: map[uint32]*layouts{},
	}
	go h.watch(ctx)
	return h
}

// Attached says that bpftrace announced its probes (attached_probes): its
// maps are there or are made next, and watching ends soon after, which saves
// a long run the polling. It is idempotent, and may be left out.
func (h *Holder) Attached() { h.once.Do(func() { close(h.attached) }) }

// Err returns why watching failed, or nil.
func (h *Holder) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Names returns the kernel's names of the maps held so far, oldest first.
func (h *Holder) Names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := make([]string, len(h.maps))
	for i, m := range h.maps {
		names[i] = m.info.name()
	}
	return names
}

// Close ends watching and gives the maps back to the kernel. It is idempotent.
func (h *Holder) Close() error {
	h.cancel()
	<-h.done
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, m := range slices.Concat(h.maps, h.pending) {
		unix.Close(m.fd)
	}
	h.maps, h.pending = nil, nil
	return nil
}

func (h *Holder) watch(ctx context.Context) {
	defer close(h.done)
	fastUntil := time.Now().Add(fastFor)
	attached := h.attached
	var attachedAt time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for polls := 0; ; polls++ {
		select {
		case <-ctx.Done():
			return
		case <-attached:
			attached, attachedAt = nil, time.Now()
			fastUntil = attachedAt.Add(fastFor)
		case <-timer.C:
		}
		if err := h.poll(); err != nil {
			return
		}
		if polls%16 == 0 && h.proc.gone() {
			return
		}
		if attached == nil && h.settled(attachedAt) {
			return
		}
		wait := pollFast
		if time.Now().After(fastUntil) || attached == nil && h.calm() {
			wait = pollSlow
		}
		timer.Reset(wait)
	}
}

// calm tells whether the last map was found a while ago: they are made at
// the same time.
func (h *Holder) calm() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.maps) > 0 && time.Since(h.maps[len(h.maps)-1].since) > calmAfter
}

// settled tells whether all maps are held, as far as time can tell.
func (h *Holder) settled(attachedAt time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.maps) == 0 {
		return time.Since(attachedAt) > emptyFor
	}
	last := h.maps[len(h.maps)-1].since
	return time.Since(attachedAt) > settleFor && time.Since(last) > settleFor && len(h.pending) == 0
}

// poll looks at the maps made since the last poll.
func (h *Holder) poll() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.look()
}

// look is poll; mu is held.
func (h *Holder) look() error {
	if h.closed {
		return errClosed
	}
	for {
		id, err := nextID(h.lastID)
		if errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			h.err = fmt.Errorf("kernelmap: list maps: %w", err)
			return h.err
		}
		h.lastID = id
		if m := open(id); m != nil {
			h.pending = append(h.pending, m)
		}
	}
	if len(h.pending) > 0 {
		h.claim()
	}
	return nil
}

// open opens the map if its name may be one of bpftrace's.
func open(id uint32) *held {
	fd, err := openID(id)
	if err != nil {
		return nil // freed meanwhile
	}
	info, err := getInfo(fd)
	if err != nil || !strings.HasPrefix(info.name(), namePrefix) {
		unix.Close(fd)
		return nil
	}
	return &held{fd: fd, info: info, since: time.Now()}
}

// claim moves pid's maps from pending to maps and drops those of others:
// other bpftraces run beside this one.
func (h *Holder) claim() {
	owned, err := h.proc.mapIDs()
	ended := err != nil
	keep := h.pending[:0]
	for _, m := range h.pending {
		m.scans++
		switch {
		case owned[m.info.ID]:
			h.maps = append(h.maps, m)
		case ended || m.scans > 3 && time.Since(m.since) > strangerAfter:
			unix.Close(m.fd)
		default:
			keep = append(keep, m)
		}
	}
	h.pending = keep
	slices.SortFunc(h.maps, func(a, b *held) int { return int(a.info.ID) - int(b.info.ID) })
}

var errClosed = errors.New("kernelmap: holder is closed")
