package collector

import (
	"context"
	"os"
	"time"

	"tracecar/collector/guard"
	"tracecar/parser"
	"tracecar/parser/script"
)

// Script is one request to run a bpftrace script.
type Script struct {
	// Source is the script's text. Required.
	Source string
	// Name is for people: a file's name, a probe's name. May be empty.
	Name string
	// Probe is the name of the scheduled probe that this is a run of, or "".
	// Scheduled runs have places of their own (Options.MaxScheduled).
	Probe string
	// Library is the name of the library's script that Source is, "" for an ad
	// hoc one.
	Library string
	// Unsafe asks for bpftrace's --unsafe; the caller's role has to allow it.
	Unsafe bool
	// Args are the positional parameters $1, $2, …
	Args []string
	// Timeout ends the run with StatusTimedOut. It is the time of tracing:
	// it counts from when all probes are attached. 0 means no limit: the run
	// goes on until it ends by itself or is stopped.
	Timeout time.Duration
	// Sudo asks for sudo where this process is not root.
	Sudo bool
	// Budget bounds what the run may cost; the zero value is Options.Guard's. A
	// negative CPUPercent is no bound.
	Budget guard.Budget
	// MaxEvents and MaxRows bound the Result (rows per map). 0 means the
	// runner's default.
	MaxEvents, MaxRows int
	// Context carries values for observers, such as a trace context, for a run
	// that outlives its request; nil: those of Begin's. Its end means nothing.
	Context context.Context
	// Snapshots prepares the run for Run.Snapshot; it costs a check of the
	// script where bpftrace has to print maps itself.
	Snapshots bool
	// SnapshotInterval is the least time between two reads of the run's maps:
	// within it Run.Snapshot gives the state it read last, whoever asks. 0:
	// every Snapshot reads.
	SnapshotInterval time.Duration
	// Trigger says how the request came: "mcp", "cli", "http", "schedule".
	Trigger string
	// Caller says who asked.
	Caller Caller
}

// Caller is who asked for a run, for the policy, the audit log and spans.
type Caller struct {
	// Name is the name of the token or certificate; "" where nobody is asked
	// for one. Role is the one its holder has.
	Name, Role string
	// Client is what the client says of itself, bounded: "NAME VERSION".
	Client string
	// Session tells a client's sessions apart; it is not the session's secret id.
	Session string
}

// Sink is told of one run as it goes, in order, on one goroutine: Begin once,
// Record for every record, End once with the final Result. A run that was
// refused, or could not be started, has no records. A sink that blocks stops
// only the reading of bpftrace's output: events are then lost, and counted,
// in the kernel.
type Sink interface {
	Begin(info RunInfo)
	// Record gives a record that is valid only during the call.
	Record(rec *parser.Record)
	// End gives the final Result, which must not be changed. Its events are
	// those that the run kept.
	End(res *Result)
}

// A Textless sink can say that it does not read the text of printf records,
// which costs an allocation each. It is asked once, after Begin.
type Textless interface {
	Sink
	SkipsText() bool
}

// Observer makes a Sink for a run that begins, or nil for one it does not
// want to hear of.
type Observer func(s Script) Sink

// RunInfo is what a Sink knows of a run from the start.
type RunInfo struct {
	ID     string
	Script Script
	// Parsed is the parsed script, Version that of bpftrace; nil and "" where
	// it was never started.
	Parsed  *script.Script
	Version string
	Started time.Time
	// Run is the handle, for Snapshot and Progress.
	Run *Run
	// Context carries values of the request that began the run, such as a
	// trace context; its end means nothing here.
	Context context.Context
}

// parseLive parses a script that runs on this kernel, which tells the types of
// tracepoint arguments.
func parseLive(source string) *script.Script {
	return script.ParseWith(source, script.TracepointFields(os.DirFS("/sys/kernel/tracing")))
}
