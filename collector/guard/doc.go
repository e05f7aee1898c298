// Package guard measures what one bpftrace costs this machine, and says when
// that is more than it may.
//
// In flow the process id of a bpftrace and a Budget; out flow Samples, and one
// Report where the budget was exceeded. Guard stops nothing: whoever gets the
// Report does.
//
// The cost of a run has two parts. The kernel's part is the run time of the
// BPF programs that bpftrace holds, over all CPUs, as the kernel's BPF run-time
// statistics have it (Linux 5.1; they are on only while a run is measured). It
// is the programs' own time: what the kernel spends on the way to them (the
// trap of a uprobe, about a microsecond) is not in it. The other part is
// bpftrace's own CPU time and memory, from /proc, its children's included.
//
// Two halves, since what can be measured only by root may run elsewhere:
//
//   - Meters measures, in the process that holds root. Its Answer is a handler
//     of questions, to be registered under Question.
//   - A Run is one measured bpftrace, at the other end of the questions. Call
//     Begin first, for every bpftrace, then Guard.Watch where it has a budget.
package guard
