package collector

import (
	"context"
	"time"

	"tracecar/parser"
)

// Script is one request to run a bpftrace script.
type Script struct {
	// Source is the script's text. Required.
	Source string
	// Name is for people: a file's name, a probe's name. May be empty.
	Name string
	// Args are the positional parameters $1, $2, …
	Args []string
	// Timeout ends the run with StatusTimedOut. 0 means no limit of its own:
	// it runs until it ends by itself, is stopped, or meets the runner's.
	Timeout time.Duration
	// Sudo asks for sudo where this process is not root.
	Sudo bool
	// MaxEvents and MaxRows bound the Result (rows per map). 0 means the runner's default.
	MaxEvents, MaxRows int
	// Trigger says who asked: "mcp", "cli", "http", "schedule".
	Trigger string
}

// Options configure a Runner. The zero value is usable.
type Options struct {
	// Bpftrace is the path of the program; "" looks in PATH.
	Bpftrace string
	// MaxRuns bounds how many runs are live at once (default 8), Queue how
	// many more may wait for a place (default 16; -1: none), QueueWait how long (default 10 s).
	MaxRuns, Queue int
	QueueWait      time.Duration
	// DefaultTimeout is what callers that name none get (default 30 s);
	// MaxTimeout caps what they ask for (default 1 h).
	DefaultTimeout, MaxTimeout time.Duration
	// KeepRuns and KeepFor bound how many finished runs are kept, and how
	// long (defaults 64, 15 min).
	KeepRuns int
	KeepFor  time.Duration
	// MaxEvents, MaxRows are the defaults for Script (10000 and 10000).
	MaxEvents, MaxRows int
}

// Sink receives every record of a run as it comes, in order, on one
// goroutine. The record is valid only during the call.
type Sink interface {
	Record(rec *parser.Record)
}

// Runner runs scripts: every trigger calls it, so limits, parsing and export
// happen once. Close stops what is live.
type Runner struct{}

// NewRunner returns a Runner. Nothing is started before the first call.
func NewRunner(o Options) *Runner { panic("not built") }

// Options returns the runner's options with the defaults filled in.
func (r *Runner) Options() Options { panic("not built") }

// Run runs one script to its end, or until ctx is cancelled (then bpftrace is
// stopped and the Result, with all that was printed, says cancelled). It
// always gives a Result; what went wrong stands in its Status and Diagnostics.
func (r *Runner) Run(ctx context.Context, s Script, sinks ...Sink) *Result { panic("not built") }

// Start starts a script and returns its handle; the run outlives the caller.
// A script that cannot be started still gives a Run, already done.
func (r *Runner) Start(s Script, sinks ...Sink) *Run { panic("not built") }

// Get returns a live or kept run by id.
func (r *Runner) Get(id string) (*Run, bool) { panic("not built") }

// List returns the live runs and the kept ones, newest first.
func (r *Runner) List() []*Run { panic("not built") }

// Close stops all runs, waits until bpftrace has gone or ctx ends, and
// refuses new ones. It is idempotent.
func (r *Runner) Close(ctx context.Context) error { panic("not built") }

// Run is one execution of a script.
type Run struct{}

// ID is unique and hard to guess.
func (r *Run) ID() string { panic("not built") }

// Script returns what was asked for.
func (r *Run) Script() Script { panic("not built") }

// Started returns when the run was accepted.
func (r *Run) Started() time.Time { panic("not built") }

// Done is closed when the run has ended and its Result is final.
func (r *Run) Done() <-chan struct{} { panic("not built") }

// Stop ends the run as a user would with Ctrl-C: maps are printed, the Result
// says cancelled. It returns at once and is idempotent.
func (r *Run) Stop() { panic("not built") }

// Progress returns the counters of the run; cheap.
func (r *Run) Progress() Progress { panic("not built") }

// Result returns the state now: final once Done, else with StatusRunning, the
// events so far from cursor on, and maps as last printed. The second value is
// the cursor for the next call; events that were dropped before being
// read are counted in Truncated.Events.
func (r *Run) Result(cursor int64) (*Result, int64) { panic("not built") }

// Progress is what a live run has done so far.
type Progress struct {
	Status         Status
	Elapsed        time.Duration
	ProbesAttached int64
	Attaching      bool // probes are not known to be attached yet
	Events         int64
	LostEvents     uint64
}

// Info describes the host and its bpftrace: what get_bpftrace_info returns.
type Info struct {
	Available      bool            `json:"available"`
	Version        string          `json:"version"`
	DefaultTimeout int             `json:"default_timeout"` // seconds
	MaxTimeout     int             `json:"max_timeout"`     // seconds
	Path           string          `json:"path"`
	Features       map[string]bool `json:"features"`
	Kernel         string          `json:"kernel"`
	Arch           string          `json:"arch"`
	BTF            bool            `json:"btf"`
	Tracefs        bool            `json:"tracefs"`
	Lockdown       string          `json:"lockdown"` // none, integrity, confidentiality, or "" where the kernel does not say
	Root           bool            `json:"root"`
	Limits         map[string]int  `json:"limits"`
	// Problems says what is missing, each with the command that mends it.
	Problems []HostProblem `json:"problems"`
}

// HostProblem is one thing the host lacks.
type HostProblem struct {
	What string `json:"what"`
	Fix  string `json:"fix,omitempty"` // a command, or what to do
	// Fatal: no script can run until it is mended.
	Fatal bool `json:"fatal"`
}

// Info looks at the host. It is cached for a few seconds; ctx bounds it.
func (r *Runner) Info(ctx context.Context) *Info { panic("not built") }

// Validation is what validate_bpftrace_script returns.
type Validation struct {
	Valid       bool         `json:"valid"`
	Diagnostics []Diagnostic `json:"diagnostics"`
	// Probes lists each attach point as written with how many it matches.
	Probes    []ProbeMatch `json:"probes"`
	Maps      []MapOutline `json:"maps"`
	Functions []string     `json:"functions"`
}

// ProbeMatch is one attach point of a script.
type ProbeMatch struct {
	Probe string `json:"probe"`
	// Matches is how many attach points it matches; -1 where bpftrace cannot tell.
	Matches int `json:"matches"`
}

// MapOutline is what a script says about one map.
type MapOutline struct {
	Name string   `json:"name"`
	Kind string   `json:"kind"`
	Keys []string `json:"keys"`
}

// Validate has bpftrace check a script without attaching it.
func (r *Runner) Validate(ctx context.Context, s Script) *Validation { panic("not built") }

// ProbeInfo is one attach point that exists.
type ProbeInfo struct {
	Name string  `json:"name"`
	Args []Field `json:"args,omitempty"`
}

// Field is one argument of an attach point.
type Field struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Probes lists attach points that match pattern (bpftrace's own search; "" is
// all), sorted as bpftrace lists them, details with their arguments.
func (r *Runner) Probes(ctx context.Context, pattern string, details bool) ([]ProbeInfo, error) {
	panic("not built")
}
