package otlp

import (
	"context"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// maxHeld bounds how many ended runs are held for their final state. The
// oldest go first, and are counted where nobody was sent them.
const maxHeld = 256

// young is how old a snapshot may be, at most, to serve a second reader too:
// OTLP and /metrics often collect at the same time.
const young = time.Second

// producer gives a reader of the SDK what runs have in their maps.
type producer struct {
	e    *Exporter
	otlp bool // else /metrics, which has one point for each series
}

// state is what the maps of one run held at one time, or what it had cost.
type state struct {
	at      time.Time
	metrics []metricdata.Metrics
}

// states appends what is to be exported of the run, and returns what to do
// when that was received; mu is held.
func (r *runState) states(to []state, fresh reading, otlp bool) ([]state, []func()) {
	var received []func()
	live := r.ended.IsZero()
	if (!live || fresh.maps) && !(otlp && r.sentMaps()) {
		st := state{at: r.looked}
		for _, mm := range r.metrics {
			if !otlp {
				st.metrics = append(st.metrics, mm.shown()...)
				continue
			}
			st.metrics = append(st.metrics, mm.metrics()...)
			if f := mm.taken(); f != nil {
				received = append(received, r.locked(f))
			}
		}
		st.metrics = append(st.metrics, r.fills()...)
		to = append(to, st)
		received = append(received, r.locked(func() { r.exported = st.at }))
	}
	if (!live || fresh.cost) && !(otlp && r.sentCost()) {
		st := state{r.cost.at, r.costs()}
		to = append(to, st)
		received = append(received, r.locked(func() { r.cost.sent = st.at }))
	}
	return to, received
}

// locked makes a function hold mu.
func (r *runState) locked(f func()) func() {
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		f()
	}
}

// Produce implements metric.Producer. Runs come in the order of their
// snapshots' times.
func (p producer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	e := p.e
	e.mu.Lock()
	runs, received := slices.Clone(e.runs), e.received
	e.mu.Unlock()

	fresh := e.refresh(ctx, runs)
	var done []func()
	newest := map[string]*runState{}
	for _, r := range runs {
		if r.events != nil {
			r.events.forget()
		}
		now, key := fresh[r], r.key()
		// Until the maps of a new run can be read the old one's are the newest.
		if now.maps || r.hasEnded() && r.hasPoints() || now.cost && newest[key] == nil {
			newest[key] = r
		}
	}
	var states []state
	for _, r := range runs {
		r.mu.Lock()
		if p.otlp || newest[r.key()] == r {
			now := fresh[r]
			if p.otlp && r.overtaken(received) {
				now.maps = false
			}
			var taken []func()
			states, taken = r.states(states, now, p.otlp)
			done = append(done, taken...)
		}
		r.mu.Unlock()
	}
	// Prometheus makes a sample of target_info at the earliest and the latest
	// time of a message, and refuses a message older than the one before.
	slices.SortStableFunc(states, func(a, b state) int { return a.at.Compare(b.at) })
	var out []metricdata.Metrics
	for _, st := range states {
		out = append(out, st.metrics...)
	}
	now := time.Now()
	e.mu.Lock()
	if p.otlp {
		e.pending = append(done, func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.received = now
		})
	}
	e.drop(newest)
	e.mu.Unlock()
	return []metricdata.ScopeMetrics{{
		Scope:   instrumentation.Scope{Name: scopeName, Version: e.cfg.Version},
		Metrics: append(out, e.selfMetrics(now)...),
	}}, nil
}

// refresh reads the maps and the costs of all live runs at once and waits for
// them, at most SnapshotTimeout. What it returns tells which have come.
func (e *Exporter) refresh(ctx context.Context, runs []*runState) map[*runState]reading {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.SnapshotTimeout)
	defer cancel()
	type result struct {
		r   *runState
		now reading
	}
	results := make(chan result, len(runs))
	waiting := 0
	for _, r := range runs {
		if r.info.Run == nil || r.hasEnded() {
			continue
		}
		waiting++
		e.refreshes.Go(func() { results <- result{r, r.refresh(ctx, min(young, e.cfg.Interval/4))} })
	}
	came := make(map[*runState]reading, waiting)
	for ; waiting > 0; waiting-- {
		select {
		case one := <-results:
			came[one.r] = one.now
		case <-ctx.Done():
			// What has come by now counts.
			for range len(results) {
				one := <-results
				came[one.r] = one.now
			}
			return came
		}
	}
	return came
}

// drop forgets final states that are old, or that a newer run replaces and
// that were sent; mu is held.
func (e *Exporter) drop(newest map[string]*runState) {
	held := 0
	e.runs = slices.DeleteFunc(slices.Clone(e.runs), func(r *runState) bool {
		r.mu.Lock()
		ended, sent := r.ended, r.sent() || e.cfg.Metrics.URL == ""
		empty := !ended.IsZero() && !r.anyPoints()
		r.mu.Unlock()
		replaced := newest[r.key()] != nil && newest[r.key()] != r
		gone := !ended.IsZero() && (empty || replaced && sent || time.Since(ended) > e.cfg.Hold)
		if gone {
			e.release(r)
		} else if !ended.IsZero() {
			held++
		}
		return gone
	})
	e.bound(held)
}

// bound drops the oldest held states beyond maxHeld; mu is held.
func (e *Exporter) bound(held int) {
	for i := 0; i < len(e.runs) && held > maxHeld; {
		r := e.runs[i]
		if !r.hasEnded() {
			i++
			continue
		}
		r.mu.Lock()
		if !r.sent() && e.cfg.Metrics.URL != "" {
			e.self.finalsDropped.Add(1)
		}
		r.mu.Unlock()
		e.release(r)
		e.runs = slices.Delete(e.runs, i, i+1)
		held--
	}
}

func (r *runState) key() string {
	return r.identity + "\x00" + strconv.Itoa(r.slot)
}

func (r *runState) hasEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.ended.IsZero()
}

func (r *runState) hasPoints() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.anyPoints()
}

func (r *runState) anyPoints() bool {
	if r.info.Script.Probe != "" && !r.cost.at.IsZero() {
		return true
	}
	return slices.ContainsFunc(r.metrics, func(mm *mapMetric) bool { return len(mm.points) > 0 })
}

// sent tells whether the final state was received over OTLP; mu is held.
func (r *runState) sent() bool { return !r.ended.IsZero() && r.sentMaps() && r.sentCost() }

// sentMaps tells whether the state of the maps was: that of a look which serves
// more than one collection, or the last one of a run that was killed. Once more
// under its old time, and the whole message would be refused.
func (r *runState) sentMaps() bool { return r.exported.Equal(r.looked) }

func (r *runState) sentCost() bool { return r.cost.sent.Equal(r.cost.at) }

// overtaken tells whether the state of a live run's maps is older than what was
// received over OTLP: a scrape had them read while that was collected, and the
// run's own interval keeps them from being read again. It is left out until
// they are, for the same reason; mu is held.
func (r *runState) overtaken(received time.Time) bool {
	return r.ended.IsZero() && r.interval() > 0 && !r.looked.After(received)
}

// interval is the least time between two reads of the run's maps; 0: none.
func (r *runState) interval() time.Duration { return r.info.Script.SnapshotInterval }
