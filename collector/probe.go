package collector

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"tracecar/collector/versions"
)

// Probe is one scheduled probe: a script with a name, and when to run it.
// With neither Every nor Cron it is continuous: one bpftrace that is kept
// running.
type Probe struct {
	// Name is unique among the probes applied together. Required.
	Name string
	// Source is the script; empty where there are only Variants.
	Source string
	// Variants are scripts for some versions of bpftrace: the first that fits
	// the installed one is taken, else Source.
	Variants []Variant
	// Args are the positional parameters $1, $2, …
	Args []string
	// Enabled: false keeps the probe known and does not run it.
	Enabled bool

	// Every starts a window of tracing at this interval; the first one begins
	// when the probe does.
	Every time.Duration
	// Cron starts a window by a cron line of five fields, or @hourly, @daily, …;
	// "CRON_TZ=Europe/Berlin 0 6 * * *" for a time zone. It excludes Every.
	Cron string
	// Duration is how long a window traces, from when its probes are attached.
	// Required with Every and Cron, meaningless without.
	Duration time.Duration
	// Jitter delays each window by a random time below this. With Every it is
	// at most Every; the interval itself does not drift.
	Jitter time.Duration

	// Interval is the least time between two reads of a continuous probe's
	// maps, whoever reads them; 0: every reader reads.
	Interval time.Duration

	// BackoffMin is the wait after a first failure (default 1 s); it doubles
	// with each further failure in a row up to BackoffMax (default 1 min), and
	// is then shortened by up to a quarter, at random. For a continuous probe
	// every end but a stop by hand is a failure, and one that traced for
	// BackoffMax before is the first in its row again.
	BackoffMin, BackoffMax time.Duration
	// GiveUpAfter is how many failures in a row leave the probe down, visibly,
	// until Enable, Trigger or a change of it; 0: never.
	GiveUpAfter int

	// Sudo asks for sudo where this process is not root.
	Sudo bool
	// Unsafe runs it with bpftrace's --unsafe: it may call system() and change
	// what it observes. A root helper (Sudo) does not allow it.
	Unsafe bool
	// Revision stands for whatever else a run of this probe depends on, such
	// as how its sinks export it: a probe with another Revision has changed.
	Revision string
}

// Variant is a script for some versions of bpftrace.
type Variant struct {
	// Bpftrace is the range of versions: ">=0.22", "<0.20", ">=0.17, <0.23",
	// "0.23" (any 0.23.x).
	Bpftrace string
	Source   string
}

// Periodic tells whether the probe traces in windows.
func (p *Probe) Periodic() bool { return p.Every > 0 || p.Cron != "" }

// Validate says all that is wrong with the probe, or nil.
func (p *Probe) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("probe %q: "+format, append([]any{p.Name}, args...)...))
	}
	if p.Name == "" {
		bad("a name is missing")
	}
	if strings.TrimSpace(p.Source) == "" && len(p.Variants) == 0 {
		bad("a script is missing")
	}
	for _, v := range p.Variants {
		if _, err := versions.Parse(v.Bpftrace); err != nil {
			bad("%w", err)
		}
		if strings.TrimSpace(v.Source) == "" {
			bad("the script for bpftrace %s is missing", v.Bpftrace)
		}
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"every", p.Every}, {"duration", p.Duration}, {"jitter", p.Jitter}, {"interval", p.Interval}, {"the shortest back-off", p.BackoffMin}, {"the longest back-off", p.BackoffMax}} {
		if d.d < 0 {
			bad("%s is negative: %v", d.name, d.d)
		}
	}
	switch {
	case p.Every > 0 && p.Cron != "":
		bad("it has both every and cron")
	case p.Periodic() && p.Duration == 0:
		bad("the duration of its windows is missing")
	case !p.Periodic() && (p.Duration > 0 || p.Jitter > 0):
		bad("a continuous probe has no windows: duration and jitter mean nothing")
	case p.Periodic() && p.Interval > 0:
		bad("a periodic probe is read at the end of its windows: interval means nothing")
	case p.Every > 0 && p.Jitter > p.Every:
		bad("jitter (%v) is longer than every (%v)", p.Jitter, p.Every)
	}
	if p.Cron != "" {
		if _, err := parseCron(p.Cron); err != nil {
			bad("%w", err)
		}
	}
	if p.BackoffMax > 0 && p.BackoffMin > p.BackoffMax {
		bad("the shortest back-off (%v) is longer than the longest (%v)", p.BackoffMin, p.BackoffMax)
	}
	if p.GiveUpAfter < 0 {
		bad("it cannot give up after %d failures", p.GiveUpAfter)
	}
	return errors.Join(errs...)
}

// normal is a copy with the defaults filled in, which shares nothing with the
// caller's and is equal to others of the same meaning.
func (p Probe) normal() Probe {
	def(&p.BackoffMax, max(time.Minute, p.BackoffMin))
	def(&p.BackoffMin, min(time.Second, p.BackoffMax))
	p.Args = append([]string(nil), p.Args...)
	p.Variants = append([]Variant(nil), p.Variants...)
	return p
}

// same tells whether two normal probes run alike when enabled.
func (p Probe) same(q Probe) bool {
	p.Enabled = q.Enabled
	return reflect.DeepEqual(p, q)
}

// source picks the script for a version of bpftrace.
func (p *Probe) source(version string) (string, bool) {
	i := slices.IndexFunc(p.Variants, func(v Variant) bool {
		r, err := versions.Parse(v.Bpftrace)
		return err == nil && r.Holds(version)
	})
	if i >= 0 {
		return p.Variants[i].Source, true
	}
	return p.Source, strings.TrimSpace(p.Source) != ""
}

// script is what one run of the probe asks for.
func (p *Probe) script(source string) Script {
	return Script{
		Source: source, Name: p.Name, Probe: p.Name, Args: p.Args, Timeout: p.Duration, Sudo: p.Sudo, Unsafe: p.Unsafe,
		Snapshots: true, SnapshotInterval: p.Interval, Trigger: "schedule",
	}
}

// describe words when the probe runs.
func (p *Probe) describe() string {
	switch {
	case p.Every > 0:
		return fmt.Sprintf("%v every %v", p.Duration, p.Every)
	case p.Cron != "":
		return fmt.Sprintf("%v at %s", p.Duration, p.Cron)
	}
	return "continuous"
}
