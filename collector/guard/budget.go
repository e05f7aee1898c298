package guard

import (
	"fmt"
	"time"
)

// DefaultWindow is that of a Budget. How much is a matter of the role.
const DefaultWindow = 2 * time.Second

// Budget is what a run may use. The zero value is no bound.
type Budget struct {
	// CPUPercent bounds the time used in a trailing window, in the kernel's
	// programs and, once probes are attached, by bpftrace, in percent of one
	// CPU (150 is one and a half). 0 or less: no bound.
	CPUPercent float64
	// Window is the length of that window; 0 is DefaultWindow. All of a
	// window's budget may be used in one moment of it.
	Window time.Duration
	// RSS bounds what bpftrace and its children hold in memory, in bytes. It
	// is looked at a few times a second: a faster growth is a control group's
	// to stop. 0: no bound.
	RSS int64
}

// Bounds tells whether there is any bound.
func (b Budget) Bounds() bool { return b.CPUPercent > 0 || b.RSS > 0 }

func (b Budget) window() time.Duration {
	if b.Window > 0 {
		return b.Window
	}
	return DefaultWindow
}

func (b Budget) exceeded(u Usage) bool {
	return b.CPUPercent > 0 && u.Percent() > b.CPUPercent || b.RSS > 0 && u.RSS > b.RSS
}

// Report says by what a run exceeded its budget.
type Report struct {
	Usage  Usage
	Budget Budget
	// Sum and SumPercent are set where not this run, but all together used
	// too much: what they used, and the bound, in percent of one CPU. This run
	// was the one that used most.
	Sum, SumPercent float64
}

// Message says it to people, with what was measured and what was allowed.
func (r Report) Message() string {
	if r.Sum == 0 && r.Budget.RSS > 0 && r.Usage.RSS > r.Budget.RSS {
		return fmt.Sprintf("the script was stopped: bpftrace holds %s of memory, over its budget of %s",
			mebibytes(r.Usage.RSS), mebibytes(r.Budget.RSS))
	}
	used := fmt.Sprintf("%s of a CPU over %v (%s in its probes, which ran %s times a second; %s in bpftrace itself)",
		share(r.Usage.Percent()), r.Usage.Over.Round(100*time.Millisecond),
		share(percent(r.Usage.Kernel, r.Usage.Over)), rate(r.Usage), share(percent(r.Usage.CPU, r.Usage.Over)))
	if r.Sum > 0 {
		return fmt.Sprintf("the script was stopped: all runs together used %s of a CPU, over their budget of %s, and this one most: %s",
			share(r.Sum), share(r.SumPercent), used)
	}
	return fmt.Sprintf("the script was stopped: it used %s, over its budget of %s", used, share(r.Budget.CPUPercent))
}

// Hint says what to do about it.
func (r Report) Hint() string {
	switch u := r.Usage; {
	case r.Sum == 0 && r.Budget.RSS > 0 && u.RSS > r.Budget.RSS:
		return "use fewer keys, shorter strings or fewer attach points"
	case u.Kernel >= u.CPU:
		return "attach to something that happens more seldom (a predicate spares only what comes after it), do less in the probe, or ask for a larger budget"
	default:
		return "aggregate in maps, as with count() or hist(), rather than print every event, or ask for a larger budget"
	}
}

func share(percent float64) string { return fmt.Sprintf("%.3g %%", percent) }

func mebibytes(n int64) string { return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20)) }

func rate(u Usage) string { return fmt.Sprintf("%.0f", float64(u.Runs)/u.Over.Seconds()) }
