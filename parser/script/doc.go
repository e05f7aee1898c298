// Package script reads bpftrace's language, versions 0.17 to 0.27: a script's
// text flows in, what the script does flows out, with positions.
//
// Call [Parse] first. It always gives a [Script]: probes and attach points,
// maps with the aggregation that fills them and the names and types of their
// keys, calls, identifiers, includes, macros, and what is printed. Where
// versions read the same text differently, or a text is no bpftrace, that
// stands in Script.Unclear with its place, and a map that hangs on it has
// KeyUnclear set, or a kind or type that is unknown. A script that bpftrace
// accepts is in practice never unclear; one that is not accepted may well be
// clear: names of functions and probes are bpftrace's to check.
//
// [ParseWith] also asks the kernel for the types of tracepoint fields
// ([TracepointFields]).
//
// [MatchOutputs] goes the other way: given what a printf printed, it gives
// the arguments back, where only one reading is possible.
//
// The package touches no process and no file of its own accord; it is safe to
// use from several goroutines, and a Script is not changed after Parse.
package script
