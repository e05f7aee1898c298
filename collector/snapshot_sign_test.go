package collector

import (
	"context"
	"slices"
	"testing"

	"tracecar/collector/executor/executortest"
	"tracecar/parser/script"
)

// TestSnapshotOfSigns: from 0.24 on bpftrace alone knows how an integer with
// its top bit set is to be read. A live map that has one is told all the same.
func TestSnapshotOfSigns(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		t.Parallel() // bpftrace mostly waits
		r := newTestRunner(t, p.Path, Options{})
		for _, c := range []struct{ source, key, value string }{
			{"interval:ms:10 { @m[-1] = count(); }", "-1", ""},
			{"interval:ms:10 { @m[(int64)-5, comm] = count(); }", "-5", ""},
			{"interval:ms:10 { @m = -7; }", "", "-7"},
			{"interval:ms:10 { @i = -1; @m[@i * 3] = 1; }", "-3", "1"},
			{"interval:ms:10 { @m[1] = 9; @m[1] = -9; }", "1", "-9"},
			{"interval:ms:10 { @n++; @m[@n - @n - 2] = 5; }", "-2", "5"},
			{"interval:ms:10 { @m[(int8)-1, (uint64)3] = 4; }", "-1", "4"},
		} {
			run := r.Start(Script{Snapshots: true, Source: c.source})
			var m Map
			waitFor(t, c.source, func() bool {
				ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
				defer cancel()
				snap, err := run.Snapshot(ctx)
				if err != nil {
					return false // not attached yet
				}
				if len(snap.Missing) > 0 {
					t.Fatalf("%s: missing %v", c.source, snap.Missing)
				}
				at := slices.IndexFunc(snap.Maps, func(m Map) bool { return m.Name == "@m" })
				if at >= 0 {
					m = snap.Maps[at]
				}
				return len(m.Rows) > 0
			})
			row := m.Rows[0]
			if c.key != "" && (row.Ambiguous || row.Key[0].String() != c.key) || c.value != "" && row.Value.String() != c.value {
				t.Errorf("%s: %s", c.source, asJSON(t, m))
			}
			run.Stop()
			<-run.Done()
			res, _ := run.Result(0)
			if c.value != "" && (len(res.Maps) == 0 || res.Maps[slices.IndexFunc(res.Maps, func(m Map) bool { return m.Name == "@m" })].Rows[0].Value.String() != c.value) {
				t.Errorf("%s: at the end %s", c.source, asJSON(t, res.Maps))
			}
		}
	})
}

func TestSignMatters(t *testing.T) {
	for source, want := range map[string]bool{
		"tracepoint:a:b { @m[pid, tid, comm, cpu, 3] = count(); @s[tid] = nsecs; @n++; }": false,
		"tracepoint:a:b { @m[(int32)pid - 1] = count(); }":                                true,
		"tracepoint:a:b { @m[(uint64)1, comm] = count(); }":                               true,
		"tracepoint:a:b { @m[(comm, (int32)5)] = count(); }":                              true,
		"tracepoint:a:b { @m[pid] = 1; @m[-1] = 1; }":                                     true,
		"tracepoint:a:b { @m = (int64)-1; }":                                              true,
		"tracepoint:a:b { @m++; } tracepoint:a:c { @m--; }":                               true,
		"tracepoint:a:b { @m[comm] = sum(-1); @k[kstack] = count(); }":                    true, // the stack
		"tracepoint:a:b { @m[comm] = sum(-1); }":                                          false,
	} {
		if got := formattedByBpftrace(script.Parse(source), true); got != want {
			t.Errorf("%s: %v", source, got)
		}
	}
}
