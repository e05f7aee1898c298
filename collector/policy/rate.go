package policy

import (
	"fmt"
	"strings"

	"tracecar/parser/script"
)

// defaultPeriod is what bpftrace takes for clocks and most counters.
const defaultPeriod = 1_000_000

// rates bounds how often timers and counters fire, per second and CPU.
func (c *checker) rates() {
	limit := c.role.MaxRate
	if limit == 0 {
		return
	}
	for _, p := range c.points {
		ok, most := true, fmt.Sprintf("%d per second", limit)
		switch p.ap.Provider {
		case "profile", "interval":
			ok = timer(p.ap, limit)
		case "hardware":
			ok = period(p.ap, limit)
			most = fmt.Sprintf("every %d or more", billion/limit)
		case "software":
			if len(p.ap.Parts) == 0 || overlap("cpu", p.ap.Parts[0], true) || overlap("cpu-clock", p.ap.Parts[0], true) || overlap("task-clock", p.ap.Parts[0], true) {
				ok = period(p.ap, limit)
				most = fmt.Sprintf("every %d ns or more", billion/limit)
			}
		}
		if !ok && p.problem == "" {
			c.deny(p.ap.Start, RuleRate, p.text+" may fire too often", most)
		}
	}
}

const billion = 1_000_000_000

// timer reads hz:99, s:1, ms:100, us:100, and 99, 1s, 100ms.
func timer(ap script.AttachPoint, limit int) bool {
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
	n, ok := plainNumber(number)
	if !ok || n < 1 {
		return false
	}
	switch unit {
	case "hz":
		return n <= limit
	case "s":
		return true
	case "ms":
		return n >= ceil(1000, limit)
	case "us":
		return n >= ceil(1_000_000, limit)
	case "ns":
		return n >= ceil(billion, limit)
	}
	return false
}

// period reads cpu-clock:1000000: an event for each so many nanoseconds, or
// cycles. There are not many more than a billion of either in a second.
func period(ap script.AttachPoint, limit int) bool {
	n, ok := defaultPeriod, true
	if len(ap.Parts) > 1 && ap.Parts[1] != "" {
		n, ok = plainNumber(ap.Parts[1])
	}
	return ok && len(ap.Parts) <= 2 && n >= ceil(billion, limit)
}

func ceil(a, b int) int { return (a + b - 1) / b }

// plainNumber reads a decimal number, which no version reads as octal.
func plainNumber(s string) (int, bool) {
	s = strings.ReplaceAll(s, "_", "")
	if s == "" || s[0] == '0' {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
		n = min(n*10+int(s[i]-'0'), many)
	}
	return n, true
}
