package collector

import (
	"time"

	"tracecar/collector/executor"
	"tracecar/collector/policy"
)

// Options configure a Runner. The zero value is usable.
type Options struct {
	// Bpftrace is the path of the program; "" looks in PATH.
	Bpftrace string
	// Helper is the exact command of the root helper that sudo may start,
	// absolute path first. Without it scripts that need sudo fail.
	Helper []string
	// Limits are passed to every bpftrace.
	Limits executor.Limits
	// Roles gives the role of whoever asks for a script; nil: everybody is the
	// operator.
	Roles func(s Script) policy.Role
	// Decided are told of every decision, before anything is given to bpftrace
	// and on the goroutine that waits for it.
	Decided []func(d Decision)
	// Guard bounds what runs may cost this machine. A run past its budget is
	// stopped, with its maps printed, and its status is killed.
	Guard Guard
	// MaxRuns bounds how many runs are live at once (default 8), Queue how
	// many more may wait for a place (default 16; -1: none), QueueWait how
	// long (default 10 s).
	MaxRuns, Queue int
	QueueWait      time.Duration
	// MaxScheduled bounds how many runs of scheduled probes are live at once
	// (default 64); they wait for a place as long as it takes.
	MaxScheduled int
	// Observers are asked about every run.
	Observers []Observer
	// DefaultTimeout is what callers that name none get (default 30 s);
	// MaxTimeout caps what they ask for (default 1 h).
	DefaultTimeout, MaxTimeout time.Duration
	// AttachTimeout bounds the time from start to attached probes (default
	// 2 min: attaching takes up to 75 ms per attach point).
	AttachTimeout time.Duration
	// KeepRuns and KeepFor bound how many finished runs are kept, and how
	// long (defaults 64, 15 min).
	KeepRuns int
	KeepFor  time.Duration
	// MaxEvents, MaxRows are the defaults for Script (10000 and 10000);
	// MaxEventBytes bounds the text that the events of one run hold
	// (default 16 MiB).
	MaxEvents, MaxRows, MaxEventBytes int
	// MaxOutput bounds the bytes of JSON of one run that is none of a scheduled
	// probe (default 4 GiB), and MaxHelperErrors how often bpftrace may report
	// failed helpers (default 1 million: a full map reports every update). A run
	// past either is stopped; a continuous probe then starts anew.
	MaxOutput, MaxHelperErrors uint64
}

func (o Options) withDefaults() Options {
	def(&o.MaxRuns, 8)
	def(&o.Queue, 16)
	o.Queue = max(o.Queue, 0)
	def(&o.QueueWait, 10*time.Second)
	def(&o.MaxScheduled, 64)
	def(&o.DefaultTimeout, 30*time.Second)
	def(&o.MaxTimeout, time.Hour)
	def(&o.AttachTimeout, 2*time.Minute)
	def(&o.Limits.CompileCPU, o.AttachTimeout) // a backstop: the compiler has one thread
	def(&o.KeepRuns, 64)
	def(&o.KeepFor, 15*time.Minute)
	def(&o.MaxEvents, 10000)
	def(&o.MaxRows, 10000)
	def(&o.MaxEventBytes, 16<<20)
	def(&o.MaxOutput, 4<<30)
	def(&o.MaxHelperErrors, 1_000_000)
	return o
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
