package stacks

import (
	"strconv"
	"strings"
	"time"

	"tracecar/parser/script"
)

// leastPeriod is the kernel's own bound for timer events: asked for less, it
// takes this (perf_swevent_start_hrtimer in kernel/events/core.c).
const leastPeriod = 10 * time.Microsecond

// period is the CPU time that one count of a map stands for: known where its
// only count() is in a probe of one CPU clock, and runs at most once a tick.
// The kernel makes a frequency a period by whole division of a second
// (perf_swevent_init_hrtimer).
func period(s *script.Script, m *script.Map, args []string) time.Duration {
	if len(m.Assigns) != 1 || len(s.Macros)+len(s.Functions)+len(s.Directives)+len(s.Imports)+len(s.Includes)+len(s.Unclear) > 0 {
		return 0
	}
	at := m.Assigns[0].Start.Offset
	for i := range s.Probes {
		p := &s.Probes[i]
		if at < p.Body.Start.Offset || at >= p.Body.End.Offset {
			continue
		}
		if len(p.AttachPoints) != 1 || mayLoop(s.Source[p.Body.Start.Offset:p.Body.End.Offset]) {
			return 0
		}
		return clock(&p.AttachPoints[0], args)
	}
	return 0
}

// mayLoop tells whether a probe's body may hold a loop: by the words alone, so
// that one in a string costs a period, and none is missed.
func mayLoop(body string) bool {
	return strings.Contains(body, "for") || strings.Contains(body, "while") || strings.Contains(body, "unroll")
}

// clock is the period of a timer that ticks on each CPU, 0 for other probes.
func clock(ap *script.AttachPoint, args []string) time.Duration {
	if len(ap.Parts) != 2 {
		return 0
	}
	n, err := strconv.ParseInt(parameter(ap.Parts[1], args), 10, 64)
	if err != nil || n <= 0 || n > int64(time.Hour) {
		return 0
	}
	var d time.Duration
	switch ap.Provider + ":" + ap.Parts[0] {
	case "profile:hz":
		d = time.Second / time.Duration(n)
	case "profile:s":
		d = times(n, time.Second)
	case "profile:ms":
		d = times(n, time.Millisecond)
	case "profile:us":
		d = times(n, time.Microsecond)
	case "software:cpu-clock", "software:cpu":
		d = time.Duration(n)
	}
	if d < leastPeriod {
		return 0
	}
	return d
}

// times is n units, 0 above an hour.
func times(n int64, unit time.Duration) time.Duration {
	if n > int64(time.Hour/unit) {
		return 0
	}
	return time.Duration(n) * unit
}

// parameter gives what stands for $1 in an attach point.
func parameter(part string, args []string) string {
	n, err := strconv.Atoi(strings.TrimPrefix(part, "$"))
	if err != nil || !strings.HasPrefix(part, "$") || n < 1 || n > len(args) {
		return part
	}
	return args[n-1]
}
