package collector

import "tracecar/parser"

// eventLog keeps the events of one run, bounded in number and bytes. A run
// whose caller waits for the Result keeps its first events; a run that is
// read by cursor keeps its newest.
type eventLog struct {
	max      int // events
	maxBytes int // of text and values, as counted by size
	newest   bool

	ring  []logged // which of them: see at
	head  int
	kept  int    // events
	first int64  // number of the first that is kept in the run, 0-based
	bytes int    // of those that are kept
	total int64  // events seen
	spare []byte // of the event that went last: a flood writes over its own text
}

// logged is an event in the log: a printf has but a text here, in one of two ways.
type logged struct {
	ev    *Event
	text  string
	bytes []byte
}

func (e *logged) event() Event {
	switch {
	case e.ev != nil:
		return *e.ev
	case e.bytes != nil:
		return Event{Type: printfType, Data: parser.Text(string(e.bytes))}
	}
	return Event{Type: printfType, Data: parser.Text(e.text)}
}

// size is what an event counts against the bound of bytes.
func (e *logged) size() int {
	if e.ev != nil {
		return eventSize(e.ev)
	}
	return 64 + len(e.text) + len(e.bytes)
}

var printfType = parser.TypePrintf.String()

func (l *eventLog) wants() bool { return l.newest || l.kept < l.max && l.bytes < l.maxBytes }

// add keeps ev, or counts it as left out.
func (l *eventLog) add(ev Event) { l.keep(logged{ev: &ev}) }

// addText is add of a printf with this text.
func (l *eventLog) addText(text string) { l.keep(logged{text: text}) }

// addBytes is addText of a text that may change afterwards.
func (l *eventLog) addBytes(text []byte) {
	if !l.wants() {
		l.skip()
		return
	}
	l.evict(64 + len(text))
	own := l.spare
	// The log's bound holds: no text sits in a place much too large for it.
	if l.spare = nil; cap(own) < len(text) || cap(own) > 2*len(text)+64 {
		own = make([]byte, 0, len(text))
	}
	l.keep(logged{bytes: append(own[:0], text...)})
}

func (l *eventLog) keep(e logged) {
	if !l.wants() {
		l.skip()
		return
	}
	size := e.size()
	l.evict(size)
	if l.kept == len(l.ring) {
		l.grow()
	}
	*l.at(l.kept) = e
	l.kept++
	l.bytes += size
	l.total++
}

// at is the place of event first+i.
func (l *eventLog) at(i int) *logged {
	if i += l.head; i >= len(l.ring) {
		i -= len(l.ring)
	}
	return &l.ring[i]
}

func (l *eventLog) grow() {
	n := max(2*len(l.ring), 16)
	if n > l.max {
		n = max(l.max, l.kept+1)
	}
	ring := make([]logged, n)
	for i := range l.kept {
		ring[i] = *l.at(i)
	}
	l.ring, l.head = ring, 0
}

// evict makes place for one event of this size.
func (l *eventLog) evict(size int) {
	for l.newest && l.kept > 0 && (l.kept >= l.max || l.bytes+size > l.maxBytes) {
		e := l.at(0)
		l.bytes -= e.size()
		l.spare = e.bytes
		*e = logged{}
		if l.head++; l.head == len(l.ring) {
			l.head = 0
		}
		l.kept--
		l.first++
	}
}

// skip counts an event that is not kept.
func (l *eventLog) skip() { l.total++ }

// since copies the kept events from number cursor on, and tells how many of
// those after cursor are gone.
func (l *eventLog) since(cursor int64) (events []Event, next int64, gone uint64) {
	from := int(min(max(cursor-l.first, 0), int64(l.kept)))
	events = make([]Event, 0, l.kept-from)
	for i := from; i < l.kept; i++ {
		events = append(events, l.at(i).event())
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
func eventSize(e *Event) int {
	n := 64 + len(e.Data.Text()) + 64*len(e.Data.Elems()) + 64*len(e.Data.Fields())
	if e.Map != nil {
		n += 256 * len(e.Map.Rows)
	}
	return n
}
