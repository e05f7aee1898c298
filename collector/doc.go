// Package collector runs bpftrace scripts and folds what they print into
// exact, typed data. It is not an OpenTelemetry Collector: it stands before
// one, or does without.
//
// # The flow
//
//	triggers                 one runner           one process         one stream          readers
//	MCP tool call ─┐                                                                   ┌─ Result  → MCP, CLI, HTTP JSON
//	schedule      ─┼→ Runner: admission, limits → executor → bpftrace → parser.Reader ─┼─ Sink    → metrics, spans, logs
//	command line  ─┘                                                     → records     └─ Snapshot of a live run's maps
//
// Data never flows back. The executor knows processes and no JSON; the parser
// knows bytes and no processes; readers know records and no bpftrace. All
// triggers call the same method, so limits, parsing and export happen once.
//
// # What flows in, what flows out
//
// In flows a [Script], out flows a [Result]. Call [NewRunner] first, then
// [Runner.Run] for a script whose end you wait for, or [Runner.Start] for a
// handle on a long one. [Scheduler.Apply] keeps scheduled probes running, each
// a named script that never overlaps with itself. [Recording.Fold] makes a
// Result of output recorded elsewhere.
//
// # The packages
//
//	parser             bpftrace's NDJSON → typed records, every supported version
//	parser/script      bpftrace source → probes, maps, keys, formats
//	collector/executor one bpftrace process: find, check, start, stop
//	collector/kernelmap  bpftrace's maps, read out of the kernel
//	collector/guard    what a run costs, and whether that is too much
//	collector/mapkey   key texts → typed parts, exact or marked
//	collector/cgroupfs  where control groups are mounted
//	collector/versions  ranges of bpftrace versions
//	collector/stacks   maps of stacks → folded text, pprof, flame graphs
//	mcp                tools, resources and prompts over stdio and HTTP
//	config             one Config from defaults, file, environment, flags
//	cmd/tracecar       the binary
//
// # The promise
//
// The value the script computed is the value the reader gets, on every
// supported version of bpftrace, or an explicit mark that it could not be
// recovered. bpftrace's JSON joins the parts of a key with commas, and since
// 0.24 drops their spaces; so the runner holds descriptors of the kernel's own
// maps from bpftrace's start on, and reads the exact keys there when it has
// ended (kernel.go, package mapkey).
//
// # Bounds
//
// A run keeps at most Options.MaxEvents events in MaxEventBytes bytes, and the
// last printed state of each map; one line of bpftrace's output is at most the
// parser's line limit. Runs at once, runs waiting, runs kept after their end,
// output bytes and helper errors of a run are all bounded by Options. Nothing
// is cut silently: Result.Truncated counts what was left out.
package collector
