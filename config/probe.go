package config

import (
	"errors"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Probe is one scheduled probe: a script with a name. With neither every nor
// schedule it is continuous: one bpftrace that is kept running.
type Probe struct {
	// Name is unique, and made of lower-case letters, digits and hyphens: it names the probe in metrics and over MCP.
	Name string `koanf:"name" required:"true"`
	// Enabled set to false keeps the probe in the file and does not run it.
	Enabled bool `koanf:"enabled"`
	// Script is the bpftrace script itself. One of script, file and library is wanted.
	Script string `koanf:"script"`
	// File holds the bpftrace script; relative to this file.
	File string `koanf:"file" path:"file"`
	// Library is the name of a script of the library.
	Library string `koanf:"library"`
	// Args are the positional parameters $1, $2, ….
	Args []string `koanf:"args"`
	// Versions are variants of the script by bpftrace's version: the first that matches is taken, then the probe's own script.
	Versions []Variant `koanf:"versions"`
	// Every starts a window of tracing at this interval. It wants duration, and excludes schedule.
	Every time.Duration `koanf:"every" min:"1s"`
	// Schedule starts a window of tracing by a cron line: minute, hour, day of month, month, day of week; or @hourly, @daily, …; "CRON_TZ=Europe/Berlin 0 6 * * *" for a time zone.
	Schedule string `koanf:"schedule"`
	// Duration is how long one window traces, from when its probes are attached.
	Duration time.Duration `koanf:"duration" min:"1ms"`
	// Jitter delays each window by a random time up to this, so that not all hosts trace at once.
	Jitter time.Duration `koanf:"jitter"`
	// Interval is the least time between two reads of a continuous probe's maps, whoever reads: an export, a scrape, /api/probes, get_run. In between they get the state that was read last, with its time; over OTLP it is sent once. Left out: every reader reads. Prometheus looks back 5 minutes: keep it shorter than that.
	Interval time.Duration `koanf:"interval" min:"100ms"`
	// Restart says what happens when the bpftrace of a continuous probe ends.
	Restart Restart `koanf:"restart"`
	// Unsafe runs this probe with bpftrace's --unsafe: its script may run commands as root, system(), and change what it observes. tracecar must be root itself: its helper behind sudo refuses it.
	Unsafe bool `koanf:"unsafe"`
	// MaxSeries bounds the series of each map; left out: the one of limits.
	MaxSeries int `koanf:"max_series" min:"1" max:"1000000"`
	// Metrics say how a map is exported, by the map's name with its @, in quotes. Maps that are not here are exported by what the script tells.
	Metrics map[string]Metric `koanf:"metrics"`
	// Spans make spans of what the script prints.
	Spans []Span `koanf:"spans"`
	// Logs exports what the script prints as log records: true, false, or their severity.
	Logs Severity `koanf:"logs" enum:"off,trace,debug,info,warn,error,fatal"`

	// Source is the text of script, or what file held when it was loaded;
	// empty with library, and where there are only versions.
	Source string `koanf:"-"`
}

// Variant is a script for some versions of bpftrace.
type Variant struct {
	// Bpftrace is the versions it is for: ">=0.22", "<0.21", ">=0.17, <0.23", "0.23" (any 0.23.x).
	Bpftrace string `koanf:"bpftrace" required:"true"`
	// Script is the bpftrace script itself. One of script, file and library is wanted.
	Script string `koanf:"script"`
	// File holds the bpftrace script; relative to this file.
	File string `koanf:"file" path:"file"`
	// Library is the name of a script of the library.
	Library string `koanf:"library"`

	// Source is the text of script, or what file held when it was loaded.
	Source string `koanf:"-"`
}

// Restart says what happens when the bpftrace of a continuous probe ends. A
// probe that lived longer than Max has recovered: its waits begin at Min again.
type Restart struct {
	// Min is the first wait; it doubles with each restart.
	Min time.Duration `koanf:"min" min:"10ms"`
	// Max is the longest wait.
	Max time.Duration `koanf:"max" min:"10ms"`
	// GiveUpAfter is how many restarts in a row may fail before the probe is left down, visibly; 0: never.
	GiveUpAfter int `koanf:"give_up_after" min:"0"`
}

// Metric says how a map is exported. What is left out is inferred from the
// script.
type Metric struct {
	// Name is the metric's.
	Name string `koanf:"name"`
	// Unit is a UCUM unit of the exported value: "us", "By", "{call}".
	Unit string `koanf:"unit"`
	// Description is for people.
	Description string `koanf:"description"`
	// Attributes name the parts of the map's key, in order.
	Attributes []string `koanf:"attributes"`
	// Type overrides what the map's aggregation tells: counter never falls. hist, lhist and stats are histograms, and nothing else is one.
	Type string `koanf:"type" enum:",counter,updowncounter,gauge,histogram"`
	// Buckets of a hist: explicit keeps bpftrace's own bounds, exact for integers; exponential makes an exponential histogram over OTLP, of a hist with one bucket per power of two and without value_scale; at /metrics, whose text has none, it has the explicit bounds.
	Buckets string `koanf:"buckets" enum:",explicit,exponential"`
	// ValueScale multiplies values and bucket bounds: 0.001 makes ms of us. Left out: values stay as they are.
	ValueScale float64 `koanf:"value_scale"`
	// Sum is the map whose sum() belongs to this hist or lhist, by a key of as many parts: the histogram gets it as its sum. That map is then not exported by itself.
	Sum string `koanf:"sum"`
	// Decode turns key parts into text, by attribute: "device: majorminor". README.md lists the decoders.
	Decode map[string]string `koanf:"decode"`
	// Drop exports nothing of this map.
	Drop bool `koanf:"drop"`
}

// Span makes spans of what one printf prints; or of two, where the first is
// the start and the second the end.
type Span struct {
	// Printf is the printf whose output is the span, by its place among the script's printfs (1 is the first) or by its format text.
	Printf Output `koanf:"printf" required:"true"`
	// EndPrintf is the printf that ends the span that printf began; they are joined by key.
	EndPrintf Output `koanf:"end_printf"`
	// Name is the span's; {{.field}} stands for a field of the printf.
	Name string `koanf:"name" required:"true"`
	// Kind is OpenTelemetry's span kind.
	Kind string `koanf:"kind" enum:"internal,server,client,producer,consumer"`
	// Start is the field that is the time of the start, as nsecs tells it. Fields are named, or counted from 1.
	Start Field `koanf:"start"`
	// End is the field that is the time of the end.
	End Field `koanf:"end"`
	// Duration is the field that is the duration.
	Duration Field `koanf:"duration"`
	// Unit is the unit of duration; left out: by the ending of the field's name (_ns, _us, _ms, _s), else ns.
	Unit string `koanf:"unit" enum:",ns,us,ms,s"`
	// TimeUnit is the unit of start and end.
	TimeUnit string `koanf:"time_unit" enum:"ns,us,ms,s"`
	// Key are the fields, the same in both, that tell which end belongs to which start.
	Key []Field `koanf:"key"`
	// Timeout is how long after its start an end may come, by the times both print; a pair further apart, and a start whose end does not come, is counted as unmatched.
	Timeout time.Duration `koanf:"timeout" min:"1ms"`
	// Attributes are the span's, by name, each from a field. Left out: all fields under their own names.
	Attributes map[string]Field `koanf:"attributes"`
	// TraceParent is the field that prints a W3C traceparent, of which the span is a child; where that says not sampled, the span is not exported.
	TraceParent Field `koanf:"trace_parent"`
}

// Periodic tells whether the probe traces in windows.
func (p *Probe) Periodic() bool { return p.Every > 0 || p.Schedule != "" }

// Schedule tells when the next window is due.
type Schedule interface {
	// Next is the first time after t; the zero time if there is none.
	Next(t time.Time) time.Time
}

// Cron reads the probe's schedule; nil where it has none. Load has checked
// that it can be read.
func (p *Probe) Cron() (Schedule, error) {
	if p.Schedule == "" {
		return nil, nil
	}
	// The cron package panics on a time zone with nothing after it.
	if first, rest, _ := strings.Cut(strings.TrimSpace(p.Schedule), " "); strings.Contains(first, "TZ=") && strings.TrimSpace(rest) == "" {
		return nil, errors.New("a time zone and no times: want five fields after it")
	}
	return cron.ParseStandard(p.Schedule)
}
