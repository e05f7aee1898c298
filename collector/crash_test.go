package collector

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"tracecar/collector/executor/executortest"
)

// TestFailedRunAttachedNothing: bpftrace up to 0.23 says how many probes there
// are before the kernel refuses them.
func TestFailedRunAttachedNothing(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		t.Parallel() // bpftrace mostly waits
		r := newTestRunner(t, p.Path, Options{})
		run := r.Start(Script{Source: `BEGIN { while (1) { @++; } }`})
		<-run.Done()
		res, _ := run.Result(0)
		if res.Status != StatusFailed || res.ProbesAttached != 0 {
			t.Errorf("%s", asJSON(t, res))
		}
	})
}

// TestDiesWhilePrinting: 0.23 divides by zero when it prints a stats() that was
// zeroed. The maps it had printed by then are no events.
func TestDiesWhilePrinting(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		t.Parallel() // bpftrace mostly waits
		r := newTestRunner(t, p.Path, Options{})
		for source, events := range map[string]int{
			`BEGIN { @a = hist(1); @b = 5; @st[1] = stats(1); zero(@st); exit(); }`:            0,
			`BEGIN { @a = hist(1); @b = 5; print(@a); @st[1] = stats(1); zero(@st); exit(); }`: 1,
		} {
			run := r.Start(Script{Source: source})
			<-run.Done()
			res, _ := run.Result(0)
			if res.Status == StatusKilled && events == 1 {
				continue // whether the last print of @a was the script's cannot be told
			}
			if len(res.Events) != events || len(res.Maps) < 2 {
				t.Errorf("%s: %s", source, asJSON(t, res))
			}
		}
	})
}

// TestRecordedOverflow: up to 0.23 the overflow bucket of lhist() is printed as
// beginning at the maximum, and holds what is past the last whole step.
func TestRecordedOverflow(t *testing.T) {
	const source = `BEGIN { @l = lhist(95, 0, 100, 30); @e = lhist(120, 0, 90, 30); exit(); }`
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		t.Parallel() // bpftrace mostly waits
		r := newTestRunner(t, p.Path, Options{})
		run := r.Start(Script{Source: source})
		<-run.Done()
		res, _ := run.Result(0)
		printed, err := exec.Command(p.Path, "-f", "json", "-e", source).Output()
		if err != nil {
			t.Fatal(err)
		}
		rec := Recording{Output: bytes.NewReader(printed), Version: p.Version, Source: source}
		got, err := rec.Fold()
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range got.Maps {
			if a, b := asJSON(t, m), asJSON(t, res.Maps[i]); a != b {
				t.Errorf("recorded %s, live %s", a, b)
			}
			if bars := m.Rows[0].Value.Buckets(); bars[0].Min != 90 || bars[0].HasMax {
				t.Errorf("%s begins at %d", m.Name, bars[0].Min)
			}
		}
	})
}

func TestEmptyRecording(t *testing.T) {
	for _, text := range []string{"", "\n\n"} {
		rec := Recording{Output: strings.NewReader(text)}
		res, err := rec.Fold()
		if err != nil || len(res.Diagnostics) != 1 || !strings.Contains(res.Diagnostics[0].Message, "empty") {
			t.Errorf("%q: %v, %s", text, err, asJSON(t, res))
		}
	}
}
