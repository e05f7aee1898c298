package collector

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// clockLook bounds how long a cron line's wait trusts the wall clock, which
// may be set meanwhile, or go on while the host sleeps.
const clockLook = time.Minute

// timetable tells when the windows of a periodic probe begin, or when a
// continuous one is tried again. It knows no clock: every method is told the
// time.
type timetable struct {
	every  time.Duration
	cron   cron.Schedule
	jitter time.Duration

	due    time.Time // of the next window, without jitter
	at     time.Time // when it begins; zero: no window is to come
	looked time.Time // the wall clock at the last reached
}

// newTimetable is that of a valid probe. A continuous one begins now, as does
// the first window of an interval; that of a cron line at the first time it
// names.
func newTimetable(p *Probe, now time.Time) *timetable {
	t := &timetable{every: p.Every, jitter: p.Jitter, looked: now.Round(0)}
	if p.Cron != "" {
		t.cron, _ = parseCron(p.Cron) // Validate has read it
		t.pass(now)
	} else {
		t.set(now)
	}
	return t
}

// pass moves on to the first window that is due after now.
func (t *timetable) pass(now time.Time) {
	if t.cron != nil {
		t.set(t.cron.Next(now.Round(0)))
		return
	}
	late := max(now.Sub(t.due), 0)
	t.set(t.due.Add((late/t.every + 1) * t.every))
}

func (t *timetable) set(due time.Time) {
	t.due, t.at = due, due
	if t.jitter > 0 && !due.IsZero() {
		t.at = due.Add(rand.N(t.jitter))
	}
}

// reached tells whether the window begins now. A wall clock that was set back
// gives a cron line another next time.
func (t *timetable) reached(now time.Time) bool {
	if t.cron != nil && (t.at.IsZero() || now.Round(0).Before(t.looked.Add(-clockLook))) {
		t.pass(now)
	}
	t.looked = now.Round(0)
	return !t.at.IsZero() && !now.Before(t.at)
}

// wait is how long to sleep before asking reached again.
func (t *timetable) wait(now time.Time) time.Duration {
	if t.cron == nil {
		return t.at.Sub(now)
	}
	if t.at.IsZero() {
		return clockLook
	}
	return min(t.at.Sub(now.Round(0)), clockLook)
}

// parseCron reads a cron line that comes at least once.
func parseCron(line string) (cron.Schedule, error) {
	first, rest, _ := strings.Cut(line, " ")
	switch {
	case strings.Contains(first, "TZ=") && strings.TrimSpace(rest) == "":
		// cron 3.0.1 panics at a time zone without a line.
		return nil, fmt.Errorf("%q names a time zone and no times", line)
	case strings.Contains(line, "@every"):
		return nil, fmt.Errorf("%q is not a time of day: Every says that", line)
	}
	s, err := cron.ParseStandard(line)
	if err != nil {
		return nil, fmt.Errorf("%q is not a cron line: %w", line, err)
	}
	if s.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("%q never comes", line)
	}
	return s, nil
}

// backoff is the wait after so many failures in a row, at least 1: doubled
// with each from shortest on, at most longest, then less up to a quarter.
func backoff(shortest, longest time.Duration, failures int) time.Duration {
	wait := shortest
	for i := 1; i < failures && wait < longest; i++ {
		if wait > longest/2 {
			wait = longest
		} else {
			wait *= 2
		}
	}
	if quarter := wait / 4; quarter > 0 {
		wait -= rand.N(quarter + 1)
	}
	return wait
}
