package otlp

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// bootClock turns bpftrace's nsecs, CLOCK_BOOTTIME, into wall time by one
// offset, measured again after clockFor: the wall clock is corrected while the
// machine runs. Durations must be taken from raw values, which no correction
// moves.
type bootClock struct {
	mu       sync.Mutex
	offset   time.Duration
	measured time.Time
}

const clockFor = 10 * time.Second

// wall gives the wall time of a time since boot.
func (c *bootClock) wall(sinceBoot time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.measured.IsZero() || time.Since(c.measured) > clockFor {
		c.measure()
	}
	return time.Unix(0, int64(sinceBoot+c.offset))
}

// measure takes the closest of a few pairs of readings: between two readings
// this thread may have to wait.
func (c *bootClock) measure() {
	closest := time.Duration(1<<63 - 1)
	for range 5 {
		var before, wall, after unix.Timespec
		if unix.ClockGettime(unix.CLOCK_BOOTTIME, &before) != nil ||
			unix.ClockGettime(unix.CLOCK_REALTIME, &wall) != nil ||
			unix.ClockGettime(unix.CLOCK_BOOTTIME, &after) != nil {
			break
		}
		b, a := before.Nano(), after.Nano()
		if gap := time.Duration(a - b); gap < closest {
			closest = gap
			c.offset = time.Duration(wall.Nano() - (b + (a-b)/2))
		}
	}
	c.measured = time.Now()
}
