package otlp

import (
	"log/slog"
	"time"
)

// Config says where telemetry goes and how runs become telemetry. The zero
// Config sends nothing and still serves /metrics.
type Config struct {
	// Metrics, Traces and Logs are where each signal goes; a Target without a
	// URL sends none.
	Metrics, Traces, Logs Target
	// TLS is for https targets.
	TLS TLS
	// Compression is "gzip", or "none" or "".
	Compression string
	// Interval is how often metrics are collected and sent (default 15 s).
	Interval time.Duration
	// Timeout bounds the export of one batch, retries included (default 10 s).
	Timeout time.Duration
	// SnapshotTimeout bounds how long a collection waits for the maps of live
	// runs (default half of Interval, at most 5 s). A run that is slower is
	// left out of that collection, and counted.
	SnapshotTimeout time.Duration
	// Hold is how long the final state of an ended run is still exported
	// (default 5 min, as long as Prometheus looks back). Over OTLP it is sent
	// until it was once sent with success; at /metrics it stands until the
	// next run of the same script has its own.
	Hold time.Duration
	// MaxSeries bounds the series of each map (default 2000).
	MaxSeries int
	// MaxQueue bounds the spans, and the log records, that wait while the
	// collector is not to be had (default 8192 each, 1 KiB each or so); those
	// past it are dropped, and counted.
	MaxQueue int
	// Attributes are the resource's beside service.name and service.version,
	// which they may override.
	Attributes map[string]string
	// Version is tracecar's, "" if unknown.
	Version string
	// Probes has declarations by the name of the scheduled probe.
	Probes map[string]Probe
	// Logger is told when exports begin to fail and when they work again; nil
	// discards.
	Logger *slog.Logger
}

// Protocols of OTLP.
const (
	GRPC         = "grpc"
	HTTPProtobuf = "http/protobuf"
)

// Target is where one signal goes.
type Target struct {
	// URL is http://host:4317 or https://…: the scheme decides TLS. With
	// HTTPProtobuf it is in full: http://host:4318/v1/metrics.
	URL string
	// Protocol is GRPC or HTTPProtobuf.
	Protocol string
	// Headers are sent with every export.
	Headers map[string]string
}

// TLS is how a collector is trusted, and how it knows us.
type TLS struct {
	CA, Cert, Key      string // PEM files
	InsecureSkipVerify bool
}

// Probe declares how the runs of one scheduled probe are exported.
type Probe struct {
	// Metrics by the map's name with its @.
	Metrics map[string]Metric
	// MaxSeries bounds the series of each map; 0: Config.MaxSeries.
	MaxSeries int
	// Spans made of what the script prints. Lines that become spans are no
	// log records.
	Spans []Span
	// LogSeverity is that of the log records made of what the script prints:
	// "trace", "debug", "info", "warn", "error", "fatal"; "" is info, "off"
	// makes none.
	LogSeverity string
}

// Metric says how one map is exported. What is left out is inferred.
type Metric struct {
	Name, Unit, Description string
	// Attributes name the parts of the key, in order.
	Attributes []string
	// Type is "counter", "updowncounter", "gauge" or "histogram", "" as the
	// aggregation tells.
	Type string
	// Exponential makes an exponential histogram of a hist() with bounds at
	// powers of two. It states the bounds less exactly: off by one, as its
	// buckets are open below.
	Exponential bool
	// Scale multiplies values and bounds; 0 leaves them.
	Scale float64
	// Sum names the sum() map that is the sum of this hist.
	Sum string
	// Decode turns key parts into text, by attribute: see package decode.
	Decode map[string]string
	// Drop exports nothing of this map.
	Drop bool
}

// Output picks one printf: by its place among the script's printfs from 1,
// or by its format text.
type Output struct {
	Index  int
	Format string
}

// Span makes a span of one printf, or of two that a key joins.
type Span struct {
	Printf, EndPrintf Output
	// Name is the span's; {{.field}} stands for a field.
	Name string
	// Kind is "internal" (or ""), "server", "client", "producer", "consumer".
	Kind string
	// Start, End and Duration pick fields, by name or place from 1; of two
	// printfs Start picks of the first, End of the second.
	Start, End, Duration string
	// Unit is of Duration, TimeUnit of Start and End: "ns", "us", "ms", "s".
	// An empty Unit goes by the ending of the field's name, else both are ns.
	Unit, TimeUnit string
	// Key are the fields, the same in both, that join an end to its start.
	Key []string
	// Timeout is how long after its start an end may come, by the times that the
	// two printfs print (default 1 min). A start without an end is given up that
	// long, and a second, after it was read.
	Timeout time.Duration
	// Attributes by name, each from a field; nil: all fields.
	Attributes map[string]string
	// TraceParent is the field that prints a W3C traceparent. Where that is
	// empty, or cannot be read, the span has the parent it has without; where
	// it says not sampled, the span is not exported.
	TraceParent string
}

func (c Config) withDefaults() Config {
	def(&c.Interval, 15*time.Second)
	def(&c.Timeout, 10*time.Second)
	def(&c.SnapshotTimeout, min(c.Interval/2, 5*time.Second))
	def(&c.Hold, 5*time.Minute)
	def(&c.MaxSeries, 2000)
	def(&c.MaxQueue, 8192)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
