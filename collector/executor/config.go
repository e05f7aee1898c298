package executor

import (
	"time"

	"golang.org/x/sys/unix"
)

// Config says which bpftrace to use and how. The zero value uses the first
// bpftrace in PATH, directly, with its own limits.
type Config struct {
	// Path of bpftrace; "" looks in PATH, then in /usr/bin, /usr/local/bin,
	// /usr/sbin and /sbin.
	Path string
	// Sudo asks for root through sudo. Root itself never uses it.
	Sudo bool
	// Helper is the exact command of the root helper, absolute path first:
	// a program that calls ServeHelper. Needed with Sudo, except for root.
	Helper []string
	// Handlers answer Process.Ask where no helper is in between; a helper
	// has its own, given to ServeHelper.
	Handlers map[string]Handler
	// Limits are passed to every bpftrace.
	Limits Limits
	// Grace says how long Stop waits.
	Grace Grace
}

// Handler answers one kind of question about the bpftrace with this process
// id. It runs in the process that holds root, may be called concurrently, and
// may be called after bpftrace has ended.
type Handler func(pid int, payload []byte) ([]byte, error)

// Limits bound what one bpftrace takes. 0 means bpftrace's own default
// (0.17 and 0.27: 4096 keys; 64 and 1024 bytes; 512 and 1024 probes; 64 pages).
// The environment beats a script's config block, so these are caps on it too.
type Limits struct {
	// Ungrouped starts bpftrace without a control group of its own: for a
	// one-shot run that its operator watches. Making one and moving into it
	// takes the kernel 10 to 20 ms, in which nothing on the host can fork.
	Ungrouped       bool
	MaxMapKeys      int // keys per map
	MaxStrlen       int // bytes per str(); 0.17 to 0.19 allow 200, more is cut to that
	MaxProbes       int // attach points
	RingBufferPages int // pages per CPU
	// Memory bounds what bpftrace takes for a script, its kernel maps included,
	// in bytes: a script can make the compiler take gigabytes. The bound is one
	// of a control group of its own, where the host allows: past it the kernel
	// kills bpftrace. Elsewhere it is one of the private memory that bpftrace
	// itself may write to (RLIMIT_DATA), kernel maps not included: past it the
	// compiler gives up. 0: 4 GiB, or half of this machine's memory where that
	// is less, and 512 MiB at least.
	Memory uint64
	// CompileCPU bounds bpftrace's CPU time until its probes are attached: a
	// script can keep the compiler busy for hours. Whole seconds, rounded up;
	// past them the kernel ends bpftrace (RLIMIT_CPU, SIGXCPU). It does not bound
	// what bpftrace takes afterwards. 0: 1 min.
	CompileCPU time.Duration
	// CPUPercent bounds bpftrace's CPU time in every tenth of a second, in
	// percent of one CPU, by its control group. A bpftrace that waits for its
	// CPU loses events. 0: no bound.
	CPUPercent int
}

const (
	defaultMemory     = 4 << 30
	smallestMemory    = 512 << 20
	defaultCompileCPU = time.Minute
)

// memory is the bound on real memory.
func (l Limits) memory() uint64 {
	if l.Memory > 0 {
		return l.Memory
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return defaultMemory
	}
	half := uint64(info.Totalram) * uint64(info.Unit) / 2
	return min(defaultMemory, max(half, smallestMemory))
}

// compileSeconds is the bound on CPU time, in whole seconds.
func (l Limits) compileSeconds() uint64 {
	d := orDefault(l.CompileCPU, defaultCompileCPU)
	return uint64((d + time.Second - 1) / time.Second)
}

// Grace is how long Stop waits before it signals harder. Detaching takes
// about 75 ms per tracepoint, and maps are printed only after it.
type Grace struct {
	// Base and PerAttachPoint make up the wait after SIGINT (defaults 2 s, 100 ms).
	Base, PerAttachPoint time.Duration
	// Term is the wait after SIGTERM, before SIGKILL (default 2 s).
	Term time.Duration
}

// unknownAttachPoints is what Stop assumes before anybody has said how many
// there are: too long a grace costs seconds, too short a one costs the maps.
const unknownAttachPoints = 100

func (g Grace) afterInt(attachPoints int) time.Duration {
	if attachPoints <= 0 {
		attachPoints = unknownAttachPoints
	}
	return orDefault(g.Base, 2*time.Second) +
		time.Duration(attachPoints)*orDefault(g.PerAttachPoint, 100*time.Millisecond)
}

// printingGrace is how much longer bpftrace may take once it prints its last maps:
// the user stacks of big programs take seconds to symbolise.
const printingGrace = 30 * time.Second

func (g Grace) afterTerm() time.Duration { return orDefault(g.Term, 2*time.Second) }

func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}
