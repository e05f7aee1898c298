package collector

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"tracecar/collector/executor/executortest"
	"tracecar/parser"
	"tracecar/parser/script"
)

func TestOwnPrints(t *testing.T) {
	for source, want := range map[string]string{
		"profile:hz:9 { @a[kstack] = count(); @b[1] = 1; }":                                      "",
		"profile:hz:9 { @a[kstack] = count(); } END { print(@a); }":                              "",
		"BEGIN { print(@a); } profile:hz:9 { @a[kstack] = count(); }":                            "",
		"profile:hz:9 { @a[kstack] = count(); @b = 1; } interval:s:1 { print(@a, 5); }":          "@a",
		"profile:hz:9 { @a[1] = 1; print(@a[1]); print((1, @a[1])); }":                           "",
		"END, interval:s:1 { print(@a); } profile:hz:9 { @a[kstack] = count(); }":                "@a",
		"macro p(@x) { print(@x); } profile:hz:9 { @a[kstack] = count(); p(@a); @b = 1; }":       "@a @b",
		"import \"x\" profile:hz:9 { @a[kstack] = count(); }":                                    "@a",
		"#define P print(@a)\nprofile:hz:9 { @a[kstack] = count(); P; }":                         "@a",
		"self:signal:SIGUSR2 { print(@); } profile:hz:9 { @[kstack] = count(); @b = 1; }":        "@",
		"profile:hz:9 { if (1) { unroll(2) { print(@a, 5, 2); } } @a[kstack] = count(); @b = 1}": "@a",
	} {
		own := slices.Sorted(maps.Keys(ownPrints(script.Parse(source))))
		if got := strings.Join(own, " "); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// A print of the script's own that comes between the marks stays its event.
func TestOwnPrintBetweenTheMarks(t *testing.T) {
	c := newCollecting(&live{way: appended, mark: "m", unasked: map[string]string{"@own": ownPrint}})
	printf := func(text string) *parser.Record { return &parser.Record{Type: parser.TypePrintf, Text: text} }
	print := func(name string) *parser.Record {
		return &parser.Record{Type: parser.TypeMap, Map: &parser.MapState{Name: name}}
	}
	for i, step := range []struct {
		rec   *parser.Record
		taken bool
	}{
		{print("@own"), false}, {print("@asked"), false}, {printf("m<"), true}, {print("@own"), false}, {print("@asked"), true},
		{printf("other"), false}, {print("@own"), false}, {printf("m>"), true}, {print("@asked"), false},
	} {
		if got := c.record(step.rec); got != step.taken {
			t.Errorf("record %d: taken %v", i, got)
		}
	}
	if got := c.take(); len(got) != 1 || got["@asked"].state == nil {
		t.Errorf("%v", got)
	}
}

// What a live script prints itself is not asked for; the rest is read.
func TestSnapshotBesidesOwnPrints(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := newTestRunner(t, p.Path, Options{})
		run := r.Start(Script{Snapshots: true, Source: `
			profile:hz:99 { @own[kstack(3)] = count(); @asked[kstack(3)] = count(); @n[1] = count(); printf("tick\n"); }
			interval:ms:5 { print(@own, 1); }`})
		waitFor(t, "events", func() bool { return run.Progress().Events > 20 })
		early := run.version < "0.22"
		for range 5 {
			ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
			snap, err := run.Snapshot(ctx)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if early {
				if snap.Missing["@own"] != ownPrintEarly || snap.Missing["@asked"] != ownPrintEarly {
					t.Errorf("missing: %v", snap.Missing)
				}
				continue
			}
			names := map[string]bool{}
			for _, m := range snap.Maps {
				names[m.Name] = true
			}
			if snap.Missing["@own"] != ownPrint || len(snap.Missing) != 1 || names["@own"] || !names["@asked"] || !names["@n"] {
				t.Errorf("missing %v, maps %v", snap.Missing, names)
			}
		}
		run.Stop()
		<-run.Done()
		res, _ := run.Result(0)
		for _, ev := range res.Events {
			if ev.Map != nil && ev.Map.Name == "@own" && len(ev.Map.Rows) <= 1 || ev.Type == "printf" && ev.Data.Text() == "tick\n" {
				continue
			}
			t.Fatalf("an event that the script did not print: %s", asJSON(t, ev))
		}
	})
}
