package probestatus

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/parser"
)

// TestReadBack holds what Read gives against what the server wrote: the same
// JSON again.
func TestReadBack(t *testing.T) {
	ns, runs := int64(1), uint64(2)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	key := func(v ...parser.Value) []parser.Value { return v }
	res := &collector.Result{
		Status: collector.StatusRunning, DurationMS: 1500, BpftraceVersion: "0.23.5", ProbesAttached: 2, LostEvents: 3,
		Events: []collector.Event{
			{Type: "printf", Data: parser.Text("a\nb\x1b[2J")}, {Type: "value", Data: parser.Int(-7)},
		},
		Diagnostics: []collector.Diagnostic{{Severity: "warning", Message: "w", Line: 1, Column: 2}},
		Truncated:   collector.Truncated{Events: 9, Rows: 8},
		Cost:        &collector.Cost{KernelNS: &ns, KernelRuns: &runs, CPUNS: 5},
		Maps: []collector.Map{
			{Name: "@n", Kind: "count", Keys: []string{"comm", "pid"}, Rows: []collector.Row{
				{Key: key(parser.Text("a, b"), parser.Int(1)), Value: parser.Int(1<<53 - 1)},
				{Key: key(parser.Text("caf\xe9"), parser.Int(-1)), Value: parser.Uint(math.MaxUint64)},
				{Key: key(parser.Text("odd")), Ambiguous: true, Value: parser.Float(0.5)},
			}},
			{Name: "@h", Kind: "hist", Keys: []string{}, Rows: []collector.Row{{Value: parser.BucketsOf([]parser.Bucket{
				{Max: -1, HasMax: true, Count: 1}, {HasMin: true, HasMax: true, Count: math.MaxUint64},
				{Min: math.MaxInt64, HasMin: true, Count: 2},
			})}}},
			{Name: "@s", Kind: "stats", Keys: []string{"k"}, Rows: []collector.Row{{
				Key:   key(parser.Frames([]string{"inner", "outer"})),
				Value: parser.StatsOf(parser.Stats{Count: parser.Int(2), Average: parser.Int(3), Total: parser.Int(7)}),
			}}},
			{Name: "@t", Kind: "tseries", Keys: []string{}, Rows: []collector.Row{{
				Value: parser.PointsOf([]parser.Point{{UnixNano: at.UnixNano(), Value: parser.Int(4)}}),
			}}},
			{Name: "@o", Kind: "value", Keys: []string{}, Rows: []collector.Row{{
				Value: parser.Object([]parser.Field{{Name: "z", Value: parser.Bool(true)}, {Name: "a", Value: parser.Array(key(parser.Value{}))}}),
			}}},
			{Name: "@e", Kind: "count", Keys: []string{}, Rows: []collector.Row{}},
		},
	}
	probes := []collector.ProbeStatus{
		{Name: "p", State: collector.ProbeRunning, Schedule: "continuous", Started: at, Attached: at, Restarts: 4, Result: res},
		{Name: "q", State: collector.ProbeGivenUp, Schedule: "1s every 5m0s", Error: "no", Failures: 3},
	}
	want, err := json.Marshal(map[string]any{"probes": probes})
	if err != nil {
		t.Fatal(err)
	}
	read, err := Read(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(map[string]any{"probes": read})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\nread back: %s\nwritten:   %s", err, got, want)
	}
	if text := read[0].Result.Maps[0].Rows[1].Key[0].Text(); text != "caf\xe9" {
		t.Errorf("bytes that are not UTF-8 came as %q", text)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":        "",
		"a page":         "<html>",
		"another server": `{"status":"ok"}`,
		"half":           `{"probes":[{"name":"x"`,
		"a lying bucket": `{"probes":[{"result":{"maps":[{"rows":[{"buckets":[{"min":1,"count":-1}]}]}]}}]}`,
		"too much":       `{"probes":[]}` + strings.Repeat(" ", MaxBytes),
	} {
		if _, err := Read(strings.NewReader(in)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	seeds, err := os.ReadDir("testdata/fuzz/FuzzRead")
	if err != nil || len(seeds) == 0 {
		f.Fatal("there are no seeds: ", err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		probes, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		// What was read can be written, and that be read again.
		again, err := json.Marshal(map[string]any{"probes": probes})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(bytes.NewReader(again)); err != nil {
			t.Fatalf("%v: %s", err, again)
		}
	})
}
