package collector

import "tracecar/parser"

// eventLog keeps the events of one run, bounded in number and bytes. A run
// whose caller waits for the Result keeps its first events; a run that is
// read by cursor keeps its newest.
type eventLog struct {
	max      int // events
	maxBytes int // of text and values, as counted by eventSize
	newest   bool

	events []logged
	head   int   // events before it are gone (newest only)
	first  int64 // number of events[head] in the run, 0-based
	bytes  int
	total  int64  // events seen
	spare  []byte // of the event that went last: a flood writes over its own text
}

// logged is an event in the log. A printf that was read as bytes has its text
// beside it.
type logged struct {
	Event
	text []byte
	size int
}

func (l *eventLog) wants() bool {
	return l.newest || len(l.events) < l.max && l.bytes < l.maxBytes
}

// add keeps ev, or counts it as left out.
func (l *eventLog) add(ev Event) {
	l.keep(logged{Event: ev, size: eventSize(ev)})
}

// addText is add of a printf with this text, which may change afterwards.
func (l *eventLog) addText(text []byte) {
	switch {
	case !l.wants():
		l.skip()
		return
	case !l.newest: // it stays
		l.add(Event{Type: printfType, Data: parser.Text(string(text))})
		return
	}
	size := 64 + len(text)
	l.evict(size)
	kept := l.spare
	// The log's bound holds: no text sits in a place much too large for it.
	if l.spare = nil; cap(kept) < len(text) || cap(kept) > 2*len(text)+64 {
		kept = make([]byte, 0, len(text))
	}
	l.keep(logged{Event: Event{Type: printfType}, text: append(kept[:0], text...), size: size})
}

var printfType = parser.TypePrintf.String()

func (l *eventLog) keep(ev logged) {
	if !l.wants() {
		l.skip()
		return
	}
	l.evict(ev.size)
	l.total++
	l.events = append(l.events, ev)
	l.bytes += ev.size
}

// evict makes place for one event of this size.
func (l *eventLog) evict(size int) {
	if !l.newest {
		return
	}
	for n := len(l.events) - l.head; n > 0 && (n >= l.max || l.bytes+size > l.maxBytes); n-- {
		l.bytes -= l.events[l.head].size
		l.spare = l.events[l.head].text
		l.events[l.head] = logged{}
		l.head++
		l.first++
	}
	if l.head > len(l.events)/2 {
		n := copy(l.events, l.events[l.head:])
		clear(l.events[n:])
		l.events, l.head = l.events[:n], 0
	}
}

// skip counts an event that is not kept.
func (l *eventLog) skip() { l.total++ }

// since copies the kept events from number cursor on, and tells how many of
// those after cursor are gone.
func (l *eventLog) since(cursor int64) (events []Event, next int64, gone uint64) {
	kept := l.events[l.head:]
	from := min(max(cursor-l.first, 0), int64(len(kept)))
	events = make([]Event, 0, len(kept)-int(from))
	for _, e := range kept[from:] {
		if e.text != nil {
			e.Data = parser.Text(string(e.text))
		}
		events = append(events, e.Event)
	}
	next = l.total
	if seen := next - max(cursor, 0); seen > int64(len(events)) {
		gone = uint64(seen) - uint64(len(events))
	}
	return events, next, gone
}

// eventSize is what an event counts against the bound of bytes: its text, and
// a flat charge for each value beside it. The fields of a printf are not
// in the log: they are taken out of its text for whoever asks.
func eventSize(e Event) int {
	n := 64 + len(e.Data.Text()) + 64*len(e.Data.Elems()) + 64*len(e.Data.Fields())
	if e.Map != nil {
		n += 256 * len(e.Map.Rows)
	}
	return n
}
