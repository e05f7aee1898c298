package collector

import (
	"time"

	"tracecar/parser"
	"tracecar/parser/script"
)

// Script is one request to run a bpftrace script.
type Script struct {
	// Source is the script's text. Required.
	Source string
	// Name is for people: a file's name, a probe's name. May be empty.
	Name string
	// Args are the positional parameters $1, $2, …
	Args []string
	// Timeout ends the run with StatusTimedOut. It is the time of tracing:
	// it counts from when all probes are attached. 0 means no limit: the run
	// goes on until it ends by itself or is stopped.
	Timeout time.Duration
	// Sudo asks for sudo where this process is not root.
	Sudo bool
	// MaxEvents and MaxRows bound the Result (rows per map). 0 means the
	// runner's default.
	MaxEvents, MaxRows int
	// Snapshots prepares the run for Run.Snapshot; it costs a check of the
	// script where bpftrace has to print maps itself.
	Snapshots bool
	// Trigger says who asked: "mcp", "cli", "http", "schedule".
	Trigger string
}

// Sink is told of a run as it goes, in order, on one goroutine: Begin once
// bpftrace was started, Record for every record, End with the final Result
// (without Begin where nothing was started, there is no End either). A sink
// that blocks stops only the reading of bpftrace's output: events are then
// lost, and counted, in the kernel.
type Sink interface {
	Begin(info RunInfo)
	// Record gives a record that is valid only during the call.
	Record(rec *parser.Record)
	End(res *Result)
}

// RunInfo is what a Sink knows of a run from the start.
type RunInfo struct {
	ID      string
	Script  Script
	Parsed  *script.Script
	Version string // of bpftrace
	Started time.Time
}
