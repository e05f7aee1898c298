package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tracecar/collector/executor"
	"tracecar/collector/guard"
	"tracecar/collector/kernelmap"
	"tracecar/parser"
	"tracecar/parser/script"
)

// Snapshot is the state of a live run's maps at one instant. Several readers
// may share one: it must not be changed.
type Snapshot struct {
	// Attached is when the probes were attached: maps are cumulative since then.
	Attached time.Time
	// Time is when the maps were read. Rows are of their own instants, up to
	// the length of the read apart, as in bpftrace's own printing.
	Time time.Time
	Maps []Map
	// Missing names the maps whose state cannot be read while the run lives, with why.
	Missing map[string]string
	// Warnings are of maps that are full, where bpftrace does not say so itself.
	Warnings []Diagnostic
	// Fill says how much of each map (with the @) that has keys or buckets is
	// used, where the kernel tells.
	Fill map[string]kernelmap.Fill
}

// ErrNotLive says that a run has no live bpftrace: not yet, or no more.
var ErrNotLive = errors.New("the run is not live")

// Ways to ask a live bpftrace for its maps by signal.
type signalWay uint8

const (
	noSignal     signalWay = iota
	printsItself           // < 0.22: SIGUSR1 prints all maps, with no mark at the end
	appended               // >= 0.22: a self:signal probe that tracecar appended prints them between marks
)

// live is what a run has while its bpftrace lives.
type live struct {
	proc *executor.Process
	hold held
	cost *guard.Run
	way  signalWay
	mark string
	// unasked are the maps that no signal prints, with why.
	unasked map[string]string
}

// signalWait bounds how long bpftrace may take to print its maps; quiet is
// how long it may pause between two of them.
const (
	signalWait = 10 * time.Second
	quiet      = 200 * time.Millisecond
)

// Snapshot reads the maps of a live run without stopping it: from the kernel
// where that is exact, else from what bpftrace prints at a signal. Where its
// Script has a SnapshotInterval, a snapshot that is not that old yet is given
// again: Snapshot.Time tells.
func (r *Run) Snapshot(ctx context.Context) (*Snapshot, error) {
	r.snapMu.Lock()
	defer r.snapMu.Unlock()
	r.mu.Lock()
	l, attached, last := r.live, r.attachedAt, r.snapshot
	least := r.script.SnapshotInterval
	r.mu.Unlock()
	if l == nil || attached.IsZero() {
		return nil, ErrNotLive
	}
	if last != nil && time.Since(last.Time) < least-rhythm(least) {
		return last, nil
	}
	snap, err := r.readMaps(ctx, l, attached)
	if err == nil {
		r.mu.Lock()
		if r.live != nil {
			r.lastRead = snap.info()
			if least > 0 {
				r.snapshot = snap
			}
		}
		r.mu.Unlock()
	}
	return snap, err
}

// info is what a Result says of the snapshot.
func (s *Snapshot) info() *SnapshotInfo {
	return &SnapshotInfo{Time: s.Time.Round(0), Missing: s.Missing}
}

// rhythm is how much earlier than its interval a snapshot may be read again: a
// reader that comes at the same interval comes now and then a little early,
// and would get each state twice.
func rhythm(interval time.Duration) time.Duration { return min(interval/10, time.Second) }

// readMaps makes a snapshot.
func (r *Run) readMaps(ctx context.Context, l *live, attached time.Time) (*Snapshot, error) {
	r.mu.Lock()
	parsed, version := r.fold.script, r.version
	r.mu.Unlock()
	snap := &Snapshot{Attached: attached, Maps: []Map{}, Missing: map[string]string{}}
	tables := l.hold.tables(parsed, version)
	snap.Time = time.Now()
	snap.Warnings, snap.Fill = r.fold.fullMaps(tables), fillOf(tables)
	fromSignal := false
	for i := range parsed.Maps {
		m := &parsed.Maps[i]
		switch t := table(tables, m.Name); {
		case readable(t) && tables.Verified:
			snap.Maps = append(snap.Maps, r.fold.tableMap(t, m))
		case l.unasked[m.Name] != "":
			snap.Missing[m.Name] = l.unasked[m.Name]
		default:
			fromSignal = true
		}
	}
	if !fromSignal {
		return snap, nil
	}
	printed, err := r.signalMaps(ctx, l, filled(tables))
	if err != nil && !errors.Is(err, errNoSignal) {
		return nil, err
	}
	after := l.hold.tables(parsed, version) // read after the print
	snap.Maps = snap.Maps[:0]
	for i := range parsed.Maps {
		m := &parsed.Maps[i]
		t := table(tables, m.Name)
		switch p, ok := printed[m.Name]; {
		case readable(t) && tables.Verified:
			snap.Maps = append(snap.Maps, r.fold.tableMap(t, m))
		case ok:
			snap.Maps = append(snap.Maps, r.printedMap(p, table(after, m.Name)))
		case err != nil && snap.Missing[m.Name] == "":
			snap.Missing[m.Name] = err.Error()
		}
	}
	return snap, nil
}

// fillOf is how much of the maps is used; nil where that is not known.
func fillOf(tables *kernelmap.Tables) map[string]kernelmap.Fill {
	if tables == nil {
		return nil
	}
	return tables.Fill
}

// readable tells whether a kernel table says all that JSON would.
func readable(t *kernelmap.Table) bool {
	if t == nil || t.Truncated {
		return false
	}
	for _, row := range t.Rows.All() {
		if row.Opaque || row.Unsure {
			return false
		}
		for _, p := range row.Key {
			if p.Opaque || p.Unsure {
				return false
			}
		}
	}
	return true
}

// printedMap makes a Map of what bpftrace printed at a signal. The kernel's
// copy was read at another moment, so it only helps where no key can have gone.
func (r *Run) printedMap(p mapPrint, t *kernelmap.Table) Map {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, _ := r.fold.buildMap(p, nil)
	r.fold.upgradeRows(&m, t)
	return m
}

var errNoSignal = errors.New("this version of bpftrace prints maps only at its end, and the kernel's copy cannot be read")

// signalMaps has bpftrace print its maps.
func (r *Run) signalMaps(ctx context.Context, l *live, expected map[string]bool) (map[string]mapPrint, error) {
	if l.way == noSignal {
		return nil, errNoSignal
	}
	if err := r.earlierDone(ctx, l); err != nil {
		return nil, err
	}
	c := newCollecting(l)
	r.mu.Lock()
	r.fold.collecting = c
	r.mu.Unlock()
	keep := false
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !keep {
			r.fold.collecting = nil
		}
	}()
	if err := l.proc.Snapshot(); err != nil {
		return nil, fmt.Errorf("ask bpftrace for its maps: %w", err)
	}
	t := time.NewTimer(signalWait)
	defer t.Stop()
	for {
		var pause <-chan time.Time
		if l.way == printsItself {
			pause = time.After(quiet)
		}
		select {
		case <-c.more:
		case <-pause:
			// A map of stacks takes long to put into words: what the kernel
			// has something in is waited for.
			if c.hasAll(expected) {
				return c.take(), nil
			}
		case <-c.done:
			return c.take(), nil
		case <-l.proc.Done():
			return nil, ErrNotLive
		case <-t.C:
			return nil, fmt.Errorf("bpftrace did not print its maps within %v", signalWait)
		case <-ctx.Done():
			keep = l.way == appended // what it still prints is none of the script's
			return nil, ctx.Err()
		}
	}
}

// earlierDone waits for the prints of a snapshot that its caller gave up.
func (r *Run) earlierDone(ctx context.Context, l *live) error {
	r.mu.Lock()
	old := r.fold.collecting
	r.mu.Unlock()
	if old == nil {
		return ctx.Err()
	}
	t := time.NewTimer(signalWait)
	defer t.Stop()
	select {
	case <-old.done:
		return ctx.Err()
	case <-t.C: // its end mark was lost
		return nil
	case <-l.proc.Done():
		return ErrNotLive
	case <-ctx.Done():
		return ctx.Err()
	}
}

// collecting takes the prints of one snapshot out of the stream.
type collecting struct {
	way        signalWay
	begin, end string
	// unasked maps are the script's own prints wherever they come.
	unasked map[string]string

	mu    sync.Mutex
	open  bool
	maps  map[string]mapPrint
	more  chan struct{}
	done  chan struct{}
	ended bool
}

func newCollecting(l *live) *collecting {
	return &collecting{
		way: l.way, begin: l.mark + "<", end: l.mark + ">", unasked: l.unasked, open: l.way == printsItself,
		maps: map[string]mapPrint{}, more: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// take returns what was printed.
func (c *collecting) take() map[string]mapPrint {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	return c.maps
}

// hasAll tells whether all of the expected maps were printed.
func (c *collecting) hasAll(expected map[string]bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range expected {
		if _, ok := c.maps[name]; !ok {
			return false
		}
	}
	return true
}

// filled names the maps that hold something: bpftrace prints no others.
func filled(tables *kernelmap.Tables) map[string]bool {
	names := map[string]bool{}
	if tables == nil {
		return names
	}
	for i := range tables.Maps {
		if t := &tables.Maps[i]; t.Rows.Len() > 0 {
			names[t.Name] = true
		}
	}
	return names
}

// record takes rec if it belongs to the snapshot.
func (c *collecting) record(rec *parser.Record) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return false
	case rec.Type == parser.TypePrintf && c.way == appended && says(rec, c.begin):
		c.open = true
		return true
	case rec.Type == parser.TypePrintf && c.way == appended && says(rec, c.end):
		c.ended = true
		close(c.done)
		return true
	case c.open && rec.Map != nil && c.unasked[rec.Map.Name] == "":
		c.maps[rec.Map.Name] = mapPrint{typ: rec.Type, state: rec.Map}
		select {
		case c.more <- struct{}{}:
		default:
		}
		return true
	}
	return false
}

// says tells whether a printf printed this text.
func says(rec *parser.Record, text string) bool {
	return rec.Text == text || string(rec.Bytes) == text
}

// tableMap makes a Map of what the kernel holds.
func (t *Translator) tableMap(tab *kernelmap.Table, sm *script.Map) Map {
	m := Map{Name: tab.Name, Kind: string(sm.Kind), Keys: []string{}, Rows: make([]Row, 0, tab.Rows.Len())}
	if tab.Keyed {
		m.Keys = keyNames(sm)
	}
	parts := 0
	for _, row := range tab.Rows.All() {
		parts += len(row.Key)
	}
	keys := make([]parser.Value, 0, parts) // of all rows, in one piece
	for _, row := range tab.Rows.All() {
		r := Row{Value: typedValue(sm, row.Value)}
		if tab.Keyed {
			from := len(keys)
			for j := range row.Key {
				keys = append(keys, row.Key[j].Value)
			}
			r.Key = keys[from:len(keys):len(keys)]
		}
		m.Rows = append(m.Rows, r)
	}
	m.Rows = largest(m.Rows, len(m.Rows))
	return m
}

// largest keeps n rows, those of the largest values, and gives them in
// bpftrace's order: by value, ascending, histograms by their total count; of
// equal ones the order stays. rows stay as they are.
func largest(rows []Row, n int) []Row {
	type place struct {
		weight float64
		at     int
	}
	places := make([]place, len(rows))
	for i := range rows {
		places[i] = place{weight(rows[i].Value), i}
	}
	slices.SortFunc(places, func(a, b place) int {
		if c := cmp.Compare(a.weight, b.weight); c != 0 {
			return c
		}
		return a.at - b.at
	})
	sorted := make([]Row, n)
	for i, p := range places[len(places)-n:] {
		sorted[i] = rows[p.at]
	}
	return sorted
}

// weight orders rows by size; strings and tuples have none.
func weight(v parser.Value) float64 {
	switch v.Kind() {
	case parser.KindBuckets:
		var n uint64
		for _, b := range v.Buckets() {
			n += b.Count
		}
		return float64(n)
	case parser.KindStats:
		f, _ := v.Stats().Total.Float64()
		return f
	}
	f, _ := v.Float64()
	return f
}
