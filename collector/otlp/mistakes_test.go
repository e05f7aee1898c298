package otlp

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMistakes(t *testing.T) {
	const source = `BEGIN {
	@a[pid, comm] = count(); @h = hist(1); @s = sum(2);
	printf("open %s %llu\n", comm, nsecs); printf("close %d %llu\n", tid, nsecs);
}`
	metric := func(name string, m Metric) Probe { return Probe{Metrics: map[string]Metric{name: m}} }
	span := func(s Span) Probe { return Probe{Spans: []Span{s}} }
	for _, test := range []struct {
		decl Probe
		want []string // key: message (hint)
	}{
		{decl: Probe{}},
		{decl: metric("@a", Metric{Attributes: []string{"process"}, Decode: map[string]string{"process": "comm", "comm": "comm"}})},
		{decl: metric("@h", Metric{Sum: "@s"})},
		{metric("@b", Metric{}), []string{`metrics["@b"]: the script has no map @b (it has @a, @h, @s)`}},
		{metric("@h", Metric{Sum: "@t"}), []string{`metrics["@h"].sum: the script has no map @t (it has @a, @h, @s)`}},
		{metric("@a", Metric{Attributes: []string{"x", "y", "z"}}), []string{`metrics["@a"].attributes: these are 3 names, and its key has 2 parts: pid, comm ()`}},
		{metric("@h", Metric{Attributes: []string{"x"}}), []string{`metrics["@h"].attributes: these are 1 names, and @h has no key ()`}},
		{metric("@a", Metric{Attributes: []string{"x"}, Decode: map[string]string{"pid": "comm", "dev.name": "comm"}}), []string{
			`metrics["@a"].decode["dev.name"]: @a has no attribute "dev.name" (its attributes are x, comm)`,
			`metrics["@a"].decode.pid: @a has no attribute "pid" (its attributes are x, comm)`,
		}},
		{decl: span(Span{Printf: Output{Index: 1}, Name: "a {{.comm}} {{2}}", Start: "nsecs", Duration: "2", Attributes: map[string]string{"x": "comm"}})},
		{decl: span(Span{Printf: Output{Format: "open %s %llu"}, EndPrintf: Output{Index: 2}, Name: "a {{.tid}} {{.comm}}", Start: "nsecs", End: "2", Key: []string{"nsecs", "1"}})},
		{span(Span{Printf: Output{Index: 3}, Name: "a", Start: "x"}), []string{`spans[0].printf: the script has no printf number 3 (it has 2: "open %s %llu\n", "close %d %llu\n")`}},
		{span(Span{Printf: Output{Index: 1}, EndPrintf: Output{Format: "shut"}, Name: "a"}), []string{`spans[0].end_printf: the script has no printf of the format "shut" (it has 2: "open %s %llu\n", "close %d %llu\n")`}},
		{span(Span{Printf: Output{Index: 1}, Name: "{{.nope}}", Start: "time", End: "3", TraceParent: "tp", Attributes: map[string]string{"x": "y"}}), []string{
			`spans[0].start: the printf has no field "time" (its fields are comm, nsecs)`,
			`spans[0].end: the printf has no field number 3 (its fields are comm, nsecs)`,
			`spans[0].trace_parent: the printf has no field "tp" (its fields are comm, nsecs)`,
			`spans[0].name: the printf has no field "nope" (its fields are comm, nsecs)`,
			`spans[0].attributes.x: the printf has no field "y" (its fields are comm, nsecs)`,
		}},
		{span(Span{Printf: Output{Index: 1}, EndPrintf: Output{Index: 2}, Name: "a", Start: "nsecs", End: "nsecs", Key: []string{"comm"}}), []string{
			`spans[0].key[0]: the printf has no field "comm" (its fields are tid, nsecs)`,
		}},
	} {
		var got []string
		for _, m := range Mistakes(source, test.decl) {
			got = append(got, fmt.Sprintf("%s: %s (%s)", m.Key, m.Message, m.Hint))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%+v:\n%s", test.decl, diff)
		}
	}
	// What the script does not tell is no mistake.
	if got := Mistakes(`BEGIN { printf($f, 1); print(@never); }`, span(Span{Printf: Output{Format: "x"}, Name: "a", Start: "y"})); got != nil {
		t.Errorf("%+v", got)
	}
	got := DecoderMistakes(metric("@a", Metric{Decode: map[string]string{"x": "errno", "y": "nothing", "z": "cgroup|pod", "w": "regexp:("}}))
	if len(got) != 2 || got[0].Key != `metrics["@a"].decode.w` || got[1].Key != `metrics["@a"].decode.y` {
		t.Errorf("%+v", got)
	}
}
