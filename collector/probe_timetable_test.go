package collector

import (
	"path/filepath"
	"testing"
	"time"
)

// TestCronFollowsTheWallClock: the host slept, or its clock was set.
func TestCronFollowsTheWallClock(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	daily := func() *timetable { return newTimetable(&Probe{Cron: "0 6 * * *"}, noon) }

	tt := daily()
	if want := noon.Add(18 * time.Hour); !tt.at.Equal(want) || tt.wait(noon) != clockLook || tt.reached(noon) {
		t.Fatalf("at %v, want %v", tt.at, want)
	}
	if later := noon.Add(50 * time.Hour); !tt.reached(later) {
		t.Error("a host that slept through its window has none")
	} else if tt.pass(later); !tt.at.Equal(noon.Add(66 * time.Hour)) {
		t.Errorf("next at %v", tt.at)
	} else if tt.reached(noon.Add(20*time.Hour)) || !tt.at.Equal(noon.Add(42*time.Hour)) {
		t.Errorf("a clock set back by a day leaves the window at %v", tt.at)
	}

	tt = daily()
	if back := noon.AddDate(-20, 0, 0); tt.reached(back) || !tt.at.Equal(back.Add(18*time.Hour)) {
		t.Errorf("a clock set back by 20 years leaves the window at %v", tt.at)
	}
	tt = daily()
	tt.reached(tt.at)
	tt.pass(tt.at)
	if next := tt.at; tt.reached(noon.Add(18*time.Hour-time.Second)) || !tt.at.Equal(next) {
		t.Errorf("a second back repeats a window: %v, want %v", tt.at, next)
	}
}

func TestIntervalAfterALongPause(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tt := newTimetable(&Probe{Every: time.Second}, start)
	if !tt.reached(start) {
		t.Error("the first window does not begin at once")
	}
	tt.pass(start.Add(1000*time.Hour + 300*time.Millisecond))
	if want := start.Add(1000*time.Hour + time.Second); !tt.at.Equal(want) {
		t.Errorf("next at %v, want %v", tt.at, want)
	}
}

func TestBackoffIsBounded(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, c := range []struct {
		shortest, longest time.Duration
		failures          int
		want              time.Duration
	}{
		{time.Second, time.Minute, 0, time.Second},
		{time.Second, time.Minute, 1, time.Second},
		{time.Second, time.Minute, 6, 32 * time.Second},
		{time.Second, time.Minute, 7, time.Minute},
		{time.Second, 250 * year, 1 << 30, 250 * year},
		{1, 1, 5, 1},
	} {
		seen := map[time.Duration]bool{}
		for range 200 {
			got := backoff(c.shortest, c.longest, c.failures)
			if !within(got, c.want) {
				t.Fatalf("%+v: %v", c, got)
			}
			seen[got] = true
		}
		// Probes that broke together must not come back together.
		if c.want > 1 && len(seen) < 100 {
			t.Errorf("%+v: only %d different waits", c, len(seen))
		}
	}
}

func TestProbeDefaults(t *testing.T) {
	for _, c := range []struct{ shortest, longest, wantShortest, wantLongest time.Duration }{
		{0, 0, time.Second, time.Minute},
		{0, time.Millisecond, time.Millisecond, time.Millisecond},
		{time.Hour, 0, time.Hour, time.Hour},
		{2, 3, 2, 3},
	} {
		p := Probe{BackoffMin: c.shortest, BackoffMax: c.longest}.normal()
		if p.BackoffMin != c.wantShortest || p.BackoffMax != c.wantLongest {
			t.Errorf("%+v: %v to %v", c, p.BackoffMin, p.BackoffMax)
		}
	}
}

// TestVariants: the first that fits is taken, then the probe's own script.
func TestVariants(t *testing.T) {
	p := Probe{Source: "any", Variants: []Variant{{">=0.24", "new"}, {"<0.20", "old"}, {"0.17", "never"}}}
	for version, want := range map[string]string{"0.17.0": "old", "0.23.2": "any", "0.27.3": "new"} {
		if got, ok := p.source(version); got != want || !ok {
			t.Errorf("%s runs %q", version, got)
		}
	}
}

// FuzzCron: whatever a configuration holds, reading it is no crash, and what
// is taken comes later than now.
func FuzzCron(f *testing.F) {
	seeds, err := filepath.Glob("testdata/fuzz/FuzzCron/*")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, line string) {
		s, err := parseCron(line)
		if err != nil {
			return
		}
		if next := s.Next(now); !next.IsZero() && !next.After(now) {
			t.Errorf("%q comes at %v", line, next)
		}
	})
}
