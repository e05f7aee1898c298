package guard

import "time"

// Sample is what one bpftrace has cost up to an instant. Times and counts only
// grow.
type Sample struct {
	// At is when, on the clock CLOCK_MONOTONIC.
	At time.Duration `json:"at"`
	// Kernel is how long the script's BPF programs have run, on all CPUs
	// together, and Runs how often. bpftrace up to 0.22 frees the programs of
	// BEGIN and END as soon as they have run: they may be missing.
	Kernel time.Duration `json:"kernel"`
	Runs   uint64        `json:"runs"`
	// Programs is how many programs that is the sum of.
	Programs int `json:"programs"`
	// Whole: all programs were found, and read. Where not, Kernel and Runs are
	// lower bounds.
	Whole bool `json:"whole"`
	// Unknown says why the kernel's part cannot be measured at all; "" where it can.
	Unknown string `json:"unknown,omitempty"`
	// CPU is bpftrace's own time, user and system, to 10 ms, its children's included.
	CPU time.Duration `json:"cpu"`
	// RSS is what it and its children hold in memory, MaxRSS the most it alone
	// ever held, in bytes; 0 where not known.
	RSS    int64 `json:"rss"`
	MaxRSS int64 `json:"max_rss"`
	// Ended: the process has ended; the kernel's part is final.
	Ended bool `json:"ended"`
}
