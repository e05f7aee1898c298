// Package otlp turns runs into OpenTelemetry metrics, spans and log records,
// sends them to a collector, and shows the metrics at /metrics.
//
// In flow runs: give [Exporter.Observe] to collector.Options.Observers. Out
// flows OTLP by gRPC or HTTP. Call [New] first and [Exporter.Shutdown] last,
// after the runner is closed.
//
// # Metrics
//
//	count()                     cumulative monotonic Sum, start time = attach time of the run
//	sum()                       cumulative Sum, monotonic where declared so or of an unsigned type
//	min() max() avg(), values   Gauge
//	stats()                     Histogram with count and sum, no buckets
//	hist() lhist()              Histogram, bounds = inclusive bucket maxima
//	tseries()                   Gauge points at their own times, of closed intervals
//
// At each collection the maps of all live runs whose script asks for Snapshots
// are read, all at once; the final state of a run that has ended is exported
// once more at least, but for one that was killed, whose last snapshot was
// received. Points are made as metricdata by a metric.Producer:
// nothing is replayed through instruments.
//
// A metric is named PROBE.MAP, or bpftrace.MAP for runs that no scheduled
// probe made; its attributes are the parts of the key, by the script's names,
// and tracecar.probe or tracecar.script. Runs of one script that are live at
// once are told apart by tracecar.run.slot.
//
// Names count as Prometheus has them. Two maps of one run that have one name,
// or maps of two runs that are different kinds of metrics or have different
// units, cannot be one metric: Clashes finds those in a configuration. At run
// time the second gets its kind added to its name; tracecar.maps.renamed counts
// that, and the log says it.
//
// A value that falls, a key that went and came back, and a restart give a
// series a new start time. Each map has at most MaxSeries series; the others
// are added up in a point with otel.metric.overflow, and counted. What has no
// sum, a gauge past the limit, is left out and counted.
//
// Not exported, and counted with the reason: maps keyed by stacks (they are
// flame graphs), values that are no number, and undeclared maps of plain
// values that the script itself deletes from: start times and the like.
//
// Text that is not UTF-8 gets U+FFFD for each bad byte, and an attribute
// NAME.base64 with the bytes: one invalid string would lose the whole batch.
//
// # What tracecar says of itself
//
// Metrics named tracecar.* count what happened to runs since tracecar's start,
// by probe; those of all ad hoc runs have no tracecar.probe. None has the unit
// 1. What a run costs is measured at each collection:
//
//	tracecar.bpf.time                s      Sum    run time of its BPF programs, all CPUs together
//	tracecar.bpf.runs                {run}  Sum    run count of its BPF programs
//	tracecar.bpf.unmeasured          {run}  Sum    ended runs of which the kernel did not tell the two above
//	tracecar.bpftrace.cpu.time       s      Sum    CPU time of bpftrace, its children included
//	tracecar.bpftrace.memory.usage   By     Gauge  RSS of live bpftrace processes
//
// For a scheduled probe these are of its newest run: the first two since its
// probes were attached, as its maps, the CPU time since the run was begun, as
// it includes compiling. The next run has a new start time. Ad hoc runs, each
// too short for a rate, are added up since tracecar's start. What the kernel
// does not tell, BPF statistics that cannot be switched on or read, has no
// point: never a 0.
//
// How full the maps of a scheduled probe are is told with each read of them,
// at its time, by tracecar.map:
//
//	tracecar.map.usage               {entry}  Gauge  keys, or buckets of keys, in the map
//	tracecar.map.limit               {entry}  Gauge  how many it has place for: further ones are not counted
//
// # Spans and logs
//
// Each run is a span, with its outcome and its cost. Declared printfs become spans with their own kernel
// timestamps, all others log records with the fields as attributes. Spans and
// records wait in bounded queues while the collector is away; what is dropped
// is counted.
//
// # Faults
//
// A collector that is away costs nothing but the data it misses: metrics are
// cumulative and heal. What fails is counted in tracecar.export.* and logged
// when it begins and ends. The SDK also hands errors to its global handler:
// set one that discards (otel.SetErrorHandler), or they are logged twice.
package otlp
