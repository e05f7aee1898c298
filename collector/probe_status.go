package collector

import (
	"fmt"
	"time"
)

// ProbeState says what a scheduled probe is doing.
type ProbeState string

const (
	// ProbeStarting: it is time; it waits for its turn, or its run is there and
	// its probes are not attached yet.
	ProbeStarting ProbeState = "starting"
	// ProbeRunning: its probes are attached.
	ProbeRunning ProbeState = "running"
	// ProbeWaiting: a periodic probe's next window is at Next.
	ProbeWaiting ProbeState = "waiting"
	// ProbeBackingOff: its last run failed; the next try is at Next.
	ProbeBackingOff ProbeState = "backing-off"
	// ProbeGivenUp: it failed too often in a row and stays down.
	ProbeGivenUp ProbeState = "given-up"
	// ProbeFailed: none of its scripts is for the bpftrace of this host;
	// that is looked at again at Next.
	ProbeFailed ProbeState = "failed"
	// ProbeDisabled: it is switched off; its last run may be ending yet.
	ProbeDisabled ProbeState = "disabled"
)

// ProbeStatus is the state of one scheduled probe at one instant. Counters
// count from when the probe was first applied and survive changes of it; all
// else belongs to the probe as it was applied last.
type ProbeStatus struct {
	Name  string     `json:"name"`
	State ProbeState `json:"state"`
	// Schedule says in words when it runs: "continuous", "10s every 5m0s".
	Schedule string `json:"schedule"`
	// Unsafe: it runs with bpftrace's --unsafe.
	Unsafe bool `json:"unsafe,omitempty"`
	// RunID is the live run, or "". LastRunID is the newest that ended.
	RunID     string `json:"run_id,omitempty"`
	LastRunID string `json:"last_run_id,omitempty"`

	// Started is when the newest run was asked for, Attached when its probes
	// were (zero: not yet, or never): its maps count from then. Ended is when
	// the newest ended run did, Next when one is to begin.
	Started  time.Time `json:"started,omitzero"`
	Attached time.Time `json:"attached,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	Next     time.Time `json:"next,omitzero"`

	// Restarts counts starts of a continuous probe after an end of its own,
	// Windows those of a periodic one, Skipped the windows that were due while
	// one was still running or waited for its turn. Failures are those in a row so far.
	Restarts uint64 `json:"restarts"`
	Windows  uint64 `json:"windows"`
	Skipped  uint64 `json:"skipped"`
	Failures int    `json:"failures"`

	// Snapshot says when the maps of the live run were read last, and which of
	// them could not be; nil where nobody has read them.
	Snapshot *SnapshotInfo `json:"snapshot,omitempty"`

	// Error says why the newest ended run is a failure, or what keeps one
	// from being started; "" where nothing does. Diagnostics are what
	// bpftrace said of that run, without its noise.
	Error       string       `json:"error,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
	// Result is that of the newest ended run; from Scheduler.Now that of the
	// live one as it is. It must not be changed.
	Result *Result `json:"result,omitempty"`
}

// failure says why an ended run is one, or "". A continuous probe is not
// meant to end.
func failure(res *Result, periodic bool) string {
	switch res.Status {
	case StatusCancelled, StatusTimedOut:
		return ""
	case StatusCompleted:
		if periodic {
			return ""
		}
		return fmt.Sprintf("the script ended by itself with exit code %d", res.ExitCode)
	}
	for _, d := range res.Diagnostics {
		if d.Severity != "error" || d.Noise {
			continue
		}
		if d.Line > 0 {
			return fmt.Sprintf("%d:%d: %s", d.Line, d.Column, d.Message)
		}
		return d.Message
	}
	return string(res.Status)
}

// withoutNoise leaves out what bpftrace says on every run.
func withoutNoise(ds []Diagnostic) (out []Diagnostic) {
	for _, d := range ds {
		if !d.Noise {
			out = append(out, d)
		}
	}
	return out
}
