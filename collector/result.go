package collector

import (
	"time"

	"tracecar/collector/kernelmap"
	"tracecar/parser"
)

// Status says how a run ended.
type Status string

const (
	// StatusCompleted: the script ended by itself, whatever its exit code.
	StatusCompleted Status = "completed"
	// StatusTimedOut: its time was up, a normal end for most scripts.
	StatusTimedOut Status = "timed_out"
	// StatusCancelled: the caller stopped it.
	StatusCancelled Status = "cancelled"
	// StatusFailed: it did not run; Diagnostics say why.
	StatusFailed Status = "failed"
	// StatusRefused: policy or admission said no; it was never started.
	StatusRefused Status = "refused"
	// StatusKilled: bpftrace was killed from outside or ran past a limit.
	StatusKilled Status = "killed"
	// StatusRunning: not ended yet; only in the state of a live run.
	StatusRunning Status = "running"
)

// ExitTimedOut is the exit code of a run whose time was up, as timeout(1) has it.
const ExitTimedOut = 124

// Result is what one run gave: the contract with every reader.
type Result struct {
	Status          Status       `json:"status"`
	ExitCode        int          `json:"exit_code"`
	TimedOut        bool         `json:"timed_out"`
	DurationMS      int64        `json:"duration_ms"`
	BpftraceVersion string       `json:"bpftrace_version"`
	ProbesAttached  int64        `json:"probes_attached"`
	Events          []Event      `json:"events"`
	Maps            []Map        `json:"maps"`
	LostEvents      uint64       `json:"lost_events"`
	Diagnostics     []Diagnostic `json:"diagnostics"`
	Truncated       Truncated    `json:"truncated"`
	// Snapshot is there where Maps show a live run as it was at one moment; nil
	// where they are as last printed.
	Snapshot *SnapshotInfo `json:"snapshot,omitempty"`
	// Fill says how much of each map with keys or buckets was used at the end of
	// a run whose maps were held in the kernel, as those of all scheduled probes
	// are. It is for Sinks; readers get a diagnostic of a map that is full.
	Fill map[string]kernelmap.Fill `json:"-"`
	// Cost is nil where no bpftrace was started, and for recordings.
	Cost *Cost `json:"cost,omitempty"`
}

// SnapshotInfo says which moment the maps of a live run's Result are of.
type SnapshotInfo struct {
	// Time is when they were read: at most Script.SnapshotInterval ago.
	Time time.Time `json:"time"`
	// Missing names the maps that could not be read, with why. They are in the
	// Result as last printed, or not at all.
	Missing map[string]string `json:"missing,omitempty"`
}

// Truncated counts what a limit left out of a Result.
type Truncated struct {
	Events uint64 `json:"events"`
	Rows   uint64 `json:"rows"`
}

// Event is one thing the script printed, in the order printed. Type is
// bpftrace's own: printf, value, time, join, cat, syscall, map, hist, …
type Event struct {
	Type string
	// Data of a text or value event.
	Data parser.Value
	// Map of an intermediate print of a map.
	Map *Map
	// Fields are the arguments of a printf whose format is known, by name, typed.
	Fields []parser.Field
	// Inexact names the fields of which the printed text does not tell all:
	// the padding of %-16s hides spaces at a string's end, %d of a 64-bit
	// argument prints 32 bits.
	Inexact []string
}

// Map is the last state printed of one map.
type Map struct {
	Name string   `json:"name"`
	Kind string   `json:"kind"`
	Keys []string `json:"keys"`
	Rows []Row    `json:"rows"`
}

// Row is one element of a map. Exactly one of value, buckets, stats and
// points is in its JSON, by the kind of Value.
type Row struct {
	// Key has one element per part; for an Ambiguous row it is bpftrace's own
	// text as one string.
	Key       []parser.Value
	Ambiguous bool
	Value     parser.Value
}

// Diagnostic is one error, warning or note about a script or a run.
type Diagnostic struct {
	Severity string `json:"severity"` // error, warning, note
	Message  string `json:"message"`
	Line     int    `json:"line,omitempty"`   // 1-based
	Column   int    `json:"column,omitempty"` // 1-based
	Source   string `json:"source,omitempty"` // the line of the script
	Hint     string `json:"hint,omitempty"`
	// Rule is the rule of the policy that a refused script broke.
	Rule string `json:"rule,omitempty"`
	// Noise marks what bpftrace says on every run of a healthy host; people
	// are not shown it.
	Noise bool `json:"noise,omitempty"`
}
