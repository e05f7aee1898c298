package otlp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tracecar/collector"
	"tracecar/parser"
)

func TestMistakesOfSums(t *testing.T) {
	const source = `BEGIN {
	@h = hist(1); @hk[pid] = hist(1); @l = lhist(1, 0, 9, 3); @s = sum(2); @sk[pid] = sum(2); @sk2[pid, comm] = sum(2);
	@c = count(); @low[pid] = min(1); @v = 1; @mixed = 1; @mixed = sum(1);
}`
	for _, test := range []struct{ owner, sum, want string }{
		{"@h", "@s", ""}, {"@l", "@s", ""}, {"@hk", "@sk", ""},
		{"@h", "@c", `metrics["@h"].sum: @c is a count(), and no sum() ()`},
		{"@h", "@v", `metrics["@h"].sum: @v is a plain value, and no sum() ()`},
		{"@hk", "@low", `metrics["@hk"].sum: @low is a min(), and no sum() ()`},
		{"@c", "@s", `metrics["@c"].sum: @c is a count(), and only a hist() or lhist() takes its sum from another map ()`},
		{"@s", "@sk", `metrics["@s"].sum: @s is a sum(), and only a hist() or lhist() takes its sum from another map ()`},
		{"@hk", "@s", `metrics["@hk"].sum: the key of @hk has 1 part, that of @s 0 parts (give @s the key of @hk)`},
		{"@h", "@sk", `metrics["@h"].sum: the key of @h has 0 parts, that of @sk 1 part (give @sk the key of @h)`},
		{"@hk", "@sk2", `metrics["@hk"].sum: the key of @hk has 1 part, that of @sk2 2 parts (give @sk2 the key of @hk)`},
		{"@h", "@mixed", ""}, // the script does not tell
	} {
		wantMistakes(t, source, test.owner, Metric{Sum: test.sum}, test.want)
	}
}

func TestMistakesOfKinds(t *testing.T) {
	const source = `BEGIN {
	@h = hist(1); @h2 = hist(1, 2); @l = lhist(1, 0, 9, 3); @st = stats(1); @s = sum(2); @c = count(); @low = min(1); @v = 1;
	@t = tseries(1, 1s, 9); @mixed = 1; @mixed = sum(1);
}`
	for _, test := range []struct {
		name string
		decl Metric
		want string
	}{
		{"@h", Metric{Type: "histogram"}, ""}, {"@l", Metric{Type: "histogram"}, ""}, {"@st", Metric{Type: "histogram"}, ""},
		{"@c", Metric{Type: "gauge"}, ""}, {"@s", Metric{Type: "counter"}, ""}, {"@v", Metric{Type: "counter"}, ""},
		{"@low", Metric{Type: "updowncounter"}, ""}, {"@t", Metric{Type: "gauge"}, ""}, {"@mixed", Metric{Type: "histogram"}, ""},
		{"@h", Metric{Type: "counter"}, `metrics["@h"].type: @h is a hist(): a histogram, and no counter (leave type out)`},
		{"@st", Metric{Type: "gauge"}, `metrics["@st"].type: @st is a stats(): a histogram, and no gauge (leave type out)`},
		{"@c", Metric{Type: "histogram"}, `metrics["@c"].type: @c is a count(), and no histogram (hist(), lhist() and stats() make one)`},
		{"@low", Metric{Type: "histogram"}, `metrics["@low"].type: @low is a min(), and no histogram (hist(), lhist() and stats() make one)`},
		{"@t", Metric{Type: "histogram"}, `metrics["@t"].type: @t is a tseries(), and no histogram (hist(), lhist() and stats() make one)`},
		{"@t", Metric{Type: "counter"}, `metrics["@t"].type: @t is a tseries(): a gauge, and no counter (leave type out)`},
		{"@h", Metric{Exponential: true}, ""}, {"@h", Metric{Exponential: true, Scale: 1}, ""},
		{"@l", Metric{Exponential: true}, `metrics["@l"].buckets: @l is a lhist(), and only a hist() has exponential buckets ()`},
		{"@st", Metric{Exponential: true}, `metrics["@st"].buckets: @st is a stats(), and only a hist() has exponential buckets ()`},
		{"@c", Metric{Exponential: true}, `metrics["@c"].buckets: @c is a count(), and only a hist() has exponential buckets ()`},
		{"@h2", Metric{Exponential: true}, `metrics["@h2"].buckets: the bounds of a hist() with several buckets per power of two are not exponential (buckets: explicit has them exactly)`},
		{"@h", Metric{Exponential: true, Scale: 0.001}, `metrics["@h"].buckets: with value_scale the bounds are not exponential (keep one of both)`},
	} {
		wantMistakes(t, source, test.name, test.decl, test.want)
	}
}

func wantMistakes(t *testing.T, source, name string, decl Metric, want string) {
	t.Helper()
	var got []string
	for _, m := range Mistakes(source, Probe{Metrics: map[string]Metric{name: decl}}) {
		got = append(got, fmt.Sprintf("%s: %s (%s)", m.Key, m.Message, m.Hint))
	}
	if strings.Join(got, "\n") != want {
		t.Errorf("%s %+v:\n%s\nwant\n%s", name, decl, strings.Join(got, "\n"), want)
	}
}

// Where a map cannot be the sum of another, that one has none, and both are
// exported. The outline says what is.
func TestNoMadeUpSum(t *testing.T) {
	for _, test := range []struct {
		source      string
		owner, sum  string
		kinds       [2]string
		value, part parser.Value // of @o and @p
		page        []string
		outline     []string
	}{
		{"BEGIN { @o = hist(1); @p = sum((uint64)2); }", "@o", "@p", [2]string{"hist", "sum"}, buckets(b(1, 1, 2)), parser.Int(7),
			[]string{"p_o_count 2", "p_o_sum 7"},
			[]string{"@o → histogram p.o with the sum of @p", "@p is not exported by itself: it is the sum of @o"}},
		{"BEGIN { @o = hist(1); @p = count(); }", "@o", "@p", [2]string{"hist", "count"}, buckets(b(1, 1, 2)), parser.Int(7),
			[]string{"p_o_count 2", "p_p_total 7"}, []string{"@o → histogram p.o", "@p → counter p.p"}},
		{"BEGIN { @o = count(); @p = sum((uint64)2); }", "@o", "@p", [2]string{"count", "sum"}, parser.Int(2), parser.Int(7),
			[]string{"p_o_total 2", "p_p_total 7"}, []string{"@o → counter p.o", "@p → counter p.p"}},
		{"BEGIN { @o = hist(1); @p = min(2); }", "@o", "@p", [2]string{"hist", "min"}, buckets(b(1, 1, 2)), parser.Int(7),
			[]string{"p_o_count 2", "p_p 7"}, []string{"@o → histogram p.o", "@p → gauge p.p"}},
	} {
		decl := Probe{Metrics: map[string]Metric{test.owner: {Sum: test.sum}}}
		e := newTestExporter(t, "", func(c *Config) {
			c.Metrics, c.Traces, c.Logs = Target{}, Target{}, Target{}
			c.Probes = map[string]Probe{"p": decl}
		})
		ended(e, collector.Script{Source: test.source, Probe: "p"},
			collector.Map{Name: "@o", Kind: test.kinds[0], Rows: []collector.Row{row(test.value)}},
			collector.Map{Name: "@p", Kind: test.kinds[1], Rows: []collector.Row{row(test.part)}})
		var page []string
		for line := range strings.Lines(scrapeText(t, e, "")) {
			if strings.HasPrefix(line, "p_") && !strings.Contains(line, "_bucket") {
				page = append(page, strings.TrimSpace(strings.Replace(line, `{tracecar_probe="p"}`, "", 1)))
			}
		}
		slices.Sort(page)
		if diff := cmp.Diff(test.page, page); diff != "" {
			t.Errorf("%s: /metrics:\n%s", test.source, diff)
		}
		if diff := cmp.Diff(test.outline, Outline("p", test.source, decl)); diff != "" {
			t.Errorf("%s: outline:\n%s", test.source, diff)
		}
	}
}
