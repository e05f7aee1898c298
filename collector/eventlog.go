package collector

// eventLog keeps the events of one run, bounded in number and bytes. A run
// whose caller waits for the Result keeps its first events; a run that is
// read by cursor keeps its newest.
type eventLog struct {
	max      int // events
	maxBytes int // of text and values, as counted by eventSize
	newest   bool

	events []Event
	head   int   // events before it are gone (newest only)
	first  int64 // number of events[head] in the run, 0-based
	bytes  int
	total  int64 // events seen
}

func (l *eventLog) wants() bool {
	return l.newest || len(l.events) < l.max && l.bytes < l.maxBytes
}

// add keeps ev, or counts it as left out.
func (l *eventLog) add(ev Event, size int) {
	l.total++
	if !l.wants() {
		return
	}
	l.events = append(l.events, ev)
	l.bytes += size
	if !l.newest {
		return
	}
	for len(l.events)-l.head > l.max || l.bytes > l.maxBytes && len(l.events)-l.head > 1 {
		l.bytes -= eventSize(l.events[l.head])
		l.events[l.head] = Event{}
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
	events = append(make([]Event, 0, len(kept)-int(from)), kept[from:]...)
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
