package otlp

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
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

// state is what the maps of one run held at one time.
type state struct {
	looked  time.Time
	metrics []metricdata.Metrics
}

// Produce implements metric.Producer. Runs come in the order of their
// snapshots' times.
func (p producer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	e := p.e
	e.mu.Lock()
	runs := slices.Clone(e.runs)
	e.mu.Unlock()

	fresh := e.refresh(ctx, runs)
	out := newGather()
	var done []func()
	newest := map[string]*runState{}
	for _, r := range runs {
		if fresh(r) || r.hasEnded() && r.hasPoints() {
			newest[r.key()] = r
		}
	}
	var states []state
	for _, r := range runs {
		r.mu.Lock()
		switch {
		case r.ended.IsZero() && !fresh(r):
		case p.otlp && (r.sent() || r.sentLive()):
		case !p.otlp && newest[r.key()] != r:
		default:
			st := state{looked: r.looked}
			for _, mm := range r.metrics {
				if !p.otlp {
					st.metrics = append(st.metrics, mm.shown()...)
					continue
				}
				st.metrics = append(st.metrics, mm.metrics()...)
				if f := mm.taken(); f != nil {
					done = append(done, func() {
						r.mu.Lock()
						f()
						r.mu.Unlock()
					})
				}
			}
			states = append(states, st)
			if p.otlp {
				done = append(done, func() { r.setExported(st.looked) })
			}
		}
		r.mu.Unlock()
	}
	// Prometheus makes a sample of target_info at the earliest and the latest
	// time of a message, and refuses a message older than the one before.
	slices.SortStableFunc(states, func(a, b state) int { return a.looked.Compare(b.looked) })
	for _, st := range states {
		out.add(st.metrics)
	}
	e.mu.Lock()
	if p.otlp {
		e.pending = done
	}
	e.drop(newest)
	e.mu.Unlock()
	out.add(e.selfMetrics(time.Now()))
	return []metricdata.ScopeMetrics{{
		Scope:   instrumentation.Scope{Name: scopeName, Version: e.cfg.Version},
		Metrics: out.metrics,
	}}, nil
}

// refresh reads the maps of all live runs at once and waits for them, at most
// SnapshotTimeout. What it returns tells which have come.
func (e *Exporter) refresh(ctx context.Context, runs []*runState) func(*runState) bool {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.SnapshotTimeout)
	came := make(map[*runState]*atomic.Bool, len(runs))
	results := make(chan struct{}, len(runs))
	waiting := 0
	for _, r := range runs {
		if !r.info.Script.Snapshots || r.hasEnded() {
			continue
		}
		flag := &atomic.Bool{}
		came[r] = flag
		waiting++
		e.refreshes.Go(func() {
			flag.Store(r.refresh(ctx, min(young, e.cfg.Interval/4)))
			results <- struct{}{}
		})
	}
	deadline := ctx.Done()
	for ; waiting > 0 && deadline != nil; waiting-- {
		select {
		case <-results:
		case <-deadline:
			deadline = nil
		}
	}
	cancel()
	seen := make(map[*runState]bool, len(came))
	for r, flag := range came {
		seen[r] = flag.Load()
	}
	return func(r *runState) bool { return seen[r] }
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
	return slices.ContainsFunc(r.metrics, func(mm *mapMetric) bool { return len(mm.points) > 0 })
}

// setExported notes that the state of the maps at that time was received.
func (r *runState) setExported(looked time.Time) {
	r.mu.Lock()
	r.exported = looked
	r.mu.Unlock()
}

// sentLive tells whether the state of a run that is read at an interval of its
// own was received over OTLP already; mu is held.
func (r *runState) sentLive() bool {
	return r.interval() > 0 && !r.looked.IsZero() && r.exported.Equal(r.looked)
}

// interval is the least time between two reads of the run's maps; 0: none.
func (r *runState) interval() time.Duration { return r.info.Script.SnapshotInterval }

// sent tells whether the final state was received over OTLP; mu is held. That
// of a run that was killed is its last snapshot, which may have been received
// while it was live: once more under its old time, and the whole message would
// be refused.
func (r *runState) sent() bool {
	return !r.ended.IsZero() && r.exported.Equal(r.looked)
}
