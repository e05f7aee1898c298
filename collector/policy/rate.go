package policy

import (
	"fmt"
	"strings"

	"tracecar/parser/script"
)

// defaultPeriod is what bpftrace takes for clocks and most counters.
const defaultPeriod = 1_000_000

// rates bounds how often timers and counters fire, per second and CPU: each
// of them, and all of a script in sum.
func (c *checker) rates() {
	limit := c.role.MaxRate
	if limit == 0 {
		return
	}
	sum := 0
	for _, p := range c.points {
		rate, timed := perSecond(p.ap)
		if !timed || p.problem != "" {
			continue
		}
		sum = min(sum+rate, many)
		switch {
		case rate < 1:
			c.deny(p.ap.Start, RuleRate, "how often "+p.text+" fires cannot be told", "hz:99, s:1, ms:100, us:100000")
		case rate > limit:
			c.deny(p.ap.Start, RuleRate, fmt.Sprintf("%s fires up to %d times per second", p.text, rate), fmt.Sprintf("%d times", limit))
		case sum > limit:
			c.deny(p.ap.Start, RuleRate, fmt.Sprintf("up to here probes fire %d times per second", sum), fmt.Sprintf("%d times", limit))
		}
	}
}

const billion = 1_000_000_000

// perSecond is how often an attach point fires at most, rounded up; 0 where
// that cannot be told. timed is false for what hangs on what happens.
func perSecond(ap script.AttachPoint) (rate int, timed bool) {
	switch ap.Provider {
	case "profile", "interval":
		return timer(ap), true
	case "hardware":
		return period(ap), true
	case "software":
		for _, clock := range []string{"cpu", "cpu-clock", "task-clock"} {
			if len(ap.Parts) == 0 || overlap(clock, ap.Parts[0], true) {
				return period(ap), true
			}
		}
	}
	return 0, false
}

// timer reads hz:99, s:1, ms:100, us:100, and 99hz, 1s, 100ms.
func timer(ap script.AttachPoint) int {
	unit, number := "", ""
	switch len(ap.Parts) {
	case 1:
		n := 0
		for n < len(ap.Parts[0]) && digit(ap.Parts[0][n]) {
			n++
		}
		number, unit = ap.Parts[0][:n], ap.Parts[0][n:]
	case 2:
		unit, number = ap.Parts[0], ap.Parts[1]
	}
	n := plainNumber(number)
	if n < 1 {
		return 0
	}
	switch unit {
	case "hz":
		return n
	case "s":
		return 1
	case "ms":
		return ceil(1000, n)
	case "us":
		return ceil(1_000_000, n)
	case "ns":
		return ceil(billion, n)
	}
	return 0
}

// period reads cpu-clock:1000000: an event for each so many nanoseconds, or
// cycles. There are not many more than a billion of either in a second.
func period(ap script.AttachPoint) int {
	n := defaultPeriod
	if len(ap.Parts) > 1 && ap.Parts[1] != "" {
		n = plainNumber(ap.Parts[1])
	}
	if n < 1 || len(ap.Parts) > 2 {
		return 0
	}
	return ceil(billion, n)
}

func ceil(a, b int) int { return (a + b - 1) / b }

// plainNumber reads a decimal number, which no version reads as octal; 0 for
// all else.
func plainNumber(s string) int {
	s = strings.ReplaceAll(s, "_", "")
	if s == "" || s[0] == '0' {
		return 0
	}
	n := 0
	for i := range len(s) {
		if !digit(s[i]) {
			return 0
		}
		n = min(n*10+int(s[i]-'0'), many)
	}
	return n
}
