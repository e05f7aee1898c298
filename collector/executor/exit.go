package executor

import (
	"fmt"
	"syscall"
	"time"
)

// Exit is how one bpftrace ended.
//
// Code is bpftrace's own: 0 also after SIGINT and SIGTERM; N for exit(N); 1
// for a script it refused, an unknown probe, a missing privilege; 255 for a
// failed load or attach.
type Exit struct {
	Code   int            // -1 where a signal ended it
	Signal syscall.Signal // 0 where it exited
	// Stopped: Stop was called before it ended. A bpftrace stopped before it
	// had its signal handler (0.05 to 0.3 s after the start) dies of SIGINT
	// and prints no maps: Stopped, with Signal SIGINT.
	Stopped bool
	// Escalated: SIGINT did not end it within its grace; SIGTERM was sent.
	Escalated bool
	// Killed: neither did that; SIGKILL was sent. Maps may be missing.
	Killed bool
	// OutputHeld: the JSON pipe was still open a second after the end, held by
	// a process the script left behind, and was given up.
	OutputHeld bool

	// OutOfMemory is the bound on memory, in bytes, past which the kernel killed
	// it, or its compiler gave up; 0: that is not how it ended.
	OutOfMemory uint64
	// OutOfCPU is the bound on CPU time until its probes were attached, past which
	// the kernel ended it; 0: that is not how it ended.
	OutOfCPU time.Duration

	// Stdout and Stderr are what bpftrace printed beside the JSON: at most
	// the first and last 32 KiB of each.
	Stdout, Stderr string
	Diagnostics    []Diagnostic

	UserTime, SystemTime time.Duration
	MaxRSS               int64 // bytes
}

// CleanStop tells whether it ended as a stop asks for: an exit of its own, or
// SIGINT before it could handle one.
func (e *Exit) CleanStop() bool {
	return e.Stopped && !e.Killed && (e.Signal == 0 || e.Signal == syscall.SIGINT)
}

func (e *Exit) limitDiagnostics() (ds []Diagnostic) {
	if e.OutOfMemory > 0 {
		ds = append(ds, Diagnostic{
			Severity: SeverityError,
			Message:  fmt.Sprintf("bpftrace was ended: it took more than the %d MiB of memory that it may", e.OutOfMemory>>20),
			Hint:     "make the script smaller, its loops unrolled less often, its maps smaller, or ask for more memory",
		})
	}
	if e.OutOfCPU > 0 {
		ds = append(ds, Diagnostic{
			Severity: SeverityError,
			Message:  fmt.Sprintf("bpftrace was ended: compiling and attaching the script took more than the %v of CPU time that it may", e.OutOfCPU),
			Hint:     "make the script smaller, its loops unrolled less often, its wildcards narrower, or ask for more time to compile",
		})
	}
	return ds
}

// String says it in a few words: "exit status 1", "killed by SIGSEGV".
func (e *Exit) String() string {
	if e.Signal == 0 {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return "killed by " + signalName(e.Signal)
}
