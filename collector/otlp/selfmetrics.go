package otlp

import (
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tracecar/collector"
)

// selfMetrics are tracecar's own, by probe; those without a tracecar.probe are
// of the runs that no probe made. None has the unit 1, which Prometheus calls
// a ratio.
func (e *Exporter) selfMetrics(now time.Time) []metricdata.Metrics {
	b := selfBuilder{start: e.started, now: now}
	e.mu.Lock()
	probes := slices.Sorted(maps.Keys(e.stats))
	all := maps.Clone(e.stats)
	held := int64(len(e.runs))
	watch := e.watch
	e.mu.Unlock()
	if watch != nil {
		for _, st := range watch() {
			b.state(&st)
		}
	}
	for _, probe := range probes {
		b.probe(probe, all[probe])
	}
	b.gauge("tracecar.runs.held", "{run}", "Runs whose maps are exported: live ones, and ended ones with their final state", held)
	b.counter("tracecar.finals.dropped", "{run}", "Final states that were dropped before they were sent", e.self.finalsDropped.Load())
	for _, l := range e.links {
		signal := attribute.String("signal", l.signal)
		b.counter("tracecar.export.requests", "{request}", "Requests sent to the collector, repeated ones too", l.requests.Load(), signal)
		b.counter("tracecar.export.failures", "{export}", "Exports that failed after their retries", l.failures.Load(), signal)
		b.counter("tracecar.export.size", "By", "Bytes of requests before compression", l.bytes.Load(), signal)
		b.counter("tracecar.export.lost", "{item}", "Data points, spans or log records that the collector did not get", l.lost.Load(), signal)
		switch {
		case l.signal == "traces" && e.spans != nil:
			b.gauge("tracecar.export.queue", "{item}", "Spans or log records that wait to be sent", int64(e.spans.waiting()), signal)
		case l.signal == "logs" && e.logs != nil:
			b.gauge("tracecar.export.queue", "{item}", "Spans or log records that wait to be sent", int64(e.logs.waiting()), signal)
		}
	}
	return b.out.metrics
}

type selfBuilder struct {
	start, now time.Time
	out        gather
}

func (b *selfBuilder) add(name, unit, description string, data metricdata.Aggregation) {
	b.out.add([]metricdata.Metrics{{Name: name, Unit: unit, Description: description, Data: data}})
}

func (b *selfBuilder) counter(name, unit, description string, v int64, kvs ...attribute.KeyValue) {
	b.add(name, unit, description, metricdata.Sum[int64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		DataPoints: []metricdata.DataPoint[int64]{{Attributes: attribute.NewSet(kvs...), StartTime: b.start, Time: b.now, Value: v}},
	})
}

func (b *selfBuilder) seconds(name, description string, v time.Duration, kvs ...attribute.KeyValue) {
	b.add(name, "s", description, metricdata.Sum[float64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		DataPoints: []metricdata.DataPoint[float64]{{Attributes: attribute.NewSet(kvs...), StartTime: b.start, Time: b.now, Value: v.Seconds()}},
	})
}

func (b *selfBuilder) gauge(name, unit, description string, v int64, kvs ...attribute.KeyValue) {
	b.add(name, unit, description, metricdata.Gauge[int64]{
		DataPoints: []metricdata.DataPoint[int64]{{Attributes: attribute.NewSet(kvs...), Time: b.now, Value: v}},
	})
}

func (b *selfBuilder) probe(probe string, s *stats) {
	var of []attribute.KeyValue
	if probe != "" {
		of = append(of, attribute.String(attrProbe, text(probe)))
	}
	with := func(key, value string) []attribute.KeyValue {
		return append(of[:len(of):len(of)], attribute.String(key, value))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.gauge("tracecar.runs.live", "{run}", "Runs that have not ended", s.live, of...)
	for status, n := range s.statuses {
		b.counter("tracecar.runs", "{run}", "Runs that have ended, by how", n, with("status", string(status))...)
	}
	b.counter("tracecar.records", "{record}", "Messages read from bpftrace", s.records, of...)
	b.counter("tracecar.output.size", "By", "Bytes read from bpftrace, up to the newest message", s.bytes, of...)
	b.counter("tracecar.events.lost", "{event}", "Events that bpftrace lost in the kernel's buffers", s.lostEvents, of...)
	b.counter("tracecar.helper.errors", "{error}", "Failures of BPF helpers that bpftrace reported: full maps, usually", s.helperErrors, of...)
	b.counter("tracecar.runtime.errors", "{error}", "Errors of scripts at run time", s.runtimeErrors, of...)
	b.counter("tracecar.parse.problems", "{message}", "Messages of bpftrace that could not be read, or not without doubt", s.parseProblems, of...)
	for what, n := range map[string]int64{"lines": s.cutLines, "rows": s.cutRows, "events": s.cutEvents} {
		b.counter("tracecar.truncated", "{item}", "What limits left out of results", n, with("what", what)...)
	}
	b.counter("tracecar.series.folded", "{row}", "Rows of maps that had no series of their own at a collection, for the series limit or equal attributes", s.folded, of...)
	b.counter("tracecar.rows.lost", "{row}", "Rows of maps that were in no data point at a collection: no number, or a gauge past the series limit", s.lostRows, of...)
	for why, n := range s.leftOut {
		b.counter("tracecar.maps.left_out", "{map}", "Maps of runs that are not exported as metrics, by why", n, with("reason", why)...)
	}
	b.counter("tracecar.maps.renamed", "{map}", "Maps of runs whose metric got another name, as the name is that of another metric already", s.renamed, of...)
	for why, n := range map[string]int64{"late": s.snapshotsLate, "error": s.snapshotErrors, "map_missing": s.mapsMissing} {
		b.counter("tracecar.snapshot.failures", "{snapshot}", "Collections that a live run is missing in, or one of its maps", n, with("reason", why)...)
	}
	b.snapshots(s, of)
	if probe == "" {
		c := s.spent
		for _, live := range s.spends {
			c.add(live)
		}
		b.cost(&c, b.start, of)
	}
	b.counter("tracecar.bpf.unmeasured", "{run}", "Runs that have ended and whose BPF programs' time is in no tracecar.bpf.time: the kernel did not tell, or they ended too soon", s.unmeasured, of...)
	b.counter("tracecar.spans.events", "{span}", "Spans made of what scripts printed, and handed to the export", s.eventSpans, of...)
	b.counter("tracecar.spans.unsampled", "{span}", "Spans of what scripts printed that are not exported: the traceparent says not sampled, or no spans are sent at all", s.unsampled, of...)
	b.counter("tracecar.spans.unparented", "{event}", "Printed traceparents that could not be read: the span is not the child of what was meant", s.unparented, of...)
	b.counter("tracecar.spans.unmatched", "{event}", "Starts of spans whose end did not come, or ends without a start", s.unmatched, of...)
	b.counter("tracecar.spans.unreadable", "{event}", "Printed lines for which a span is declared and whose fields make none", s.unreadable, of...)
}

// probeStates are all states, so that each probe has a point for each: 1 for
// the one it is in.
var probeStates = []collector.ProbeState{
	collector.ProbeStarting, collector.ProbeRunning, collector.ProbeWaiting, collector.ProbeBackingOff,
	collector.ProbeGivenUp, collector.ProbeFailed, collector.ProbeDisabled,
}

func (b *selfBuilder) state(st *collector.ProbeStatus) {
	of := attribute.String(attrProbe, text(st.Name))
	for _, state := range probeStates {
		var is int64
		if st.State == state {
			is = 1
		}
		b.gauge("tracecar.probe.state", "{probe}", "1 for the state a scheduled probe is in, 0 for all others", is, of, attribute.String("state", string(state)))
	}
	for _, c := range []struct {
		name, what string
		n          uint64
	}{
		{"tracecar.probe.restarts", "Starts of a continuous probe after an end of its own", st.Restarts},
		{"tracecar.probe.windows", "Windows of a periodic probe", st.Windows},
		{"tracecar.probe.skipped", "Windows that were due while one was still running, or waited for its turn", st.Skipped},
	} {
		b.counter(c.name, "{run}", c.what, int64(c.n), of)
	}
	b.gauge("tracecar.probe.failures", "{run}", "Failures of a scheduled probe in a row", int64(st.Failures), of)
}

func (b *selfBuilder) snapshots(s *stats, of []attribute.KeyValue) {
	var count uint64
	for _, n := range s.snapshots {
		count += n
	}
	if count == 0 {
		return
	}
	b.add("tracecar.snapshot.duration", "s", "Time to read the maps of a live run", metricdata.Histogram[float64]{
		Temporality: metricdata.CumulativeTemporality,
		DataPoints: []metricdata.HistogramDataPoint[float64]{{
			Attributes: attribute.NewSet(of...), StartTime: b.start, Time: b.now,
			Count: count, Sum: s.snapshotSeconds, Bounds: snapshotBounds[:], BucketCounts: slices.Clone(s.snapshots[:]),
		}},
	})
}
