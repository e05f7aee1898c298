package executor

import (
	"fmt"
	"strings"
	"time"
)

// NotFoundError says that there is no bpftrace to run.
type NotFoundError struct {
	// Path is what was looked for: a configured path, or "bpftrace".
	Path string
	// Reason is why Path does not do: missing, a directory, not executable.
	Reason string
	// Install is the command that installs bpftrace on this distribution; ""
	// where it is not known, or where a path was configured.
	Install string
}

func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("no bpftrace: %s: %s", e.Path, e.Reason)
	if e.Install != "" {
		s += "; install it with: " + e.Install
	}
	return s
}

// VersionError says that a program was found and does not answer --version
// as bpftrace does.
type VersionError struct {
	Path   string
	Output string // what it printed, clipped
	Err    error
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s --version: %v", e.Path, e.Err)
}

func (e *VersionError) Unwrap() error { return e.Err }

// InputError says that a script, an argument or a pattern cannot be handed to
// bpftrace as it is. Nothing was started.
type InputError struct{ Reason string }

func (e *InputError) Error() string { return e.Reason }

// DeadlineError says that bpftrace did not answer in time and was killed.
type DeadlineError struct {
	What  string // "--version", "list", …
	After time.Duration
}

func (e *DeadlineError) Error() string {
	return fmt.Sprintf("bpftrace %s gave no answer within %s", e.What, e.After.Round(time.Millisecond))
}

// FailedError says that bpftrace ended without the answer that was asked for.
type FailedError struct {
	What        string
	Exit        *Exit
	Diagnostics []Diagnostic
	NoTracefs   bool // tracefs is not mounted: what would tell is missing
}

func (e *FailedError) Error() string {
	for _, d := range e.Diagnostics {
		if d.Severity == SeverityError && !d.Noise {
			if d.Hint != "" {
				return fmt.Sprintf("bpftrace %s: %s; %s", e.What, strings.TrimSuffix(d.Message, "."), d.Hint)
			}
			return fmt.Sprintf("bpftrace %s: %s", e.What, d.Message)
		}
	}
	return fmt.Sprintf("bpftrace %s: %s", e.What, e.Exit)
}
