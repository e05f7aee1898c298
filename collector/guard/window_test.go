package guard

import (
	"strings"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	const s = time.Second
	w := window{length: 2 * s}
	at := func(sec float64, kernel, cpu time.Duration, runs uint64) Sample {
		return Sample{At: time.Duration(sec * float64(s)), Kernel: kernel, CPU: cpu, Runs: runs}
	}
	for i, c := range []struct {
		in      Sample
		percent float64
		runs    uint64
	}{
		{at(100, 5*s, 1*s, 1000), 0, 0},          // what was before is not of this window
		{at(100.5, 5*s+s/10, 1*s, 1500), 5, 500}, // 0.1 s of the 2 s that a window has
		{at(101, 5*s+s/10, 1*s+s/10, 1500), 10, 500},
		{at(100.2, 9*s, 9*s, 9000), 10, 500},        // not a later one
		{at(102.5, 5*s+s/10, 1*s+s/10, 1500), 5, 0}, // only the CPU's tenth is left in it
		{at(103.5, 5*s+s/10, 1*s+s/10, 1500), 0, 0},
		{at(113.5, 6*s+s/10, 1*s+s/10, 2000), 10, 500}, // late: 1 s of 10 s
		{at(114, 1*s, 0, 0), 0, 0},                     // counters that shrink
	} {
		if u := w.add(c.in); u.Percent() < c.percent-0.01 || u.Percent() > c.percent+0.01 || u.Runs != c.runs {
			t.Errorf("%d: %+v is %.2f %%, want %.2f %% and %d runs", i, u, u.Percent(), c.percent, c.runs)
		}
	}
	for i := range 100_000 {
		w.add(Sample{At: 200*s + time.Duration(i)*time.Microsecond})
	}
	if len(w.samples) > maxSamples {
		t.Errorf("%d samples", len(w.samples))
	}
}

func TestReports(t *testing.T) {
	u := Usage{Over: 2 * time.Second, Kernel: 300 * time.Millisecond, CPU: 100 * time.Millisecond, Runs: 4000, RSS: 300 << 20}
	for _, c := range []struct {
		r    Report
		want string
		hint string
	}{
		{Report{Usage: u, Budget: Budget{CPUPercent: 5}}, "it used 20 % of a CPU over 2s (15 % in its probes, which ran 2000 times a second; 5 % in bpftrace itself), over its budget of 5 %", "more seldom"},
		{Report{Usage: u, Budget: Budget{CPUPercent: 50}, Sum: 31.25, SumPercent: 30}, "all runs together used 31.2 % of a CPU, over their budget of 30 %, and this one most: 20 %", "more seldom"},
		{Report{Usage: u, Budget: Budget{RSS: 256 << 20}}, "holds 300 MiB of memory, over its budget of 256 MiB", "fewer keys"},
		{Report{Usage: Usage{Over: time.Second, CPU: time.Second}, Budget: Budget{CPUPercent: 5}}, "100 % in bpftrace itself", "aggregate"},
	} {
		if m := c.r.Message(); !strings.Contains(m, c.want) || !strings.Contains(c.r.Hint(), c.hint) {
			t.Errorf("%s (%s)\nwant %s", m, c.r.Hint(), c.want)
		}
	}
}

func TestSumSparesThoseThatWereTold(t *testing.T) {
	g := New(10)
	var told []string
	make := func(name string, own float64) *watch {
		w := &watch{budget: Budget{CPUPercent: own}, over: func(r Report) { told = append(told, name) }}
		g.live[w] = Usage{}
		return w
	}
	use := func(percent float64) Usage {
		return Usage{Over: time.Second, CPU: time.Duration(percent * float64(time.Second) / 100)}
	}
	a, b, c := make("a", 100), make("b", 100), make("c", 5)
	g.judge(a, use(4))
	g.judge(b, use(5))
	g.judge(c, use(6)) // over its own
	g.judge(c, use(90))
	g.judge(a, use(4.5))
	if got := strings.Join(told, " "); got != "c" {
		t.Errorf("told %s", got)
	}
	g.judge(a, use(5.5)) // 10.5 together, and a most
	g.judge(b, use(9.9)) // a counts no more
	g.judge(b, use(10.1))
	g.judge(b, use(20))
	if got := strings.Join(told, " "); got != "c a b" {
		t.Errorf("told %s", got)
	}
}
