package otlp

import "slices"

// claim is a metric's name in use.
type claim struct {
	users int
	shape shape
	unit  string
}

// claim gives a metric its name. Two runs whose maps have one name and are
// different kinds of metrics would make a metric that is neither: the second
// gets its kind added.
func (e *Exporter) claim(mm *mapMetric) string {
	e.naming.Lock()
	defer e.naming.Unlock()
	name := mm.name
	for range 3 {
		c := e.names[name]
		if c == nil {
			c = &claim{shape: mm.shape, unit: mm.unit}
			e.names[name] = c
		}
		if c.shape == mm.shape && c.unit == mm.unit {
			c.users++
			break
		}
		name += "." + mm.kind
	}
	return name
}

// release gives the names of a run back; mu is held.
func (e *Exporter) release(r *runState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.naming.Lock()
	defer e.naming.Unlock()
	for _, mm := range r.metrics {
		if c := e.names[mm.name]; c != nil && mm.leftOut == "" {
			if c.users--; c.users <= 0 {
				delete(e.names, mm.name)
			}
		}
	}
}

// takeSlot numbers the runs of one identity that are live at once; mu is held.
func (e *Exporter) takeSlot(identity string) int {
	slots := e.slots[identity]
	i := slices.Index(slots, false)
	if i < 0 {
		i, slots = len(slots), append(slots, false)
	}
	slots[i] = true
	e.slots[identity] = slots
	return i
}

func (e *Exporter) freeSlot(identity string, slot int) {
	slots := e.slots[identity]
	slots[slot] = false
	if !slices.Contains(slots, true) {
		delete(e.slots, identity)
	}
}

// maxLadders bounds the bounds that are kept for runs to come.
const maxLadders = 10_000

// useLadder gives a map the bounds that the last run of its probe had, so that
// a restart does not make some of them vanish.
func (e *Exporter) useLadder(r *runState, mm *mapMetric) {
	if mm.ladder == nil || r.info.Script.Probe == "" {
		return
	}
	e.naming.Lock()
	defer e.naming.Unlock()
	if l := e.ladders[ladderKey(r, mm)]; l != nil {
		mm.ladder = l.clone()
	}
}

// keepLadder keeps a map's bounds for the next run of its probe.
func (e *Exporter) keepLadder(r *runState, mm *mapMetric) {
	if mm.ladder == nil || r.info.Script.Probe == "" {
		return
	}
	e.naming.Lock()
	defer e.naming.Unlock()
	key := ladderKey(r, mm)
	if l := e.ladders[key]; l != nil && len(l.bounds) >= len(mm.ladder.bounds) {
		return
	}
	if len(e.ladders) >= maxLadders {
		clear(e.ladders)
	}
	e.ladders[key] = mm.ladder.clone()
}

// ladderKey has the script in it: another one may have other buckets.
func ladderKey(r *runState, mm *mapMetric) string {
	return r.info.Script.Probe + "\x00" + r.hash + "\x00" + mm.mapName
}
