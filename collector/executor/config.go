package executor

import "time"

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
	MaxMapKeys      int // keys per map
	MaxStrlen       int // bytes per str(); 0.17 to 0.19 allow 200, more is cut to that
	MaxProbes       int // attach points
	RingBufferPages int // pages per CPU
	// Memory bounds bpftrace's address space, in bytes (RLIMIT_AS): a script
	// can make the compiler take gigabytes. It must leave room for LLVM: at least 2 GiB.
	Memory uint64
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

func (g Grace) afterTerm() time.Duration { return orDefault(g.Term, 2*time.Second) }

func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}
