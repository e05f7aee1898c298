package collector

import (
	"context"
	"strings"
	"testing"

	"tracecar/collector/executor"
	"tracecar/collector/executor/executortest"
)

// TestFullMap: a map that had no place for a key says so on every version,
// and one that has all its keys does not.
func TestFullMap(t *testing.T) {
	const script = `BEGIN { @a[1] = 1; @a[2] = 2; @a[3] = 3; @a[4] = 4; %s @n = count(); @h = hist(5); @one["k k"] = count(); exit(); }`
	for _, p := range executortest.Programs(t) {
		t.Run(p.Version, func(t *testing.T) {
			r := NewRunner(Options{Bpftrace: p.Path, Limits: executor.Limits{MaxMapKeys: 5}})
			t.Cleanup(func() { _ = r.Close(context.WithoutCancel(t.Context())) })
			for more, full := range map[string]bool{"": false, "@a[5] = 5; @a[6] = 6;": true} {
				res := r.Run(t.Context(), Script{Source: strings.ReplaceAll(script, "%s", more)})
				if res.Status != StatusCompleted {
					t.Fatalf("%s: %v", res.Status, res.Diagnostics)
				}
				said := 0
				for _, d := range res.Diagnostics {
					if strings.Contains(d.Hint, "raise max_map_keys") {
						said++
					}
				}
				if full != (said == 1) || said > 1 {
					t.Errorf("%q: %d warnings of a full map: %v", more, said, res.Diagnostics)
				}
			}
		})
	}
}

// TestFullMapLive: a live run says so, too.
func TestFullMapLive(t *testing.T) {
	for _, p := range executortest.Programs(t) {
		t.Run(p.Version, func(t *testing.T) {
			r := NewRunner(Options{Bpftrace: p.Path, Limits: executor.Limits{MaxMapKeys: 5}})
			t.Cleanup(func() { _ = r.Close(context.WithoutCancel(t.Context())) })
			run := r.Start(Script{Source: "interval:ms:1 { @i++; @a[@i] = count(); }", Snapshots: true})
			<-run.Attached()
			waitFor(t, "a warning of a full map", func() bool {
				res, _ := run.Now(t.Context(), 0)
				for _, d := range res.Diagnostics {
					if strings.Contains(d.Hint, "raise max_map_keys") {
						return true
					}
				}
				return false
			})
			run.Stop()
			<-run.Done()
		})
	}
}
