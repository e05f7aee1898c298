package otlp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"tracecar/collector"
	"tracecar/collector/kernelmap"
	"tracecar/parser"
)

// runState is what the exporter knows of one run: a collector.Sink.
type runState struct {
	e     *Exporter
	stats *stats
	probe Probe
	// identity is the same for runs that have the same series.
	identity string
	slot     int
	info     collector.RunInfo
	hash     string // of the script

	ctx    context.Context // with the run's span
	span   trace.Span
	events *eventSpans // nil where none are declared
	logs   *logLines   // nil where none are made

	busy chan struct{} // holds the place of whoever reads a snapshot

	mu       sync.Mutex
	base     []attribute.KeyValue
	metrics  []*mapMetric
	fill     map[string]kernelmap.Fill // of the maps, at looked; nil: not known
	attached time.Time
	looked   time.Time // when the maps were last read
	exported time.Time // looked of what was last received over OTLP
	ended    time.Time
	cost     runCost

	offset  int64
	records int64
	lost    uint64
	probes  uint64
}

// Observe makes the sink of a run: a collector.Observer.
func (e *Exporter) Observe(s collector.Script) collector.Sink {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &runState{
		e: e, stats: e.statsOf(s.Probe), probe: e.probes[s.Probe],
		identity: identityOf(s), busy: make(chan struct{}, 1),
	}
	if s.Probe == "" {
		r.probe = Probe{}
	}
	return r
}

// identityOf tells which runs have the same series: those whose points have the
// same attributes.
func identityOf(s collector.Script) string {
	if s.Probe != "" {
		return text(s.Probe)
	}
	return "\x00" + scriptName(s)
}

func hash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return hex.EncodeToString(sum[:])
}

// scriptName names a script on data points: as its caller does, else by the
// start of its hash.
func scriptName(s collector.Script) string {
	if s.Name != "" {
		return text(s.Name)
	}
	return hash(s.Source)[:12]
}

// Begin implements collector.Sink.
func (r *runState) Begin(info collector.RunInfo) {
	r.info, r.hash = info, hash(info.Script.Source)
	r.stats.begin()
	r.beginSpan()
	if info.Parsed == nil {
		return // it never started
	}
	r.e.mu.Lock()
	r.slot = r.e.takeSlot(r.identity)
	r.e.mu.Unlock()

	if p := info.Script.Probe; p != "" {
		r.base = append(r.base, attribute.String(attrProbe, text(p)))
	} else {
		r.base = append(r.base, attribute.String(attrScript, scriptName(info.Script)))
	}
	if r.slot > 0 {
		r.base = append(r.base, attribute.Int(attrSlot, r.slot))
	}
	r.events = newEventSpans(r)
	r.logs = newLogLines(r)
	r.e.mu.Lock()
	r.e.runs = append(r.e.runs, r) // from now on others look at it
	r.e.mu.Unlock()
}

// Record implements collector.Sink.
func (r *runState) Record(rec *parser.Record) {
	r.stats.record(rec, r.offset)
	r.offset = rec.Offset
	r.records++
	switch rec.Type {
	case parser.TypeAttachedProbes:
		r.probes += rec.Count
		r.mu.Lock()
		if r.attached.IsZero() {
			// Until a snapshot tells: not after the probes were attached, when all
			// maps were empty.
			r.attached = time.Now()
		}
		r.mu.Unlock()
		return
	case parser.TypeLostEvents:
		r.lost += rec.Count
		return
	}
	if r.events != nil && r.events.record(rec) {
		return
	}
	if r.logs != nil {
		r.logs.record(rec)
	}
}

// SkipsText implements collector.Textless: only logs and spans are made of text.
func (r *runState) SkipsText() bool { return r.events == nil && r.logs == nil }

// End implements collector.Sink.
func (r *runState) End(res *collector.Result) {
	r.stats.end(res)
	if r.events != nil {
		r.events.end()
	}
	r.endSpan(res)
	if r.info.Parsed == nil {
		return
	}
	r.final(res)
	r.e.mu.Lock()
	r.e.freeSlot(r.identity, r.slot)
	r.e.mu.Unlock()
}

// final takes the last state of the maps. A run that was killed printed none:
// then what the last snapshot saw is the last that is known.
func (r *runState) final(res *collector.Result) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.e.keepFloor(r)
	r.ended = now
	if res.Cost != nil {
		r.spent(res.Cost, now)
	}
	r.cost.rss = 0
	r.stats.spentBy(r, r.cost.cost, res.ProbesAttached > 0)
	switch res.Status {
	case collector.StatusFailed, collector.StatusRefused, collector.StatusKilled:
		return
	}
	if r.attached.IsZero() {
		r.attached = r.info.Started
	}
	for _, mm := range r.metrics {
		mm.ended = true
	}
	r.update(res.Maps, now, res.Truncated.Rows == 0)
	r.fill = res.Fill
	for _, mm := range r.metrics {
		mm.series, mm.rows = nil, nil // nothing will be compared with them again
	}
}

// update takes the state of all maps; mu is held.
func (r *runState) update(maps []collector.Map, at time.Time, whole bool) {
	for _, mm := range r.metrics {
		mm.points = mm.points[:0]
	}
	byName := map[string]*collector.Map{}
	for i := range maps {
		byName[maps[i].Name] = &maps[i]
	}
	for i := range maps {
		m := &maps[i]
		mm := r.metric(m)
		mm.update(m, byName[sumOf(r.info.Parsed, r.probe.Metrics, m.Name)], r.attached, at, whole)
		r.e.keepLadder(r, mm)
		r.stats.look(mm)
	}
	r.looked = at
}

// metric finds how a map is exported, and decides it when the map is first
// seen with something in it.
func (r *runState) metric(m *collector.Map) *mapMetric {
	for _, mm := range r.metrics {
		if mm.mapName == m.Name {
			return mm
		}
	}
	var decl *Metric
	if d, ok := r.probe.Metrics[m.Name]; ok {
		decl = &d
	} else if ownerOf(r.info.Parsed, r.probe.Metrics, m.Name) != "" {
		decl = &Metric{Drop: true}
	}
	limit := r.probe.MaxSeries
	if limit == 0 {
		limit = r.e.cfg.MaxSeries
	}
	sm := r.info.Parsed.Map(m.Name)
	mm := newMapMetric(r.info.Script.Probe, r.base, m, sm, isScratch(r.info.Parsed, m.Name), decl, limit)
	mm.ended = !r.ended.IsZero()
	if mm.leftOut == "" {
		r.e.claim(r, mm)
		r.e.useLadder(r, mm)
		r.e.useFloor(r, mm)
	}
	r.metrics = append(r.metrics, mm)
	return mm
}

// reading says what of a live run is of now.
type reading struct{ maps, cost bool }

// refresh reads the maps of the live run, where its script asks for that, and
// what it has cost, unless that was done less than maxAge ago.
func (r *runState) refresh(ctx context.Context, maxAge time.Duration) (now reading) {
	select {
	case r.busy <- struct{}{}:
	case <-ctx.Done():
		r.stats.late()
		return reading{}
	}
	defer func() { <-r.busy }()
	if r.info.Script.Snapshots {
		now.maps = r.look(ctx, maxAge)
	}
	now.cost = r.measure(maxAge)
	return now
}

// look reads the maps of the live run, unless that was done less than maxAge
// ago or the run's own interval is not over. It is false where there is no
// state of now.
func (r *runState) look(ctx context.Context, maxAge time.Duration) bool {
	r.mu.Lock()
	young := time.Since(r.looked) < maxAge
	r.mu.Unlock()
	if young {
		return true
	}
	began := time.Now()
	snap, err := r.info.Run.Snapshot(ctx)
	r.mu.Lock()
	again := err == nil && snap.Time.Equal(r.looked)
	r.mu.Unlock()
	if again {
		return true // by the probe's interval it is too early for another read
	}
	r.stats.snapshot(time.Since(began), err)
	if err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended.IsZero() {
		return true // its final state is newer
	}
	if r.looked.IsZero() {
		r.attached = snap.Attached
	}
	r.update(snap.Maps, snap.Time, true)
	r.fill = snap.Fill
	r.stats.missing(len(snap.Missing))
	return true
}
