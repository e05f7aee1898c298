package otlp

import "slices"

// claim is a metric's name in use, as Prometheus has it.
type claim struct {
	name, kind, unit string // of the metric that has it
	users            []user
}

// user is a map of a run.
type user struct {
	run *runState
	m   string
}

// maxClashes bounds of how many names it is said that they are not to be had.
const maxClashes = 1000

// claim gives a metric its name. Two maps of one run that have one name, or
// two runs whose maps have one name and are different kinds of metrics, would
// make a metric that is neither: the second gets its kind added. Where even
// that does not help it is left out.
func (e *Exporter) claim(r *runState, mm *mapMetric) {
	e.naming.Lock()
	defer e.naming.Unlock()
	wanted := mm.name
	var other *claim
	for range 3 {
		c := e.refuses(r, mm)
		if c == nil {
			e.take(r, mm)
			break
		}
		if other == nil {
			other = c
		}
		mm.name += "." + mm.kind
	}
	if other == nil {
		return
	}
	if mm.claimed == nil {
		mm.leftOut = leftName
	}
	r.stats.count(&r.stats.renamed)
	if !e.clashes[wanted] && len(e.clashes) < maxClashes {
		e.clashes[wanted] = true
		e.cfg.Logger.Warn("two maps cannot be one metric", "metric", other.name, "is a", other.kind, "in unit", other.unit,
			"probe", r.info.Script.Probe, "map", mm.mapName, "is a", mm.metricKind(), "in unit", mm.unit, "and now called", mm.name)
	}
}

// refuses finds a claim for which the map cannot have its name.
func (e *Exporter) refuses(r *runState, mm *mapMetric) *claim {
	for _, name := range textNames(mm) {
		if c := e.names[name]; c != nil && !c.past(r) && !c.fits(r, mm) {
			return c
		}
	}
	return nil
}

// take claims the map's names.
func (e *Exporter) take(r *runState, mm *mapMetric) {
	mm.claimed = textNames(mm)
	for _, name := range mm.claimed {
		c := e.names[name]
		if c == nil {
			c = &claim{}
			e.names[name] = c
		}
		// An earlier run of the probe may have been declared otherwise: what is
		// left of it is over.
		c.name, c.kind, c.unit = mm.name, mm.metricKind(), mm.unit
		c.users = append(c.users, user{r, mm.mapName})
	}
}

// fits tells whether a map may have the name too.
func (c *claim) fits(r *runState, mm *mapMetric) bool {
	return c.kind == mm.metricKind() && c.unit == mm.unit && !slices.ContainsFunc(c.users, func(u user) bool {
		return u.m != mm.mapName && u.run == r
	})
}

// past tells whether all that have the name are earlier runs of the same
// series, which have ended.
func (c *claim) past(r *runState) bool {
	return !slices.ContainsFunc(c.users, func(u user) bool { return u.run == r || u.run.key() != r.key() })
}

// release gives the names of a run back; mu is held.
func (e *Exporter) release(r *runState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.naming.Lock()
	defer e.naming.Unlock()
	for _, mm := range r.metrics {
		for _, name := range mm.claimed {
			c := e.names[name]
			c.users = slices.DeleteFunc(c.users, func(u user) bool { return u.run == r && u.m == mm.mapName })
			if len(c.users) == 0 {
				delete(e.names, name)
			}
		}
	}
}

// metricKind is what the map's metric is, in words.
func (mm *mapMetric) metricKind() string {
	if mm.exponentially() {
		return "exponential histogram"
	}
	return shapeNames[mm.shape]
}

// textKind is the same for Prometheus.
func (mm *mapMetric) textKind() string {
	switch mm.shape {
	case shapeCounter:
		return "counter"
	case shapeHistogram, shapeStats:
		return "histogram"
	}
	return "gauge"
}

// familyOf is the metric's name in Prometheus: names that differ in no more
// than their dots and underscores are one there.
func familyOf(mm *mapMetric) string { return textName(mm.name, mm.unit, mm.textKind()) }

// textNames are all names that the metric takes in Prometheus, its family's
// first: no other metric can have one of them.
func textNames(mm *mapMetric) []string {
	family := familyOf(mm)
	switch mm.textKind() {
	case "counter":
		return []string{family, family + "_total"}
	case "histogram":
		return []string{family, family + "_bucket", family + "_count", family + "_sum"}
	}
	return []string{family}
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
