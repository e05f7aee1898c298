package otlp

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"tracecar/collector"
	"tracecar/parser"
	"tracecar/parser/script"
)

func TestClashes(t *testing.T) {
	name := func(m, name string) map[string]Metric { return map[string]Metric{m: {Name: name}} }
	one := func(probe, source string, decl map[string]Metric) Declared {
		return Declared{Name: probe, Sources: []string{source}, Probe: Probe{Metrics: decl}}
	}
	const count, value = "BEGIN { @a = count(); }", "BEGIN { @a = 1; }"
	for _, test := range []struct {
		probes []Declared
		want   string // index key: message (hint)
	}{
		{probes: []Declared{one("p", "BEGIN { @a = count(); @b = count(); }", nil), one("q", count, nil)}},
		{[]Declared{one("p", "BEGIN { @a = count(); @b = count(); }", name("@b", "p.a"))},
			`0 metrics["@b"]: @a and @b would both be the metric p.a: nothing tells their points apart (give each a name)`},
		{[]Declared{one("p", "BEGIN { @x = count(); @_x = count(); }", nil)},
			"0 name: @x and @_x would both be the metric p._x (p.x, for Prometheus the same): nothing tells their points apart (give each a name)"},
		{[]Declared{one("p", "BEGIN { @x = count(); @y = sum(-1); }", name("@y", "p.x.total"))},
			`0 metrics["@y"]: @x and @y would both be the metric p.x.total (p.x, for Prometheus the same): nothing tells their points apart (give each a name)`},
		{[]Declared{one("p", "BEGIN { @x = hist(1); }", nil), one("q", value, name("@a", "p.x.count"))},
			`1 metrics["@a"]: the metric p.x.count is a gauge here, and a histogram (p.x, for Prometheus the same) in probe p (another name, or one type)`},
		{probes: []Declared{one("p", count, name("@a", "n")), one("q", count, name("@a", "n"))}},
		{[]Declared{one("p", count, name("@a", "n")), one("q", value, name("@a", "n"))},
			`1 metrics["@a"]: the metric n is a gauge here, and a counter in probe p (another name, or one type)`},
		{[]Declared{one("p", "BEGIN { @a_us = hist(1); }", name("@a_us", "n_m")), one("q", "BEGIN { @a_us = stats(1); }", name("@a_us", "n.m"))},
			`1 metrics["@a_us"]: the metric n.m is a histogram of count and sum here, and a histogram (n_m, for Prometheus the same) in probe p (another name, or one type)`},
		{[]Declared{one("p", "BEGIN { @a_bytes = hist(1); }", name("@a_bytes", "n")),
			one("q", "BEGIN { @a = hist(1); }", map[string]Metric{"@a": {Name: "n.bytes"}})},
			`1 metrics["@a"]: the metric n.bytes is in "" here, and in "By" (n, for Prometheus the same) in probe p (another name, or one unit)`},
		{[]Declared{one("p", "BEGIN { @a = hist(1); }", map[string]Metric{"@a": {Name: "n"}}),
			one("q", "BEGIN { @a = hist(1); }", map[string]Metric{"@a": {Name: "n", Exponential: true}})},
			`1 metrics["@a"]: the metric n is a exponential histogram here, and a histogram in probe p (another name, or one type)`},
		// A variant runs in the place of another.
		{probes: []Declared{{Name: "p", Sources: []string{count, "BEGIN { @a = 1; }"}}}},
		{[]Declared{{Name: "p", Sources: []string{count, "BEGIN { @b = count(); @a = count(); }"}, Probe: Probe{Metrics: name("@b", "p.a")}}},
			"0 name: @b and @a would both be the metric p.a: nothing tells their points apart (give each a name)"},
		// What is no metric has no name.
		{probes: []Declared{one("p", "BEGIN { @a = hist(1); @s = sum(1); }", map[string]Metric{"@a": {Name: "p.s", Sum: "@s"}})}},
		{probes: []Declared{one("p", "BEGIN { @a = count(); @b = count(); }", map[string]Metric{"@a": {Name: "p.b"}, "@b": {Drop: true}})}},
		{[]Declared{one("tracecar", count, nil)}, "0 name: @a would be the metric tracecar.a: names like this are tracecar's own (another name, of the metric or of the probe)"},
		{[]Declared{one("p", count, name("@a", "bpftrace.a"))},
			`0 metrics["@a"]: @a would be the metric bpftrace.a: names like this are tracecar's own (another name, of the metric or of the probe)`},
	} {
		var got []string
		for _, c := range Clashes(test.probes) {
			got = append(got, fmt.Sprintf("%d %s: %s (%s)", c.Probe, c.Key, c.Message, c.Hint))
		}
		if strings.Join(got, "\n") != test.want {
			t.Errorf("%+v:\n got %q\nwant %q", test.probes, got, test.want)
		}
	}
}

// TestClashesOfRuns: what no configuration tells gets another name, loudly.
func TestClashesOfRuns(t *testing.T) {
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	var said strings.Builder
	e := newTestExporter(t, url, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&said, nil))
		c.Probes = map[string]Probe{"p": {Metrics: map[string]Metric{"@a": {Name: "n"}, "@b": {Name: "n"}}}, "q": {Metrics: map[string]Metric{"@v": {Name: "n"}}}}
	})
	scalar := func(name, kind string, n int64) collector.Map {
		return collector.Map{Name: name, Kind: kind, Rows: []collector.Row{row(parser.Int(n))}}
	}
	ended(e, collector.Script{Source: "BEGIN { @a = count(); @b = count(); }", Probe: "p"}, scalar("@a", "count", 1), scalar("@b", "count", 2))
	ended(e, collector.Script{Source: "BEGIN { @v = 1; }", Probe: "q"}, scalar("@v", "value", 3))
	ended(e, collector.Script{Source: "BEGIN { @x = count(); @_x = count(); }", Name: "s"}, scalar("@x", "count", 4), scalar("@_x", "count", 5))
	flush(t, e)
	for name, want := range map[string]string{
		"n": "counter{tracecar.probe=p} 1", "n.count": "counter{tracecar.probe=p} 2", "n.value": "gauge{tracecar.probe=q} 3",
		"bpftrace.x": "counter{tracecar.script=s} 4", "bpftrace._x.count": "counter{tracecar.script=s} 5",
	} {
		if got := rec.points(name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{"counter{tracecar.probe=p} 1", "counter{tracecar.probe=q} 1", "counter{} 1"} {
		if got := rec.points("tracecar.maps.renamed"); !slices.Contains(got, want) {
			t.Errorf("%q, want %s", got, want)
		}
	}
	if n := strings.Count(said.String(), "two maps cannot be one metric"); n != 2 { // n, bpftrace._x
		t.Errorf("said %d times:\n%s", n, said.String())
	}
	uniqueSeries(t, scrapeText(t, e, ""))
}

// uniqueSeries wants each series of a page once.
func uniqueSeries(t *testing.T, page string) {
	t.Helper()
	seen := map[string]bool{}
	for line := range strings.Lines(page) {
		series, _, _ := strings.Cut(line, "} ")
		if strings.HasPrefix(line, "#") {
			series = strings.Join(strings.Fields(line)[:3], " ")
		}
		if seen[series] {
			t.Errorf("%s stands there twice", series)
		}
		seen[series] = true
	}
}

// TestRunsOfOneNameApart: two scripts with one name have the same attributes,
// so live at once they are told apart like two runs of one script.
func TestRunsOfOneNameApart(t *testing.T) {
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, nil)
	scripts := []collector.Script{
		{Source: "BEGIN { @a = count(); }", Name: "n"}, {Source: "BEGIN { @a = count(); exit(); }", Name: "n"}, {Source: "BEGIN { @a = count(); }", Name: "n", Args: []string{"1"}},
	}
	var runs []*runState
	for _, s := range scripts {
		r := e.Observe(s).(*runState)
		r.Begin(collector.RunInfo{ID: "id", Script: s, Parsed: script.Parse(s.Source)})
		runs = append(runs, r)
	}
	for i, r := range runs {
		r.End(&collector.Result{Status: collector.StatusCompleted, Maps: []collector.Map{{Name: "@a", Kind: "count", Rows: []collector.Row{row(parser.Int(int64(i)))}}}})
	}
	flush(t, e)
	got := rec.points("bpftrace.a")
	slices.Sort(got)
	want := []string{"counter{tracecar.run.slot=1,tracecar.script=n} 1", "counter{tracecar.run.slot=2,tracecar.script=n} 2", "counter{tracecar.script=n} 0"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	uniqueSeries(t, scrapeText(t, e, ""))
}
