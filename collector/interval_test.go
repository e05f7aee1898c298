package collector

import (
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
)

// rows of @n of the live run as a snapshot has them, and the snapshot.
func snapshotOf(t *testing.T, run *Run) (*Snapshot, int64) {
	t.Helper()
	snap, err := run.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range snap.Maps {
		if m.Name == "@n" && len(m.Rows) == 1 {
			n, _ := m.Rows[0].Value.Int64()
			return snap, n
		}
	}
	return snap, 0
}

// TestSnapshotInterval: within it a probe's maps are not read again, whoever
// asks, and the state keeps its time; afterwards they are.
func TestSnapshotInterval(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := newTestRunner(t, p.Path, Options{})
		source := `interval:ms:5 { @n = count(); printf("tick\n"); } profile:hz:99 { @st[kstack(2)] = count(); }`
		long := r.Start(Script{Source: source, Snapshots: true, SnapshotInterval: time.Hour})
		free := r.Start(Script{Source: source, Snapshots: true})
		ticks := func(run *Run, more int64) {
			t.Helper()
			from := run.Progress().Events
			waitFor(t, "ticks", func() bool { return run.Progress().Events >= from+more })
		}
		for _, run := range []*Run{long, free} {
			ticks(run, 2)
			<-run.Attached()
		}
		first, n := snapshotOf(t, long)
		other, m := snapshotOf(t, free)
		ticks(long, 5)
		ticks(free, 5)
		if again, k := snapshotOf(t, long); again != first || k != n || !again.Time.Equal(first.Time) {
			t.Errorf("read within the interval: %d, then %d", n, k)
		}
		if again, k := snapshotOf(t, free); again == other || k <= m {
			t.Errorf("without an interval: %d, then %d", m, k)
		}
		now, _ := long.Now(t.Context(), 0)
		if now.Snapshot == nil || !now.Snapshot.Time.Equal(first.Time) {
			t.Errorf("the Result says %+v, the snapshot is of %v", now.Snapshot, first.Time)
		}
		long.Stop()
		<-long.Done()
		final, _ := long.Result(0)
		if final.Snapshot != nil {
			t.Errorf("an ended run has a snapshot: %+v", final.Snapshot)
		}
		for _, m := range final.Maps {
			if k, _ := m.Rows[0].Value.Int64(); m.Name == "@n" && k <= n {
				t.Errorf("the final state %d is not newer than the snapshot's %d", k, n)
			}
		}
		long.mu.Lock()
		defer long.mu.Unlock()
		if long.snapshot != nil {
			t.Error("an ended run holds a snapshot")
		}
	})
}

// TestProbeInterval: two reads of a probe are at least its interval apart, but
// for the tenth that a reader of the same rhythm is early.
func TestProbeInterval(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		s, _ := newTestScheduler(t, p)
		probe := continuous("p")
		probe.Source, probe.Interval = ticks, 100*time.Millisecond
		apply(t, s, probe)
		var times []time.Time
		waitFor(t, "four reads", func() bool {
			st := s.Now(t.Context(), "p")[0]
			if st.Result == nil || st.Result.Snapshot == nil {
				return false
			}
			if at := st.Result.Snapshot.Time; len(times) == 0 || !at.Equal(times[len(times)-1]) {
				times = append(times, at)
			}
			return len(times) == 4
		})
		for i, at := range times[1:] {
			if apart := at.Sub(times[i]); apart < 90*time.Millisecond {
				t.Errorf("two reads are %v apart", apart)
			}
		}
	})
}

// TestMissingIsAMember: a map that cannot be read while the run lives is named
// in the Result, with why, and not only in a warning.
func TestMissingIsAMember(t *testing.T) {
	// It has no maps in the kernel, and what 0.23 holds there is read there.
	r := newTestRunner(t, fake(t, fakeAttached+`echo '{"type": "map", "data": {"@m": {"a b": 7}}}' >&3; trap 'exit 0' INT; while :; do sleep 1 </dev/null >/dev/null 2>&1 3>&-; done`), Options{})
	run := r.Start(Script{Source: anyScript, Snapshots: true})
	<-run.Attached()
	waitFor(t, "what was printed", func() bool {
		res, _ := run.Result(0)
		return len(res.Maps) == 1
	})
	res, _ := run.Now(t.Context(), 0)
	if res.Snapshot == nil || res.Snapshot.Missing["@m"] == "" || res.Snapshot.Time.IsZero() || !strings.Contains(asJSON(t, res.Diagnostics), "@m is not shown as of now") {
		t.Fatalf("%s", asJSON(t, res))
	}
	if len(res.Maps) != 1 {
		t.Errorf("what was printed is gone: %s", asJSON(t, res))
	}
	run.Stop()
	<-run.Done()
}
