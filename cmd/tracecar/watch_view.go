package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tracecar/cmd/tracecar/internal/text"
	"tracecar/collector"
)

// watchEvents is how many lines of what a script printed are shown.
const watchEvents = 3

// staleAfter is how old maps must be for their age to be shown.
const staleAfter = 5 * time.Second

// view gives the lines for what the server said at now.
func (w *watcher) view(probes []collector.ProbeStatus, now time.Time) []string {
	lines := []string{w.title(fmt.Sprintf("%s, %s", plural(len(probes), "probe"), now.Format("15:04:05"))), ""}
	if len(probes) == 0 {
		lines = append(lines, "No probes are configured: tracecar serve --config FILE has them run.", "")
	}
	for i := range probes {
		lines = append(lines, probeLines(&probes[i], now, w.rows)...)
	}
	return lines
}

func (w *watcher) title(what string) string {
	line := what + "   MCP " + w.base + "/mcp"
	if w.metrics != "" {
		line += "   metrics " + w.metrics
	}
	return line
}

// probeLines is one probe's part; an empty line ends it.
func probeLines(p *collector.ProbeStatus, now time.Time, rows int) []string {
	lines := []string{text.Safe(p.Name) + ": " + stateText(p, now)}
	add := func(s string) {
		for line := range strings.Lines(s) {
			lines = append(lines, "  "+strings.TrimSuffix(line, "\n"))
		}
	}
	if p.Error != "" {
		add("last failure: " + text.Safe(p.Error) + "\n")
	}
	if res := p.Result; res != nil {
		live := p.State == collector.ProbeRunning
		if !live && len(res.Maps)+len(res.Events) > 0 {
			add("its newest run, ended " + ago(now, p.Ended) + ":\n")
		}
		if s := res.Snapshot; s != nil && now.Sub(s.Time) >= staleAfter {
			add("as of " + ago(now, s.Time) + ":\n")
		}
		for i := range res.Maps {
			add(text.Brief(&res.Maps[i], rows))
		}
		if s := res.Snapshot; s != nil {
			for _, name := range slices.Sorted(maps.Keys(s.Missing)) {
				add(text.Safe(name) + " is not shown as of now: " + text.Safe(s.Missing[name]) + "\n")
			}
		}
		add(eventText(res))
		add(lossText(res))
	}
	return append(lines, "")
}

func stateText(p *collector.ProbeStatus, now time.Time) string {
	s := string(p.State)
	switch p.State {
	case collector.ProbeRunning:
		s = "running"
		if !p.Attached.IsZero() {
			s += " for " + span(now.Sub(p.Attached))
		}
	case collector.ProbeWaiting, collector.ProbeBackingOff, collector.ProbeFailed:
		if !p.Next.IsZero() {
			s += fmt.Sprintf(", next in %s", span(p.Next.Sub(now)))
		}
	}
	if p.Schedule != "continuous" {
		s += " (" + text.Safe(p.Schedule) + ")"
	}
	if p.Unsafe {
		s += ", unsafe"
	}
	if p.Restarts > 0 {
		s += ", " + plural(int(p.Restarts), "restart")
	}
	if res := p.Result; res != nil && res.Cost != nil && res.Cost.KernelNS != nil && res.Cost.KernelRuns != nil {
		s += fmt.Sprintf("; %s in the kernel, %.3g ms in all", text.Count(*res.Cost.KernelRuns, "time"), float64(*res.Cost.KernelNS)/1e6)
	}
	return s
}

// eventText is the newest lines that a script printed.
func eventText(res *collector.Result) string {
	var b strings.Builder
	events := res.Events[max(0, len(res.Events)-watchEvents):]
	if n := uint64(len(res.Events)-len(events)) + res.Truncated.Events; n > 0 {
		fmt.Fprintf(&b, "… %d more printed\n", n)
	}
	for i := range events {
		line := &strings.Builder{}
		text.Event(line, &events[i])
		b.WriteString(strings.TrimSuffix(line.String(), "\n") + "\n")
	}
	return b.String()
}

func lossText(res *collector.Result) string {
	var parts []string
	if res.LostEvents > 0 {
		parts = append(parts, plural(int(min(res.LostEvents, 1<<62)), "event")+" LOST in the kernel's buffer")
	}
	if res.Truncated.Rows > 0 {
		parts = append(parts, plural(int(min(res.Truncated.Rows, 1<<62)), "row")+" left out by the server")
	}
	if parts == nil {
		return ""
	}
	return strings.Join(parts, ", ") + "\n"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// span is a time to the second; the two clocks may differ by a little.
func span(d time.Duration) string { return max(d, 0).Truncate(time.Second).String() }

func ago(now, t time.Time) string {
	if t.IsZero() {
		return "some time ago"
	}
	return span(now.Sub(t)) + " ago"
}
