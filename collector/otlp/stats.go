package otlp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tracecar/collector"
	"tracecar/parser"
)

// stats counts what happened to the runs of one scheduled probe, or to all
// others, since tracecar's start.
type stats struct {
	mu       sync.Mutex
	live     int64
	statuses map[collector.Status]int64

	records, bytes               int64
	lostEvents                   int64
	helperErrors, runtimeErrors  int64
	parseProblems                int64
	cutLines, cutRows, cutEvents int64
	folded, lostRows             int64
	leftOut                      map[string]int64
	renamed                      int64

	snapshots       [len(snapshotBounds) + 1]uint64
	snapshotSeconds float64
	snapshotsLate   int64
	snapshotErrors  int64
	mapsMissing     int64

	eventSpans, unsampled, unparented int64
	unmatched, unreadable             int64

	// spent is what the runs that have ended cost together, spends what each
	// live one has cost so far.
	spent      cost
	spends     map[*runState]cost
	unmeasured int64
}

// snapshotBounds are of the time of one snapshot, in seconds.
var snapshotBounds = [...]float64{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10}

// selfStats counts what no probe is to blame for.
type selfStats struct {
	finalsDropped atomic.Int64
}

// statsOf finds the stats of a probe; mu is held.
func (e *Exporter) statsOf(probe string) *stats {
	s := e.stats[probe]
	if s == nil {
		s = &stats{statuses: map[collector.Status]int64{}, leftOut: map[string]int64{}, spends: map[*runState]cost{}}
		e.stats[probe] = s
	}
	return s
}

func (s *stats) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live++
}

func (s *stats) end(res *collector.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live--
	s.statuses[res.Status]++
	s.cutRows += int64(res.Truncated.Rows)
	s.cutEvents += int64(res.Truncated.Events)
}

// record counts one record; before is the offset of the one before it.
func (s *stats) record(rec *parser.Record, before int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records++
	if rec.Offset > before {
		s.bytes += rec.Offset - before
	}
	if rec.Truncated > 0 {
		s.cutLines++
	}
	switch rec.Type {
	case parser.TypeLostEvents:
		s.lostEvents += int64(rec.Count)
	case parser.TypeHelperError:
		s.helperErrors++
	case parser.TypeRuntimeError:
		s.runtimeErrors++
	case parser.TypeMalformed, parser.TypeUnknown:
		s.parseProblems++
	case parser.TypeErrorf, parser.TypeWarnf:
	default:
		if rec.Problem != nil {
			s.parseProblems++
		}
	}
}

// look counts what the look of a map left out.
func (s *stats) look(mm *mapMetric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mm.leftOut != "" {
		if !mm.told {
			mm.told = true
			s.leftOut[mm.leftOut]++
		}
		return
	}
	s.folded += int64(mm.folded)
	s.lostRows += int64(mm.lost)
}

// snapshot counts one reading of a live run's maps.
func (s *stats) snapshot(took time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, collector.ErrNotLive):
		return // it is starting, or ending
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		s.snapshotsLate++
		return
	case err != nil:
		s.snapshotErrors++
		return
	}
	i := 0
	for i < len(snapshotBounds) && took.Seconds() > snapshotBounds[i] {
		i++
	}
	s.snapshots[i]++
	s.snapshotSeconds += took.Seconds()
}

// spending notes what a live run has cost so far.
func (s *stats) spending(r *runState, c cost) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spends[r] = c
}

// spentBy notes what a run that has ended cost; it had attached its probes, or
// not.
func (s *stats) spentBy(r *runState, c cost, attached bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.spends, r)
	s.spent.add(c)
	if attached && !c.counted {
		s.unmeasured++
	}
}

func (s *stats) late() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshotsLate++
}

func (s *stats) missing(maps int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mapsMissing += int64(maps)
}

func (s *stats) count(what *int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*what++
}
