// Package examples is tracecar's built-in library: bpftrace scripts for the
// questions people ask of a running machine, each with what it answers, what
// it costs, what it needs, and what its maps mean.
//
// In flows nothing: the scripts are embedded in the binary, from library/.
// Out flows a [Script]: the text to run and its description, parsed from the
// comment at the top of the text. Call [List] to show what there is and [Get]
// for one script in the variant that suits an installed bpftrace; give
// [Script.Args] what the caller passed, for the positional parameters.
//
// # Files
//
// library/NAME.bt is a script for every supported version of bpftrace.
// library/NAME@0.22.bt, where there is one, takes its place from 0.22 on.
//
// # The header
//
// The comment lines at the top of a script, up to the first other line, are
// its header: one field per line, "// Field: text". A line that is indented
// below a field belongs to it.
//
//	// Title: Block I/O latency
//	// Question: How long do the disks take to serve requests?
//	// Read: From the moment the request was given to the device …
//	// Params:
//	//   $1 min_us=0: leave out requests shorter than this, in microseconds
//	// Maps:
//	//   @latency_us[dev:majorminor, rwbs]: hist, us, block.io.duration: device time of requests
//	// Scratch: @start
//	// Events: printf: one line for each slow request: pid, comm, latency_us
//	// Requires: tracepoints, BTF, linux >= 6.3, bpftrace >= 0.23
//	// Cost: low: every block request, twice, 10-100k events/s
//	// Mode: continuous
//	// Tags: block, io, latency
//
// A parameter is its position, its name, its default ("=0"; without one it
// must be given, and the text ends in "(example: …)") and what it does. A map
// is its name, the names of its key parts (each with the decoder that turns
// it into text, after a colon), its kind in bpftrace's words, its unit in
// UCUM, the name of the metric it becomes, and what it holds. Scratch maps
// are the script's own notes: cleared at the end, meaningless in a snapshot.
// Mode is "continuous" (the maps only grow: read them at any time), "window
// 10s" (run it that long, then look) or "once" (it ends by itself).
package examples
