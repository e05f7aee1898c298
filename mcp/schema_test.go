package mcp

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/parser"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compileSchema returns a tool's output schema, with a draft of its own so
// that a wrong keyword fails here.
func compileSchema(t *testing.T, raw json.RawMessage) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validates(t *testing.T, schema *jsonschema.Schema, raw json.RawMessage) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return schema.Validate(doc)
}

// richResult has every kind of value there is.
func richResult() *collector.Result {
	i := parser.Int
	row := func(v parser.Value, key ...parser.Value) collector.Row { return collector.Row{Key: key, Value: v} }
	stats := parser.StatsOf(parser.Stats{Count: i(2), Average: parser.Float(1.5), Total: parser.Uint(math.MaxUint64)})
	hist := parser.BucketsOf([]parser.Bucket{
		{Max: -1, HasMax: true, Count: 1}, {Min: 0, Max: 0, HasMin: true, HasMax: true, Count: 2}, {Min: 4, HasMin: true, Count: math.MaxUint64}})
	points := parser.PointsOf([]parser.Point{{UnixNano: 1, Value: i(2)}, {UnixNano: 2, Value: stats}})
	return &collector.Result{
		Status: collector.StatusTimedOut, ExitCode: 124, TimedOut: true, DurationMS: 5, BpftraceVersion: "0.27.1",
		Events: []collector.Event{
			{Type: "printf", Data: parser.Text("open\n"), Fields: []parser.Field{{Name: "pid", Value: i(1)}}},
			{Type: "printf", Data: parser.Text("caf\xe9")},
			{Type: "value", Data: parser.Array([]parser.Value{i(1), parser.Text("a"), parser.Bool(true), {}})},
			{Type: "value", Data: parser.Object([]parser.Field{{Name: "x", Value: i(math.MinInt64)}})},
			{Type: "value", Data: parser.Float(0.5)},
			{Type: "map", Map: &collector.Map{Name: "@", Kind: "value"}},
			{Type: "hist", Map: &collector.Map{Name: "@h", Kind: "hist", Keys: []string{}, Rows: []collector.Row{row(hist)}}},
		},
		Maps: []collector.Map{
			{Name: "@c", Kind: "count", Keys: []string{"comm", "pid"}, Rows: []collector.Row{row(parser.Uint(math.MaxUint64), parser.Text("a, b"), i(-1))}},
			{Name: "@h", Kind: "lhist", Rows: []collector.Row{row(hist, parser.Frames([]string{"schedule+35"}))}},
			{Name: "@s", Kind: "stats", Rows: []collector.Row{row(stats)}},
			{Name: "@t", Kind: "tseries", Rows: []collector.Row{row(points)}},
			{Name: "@a", Kind: "unknown", Rows: []collector.Row{{Key: []parser.Value{parser.Text("a,b")}, Ambiguous: true, Value: i(1)}}},
			{Name: "@empty", Kind: "value"},
		},
		LostEvents:  3,
		Cost:        &collector.Cost{KernelNS: new(int64(7)), KernelRuns: new(uint64(1)), CPUNS: 9, MaxRSS: 1 << 20},
		Snapshot:    &collector.SnapshotInfo{Time: time.Unix(1, 2), Missing: map[string]string{"@x": "why"}},
		Diagnostics: []collector.Diagnostic{{Severity: "error", Message: "m", Line: 1, Column: 2, Source: "s", Hint: "h", Noise: true}},
	}
}

func TestOutputSchemasDescribeWhatComesOut(t *testing.T) {
	result, run := compileSchema(t, schemaResult), compileSchema(t, schemaRun)
	for _, res := range []*collector.Result{richResult(), {Status: collector.StatusRunning}} {
		if err := validates(t, result, answerRun(nil, res).json); err != nil {
			t.Errorf("%v\n%s", err, answerRun(nil, res).json)
		}
		if err := validates(t, run, answerRun(&runHead{ID: "a", Started: "b", Cursor: 7}, res).json); err != nil {
			t.Error(err)
		}
	}
	for name, c := range map[string]struct {
		schema json.RawMessage
		a      *answer
	}{
		"info":        {schemaInfo, answerWith(completeInfo(&collector.Info{}))},
		"validation":  {schemaValidation, answerWith(completeValidation(&collector.Validation{Maps: []collector.MapOutline{{Name: "@", Kind: "count"}}}))},
		"full valid.": {schemaValidation, answerWith(completeValidation(&collector.Validation{Valid: true, Diagnostics: richResult().Diagnostics, Probes: []collector.ProbeMatch{{Probe: "p", Matches: -1}}, Functions: []string{"count"}}))},
		"probes":      {schemaProbes, answerWith(probePage{Probes: []collector.ProbeInfo{{Name: "a", Args: []collector.Field{{Name: "x", Type: "int"}}}}, Total: 1})},
		"runs": {schemaRuns, answerWith(map[string]any{"runs": []runLine{{Status: "running"}}, "scheduled": []collector.ProbeStatus{
			{State: collector.ProbeWaiting},
			{Name: "p", State: collector.ProbeGivenUp, Schedule: "continuous", Unsafe: true, RunID: "a", LastRunID: "b", Started: time.Unix(1, 2), Attached: time.Unix(1, 2),
				Ended: time.Unix(1, 2), Next: time.Unix(1, 2), Snapshot: &collector.SnapshotInfo{Time: time.Unix(1, 2), Missing: map[string]string{"@x": "why"}}, Restarts: 1, Failures: 2, Error: "e", Diagnostics: richResult().Diagnostics},
		}})},
	} {
		if err := validates(t, compileSchema(t, c.schema), c.a.json); err != nil {
			t.Errorf("%s: %v\n%s", name, err, c.a.json)
		}
	}
}

// A schema that lets anything pass would pass the test above.
func TestOutputSchemasRefuseWhatDoesNotComeOut(t *testing.T) {
	good := string(answerRun(nil, richResult()).json)
	schema := compileSchema(t, schemaResult)
	for _, change := range [][2]string{
		{`"status":"timed_out"`, `"status":"done"`},
		{`"maps":[`, `"maps":null,"x":[`},
		{`"exit_code":124`, `"exit_code":"124"`},
		{`"kind":"count"`, `"kind":"counter"`},
		{`"lost_events":3`, `"lost_events":-3`},
		{`"frames":["schedule+35"]}],"buckets":[{"max":-1,"count":1}`, `"frames":["schedule+35"]}],"buckets":[{"max":-1}`},
		{`"severity":"error"`, `"severity":"bad"`},
		{`"truncated":{"events":0,`, `"truncated":{`},
		{`"kernel_ns":7`, `"kernel_ns":"7"`},
	} {
		bad := bytes.Replace([]byte(good), []byte(change[0]), []byte(change[1]), 1)
		if string(bad) == good {
			t.Errorf("%s is not there", change[0])
			continue
		}
		if err := validates(t, schema, bad); err == nil {
			t.Errorf("%s passes", change[1])
		}
	}
}

// Integers, duplicate characters and bytes come out as result.md has them.
func TestAnswersAreExact(t *testing.T) {
	got := string(answerRun(nil, richResult()).json)
	for _, want := range []string{
		`"value":"18446744073709551615"`, `"x":"-9223372036854775808"`, `"base64":"Y2Fm6Q=="`,
		`{"max":-1,"count":1}`, `{"frames":["schedule+35"]}`, `"key":["a, b",-1]`, `"ambiguous":true`,
	} {
		if !bytes.Contains([]byte(got), []byte(want)) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}
