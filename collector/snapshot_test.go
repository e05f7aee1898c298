package collector

import (
	"context"
	"errors"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
	"tracecar/parser"
)

func TestSnapshotOfALiveRun(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := newTestRunner(t, p.Path, Options{})
		run := r.Start(Script{Snapshots: true, Source: `
			BEGIN { @k["a b", 1] = 7; @k["a, b", 2] = 8; @u = count(); @none[1] = 1; delete(@none[1]); }
			interval:ms:10 { @n = count(); @h["x y"] = hist(5); }
			profile:hz:99 { @st[kstack(3), comm] = count(); printf("tick\n"); }`})
		waitFor(t, "events", func() bool { return run.Progress().Events > 10 })
		before := int64(0)
		for range 3 {
			ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
			snap, err := run.Snapshot(ctx)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			byName := map[string]Map{}
			for _, m := range snap.Maps {
				byName[m.Name] = m
			}
			n, _ := byName["@n"].Rows[0].Value.Int64()
			if n < before || n == 0 {
				t.Errorf("@n went from %d to %d", before, n)
			}
			before = n
			if rows := byName["@k"].Rows; len(rows) != 2 || rows[0].Key[0].Text() != "a b" || rows[1].Key[0].Text() != "a, b" {
				t.Errorf("@k: %s", asJSON(t, byName["@k"]))
			}
			if h := byName["@h"]; h.Kind != "hist" || h.Rows[0].Value.Kind() != parser.KindBuckets {
				t.Errorf("@h: %s", asJSON(t, h))
			}
			if st := byName["@st"]; len(st.Rows) == 0 || st.Rows[0].Key[0].Kind() != parser.KindFrames && !st.Rows[0].Ambiguous {
				t.Errorf("@st: %s, missing %v", asJSON(t, st), snap.Missing)
			}
			if snap.Attached.IsZero() || snap.Time.Before(snap.Attached) {
				t.Errorf("attached %v, read %v", snap.Attached, snap.Time)
			}
		}
		res, _ := run.Now(context.Background(), 0)
		for _, ev := range res.Events {
			if ev.Type != "printf" || ev.Data.Text() != "tick\n" {
				t.Fatalf("a snapshot shows among the events: %s", asJSON(t, ev))
			}
		}
		if len(res.Maps) < 4 {
			t.Errorf("live maps: %s", asJSON(t, res.Maps))
		}
		run.Stop()
		<-run.Done()
		final, _ := run.Result(0)
		if final.Status != StatusCancelled || final.ProbesAttached != int64(3) && final.ProbesAttached != 2 {
			t.Errorf("%s, %d probes attached", final.Status, final.ProbesAttached)
		}
		for _, ev := range final.Events {
			if ev.Type != "printf" || ev.Data.Text() != "tick\n" {
				t.Errorf("a snapshot shows among the events: %s", asJSON(t, ev))
				break
			}
		}
		if _, err := run.Snapshot(context.Background()); !errors.Is(err, ErrNotLive) {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestSnapshotBeforeAttached(t *testing.T) {
	r := newTestRunner(t, fake(t, "sleep 60 3>&- &\nwait"), Options{})
	run := r.Start(Script{Source: anyScript, Snapshots: true, Timeout: time.Minute})
	if _, err := run.Snapshot(context.Background()); !errors.Is(err, ErrNotLive) {
		t.Errorf("%v", err)
	}
}
