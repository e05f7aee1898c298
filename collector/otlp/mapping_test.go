package otlp

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tracecar/collector"
	"tracecar/parser"
	"tracecar/parser/script"
)

var t0 = time.Unix(1_700_000_000, 0)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

// mapOf makes a Map of the script's first map; rows are key parts then value.
func mapOf(t *testing.T, source string, rows ...collector.Row) (*collector.Map, *script.Map) {
	t.Helper()
	sm := &script.Parse(source).Maps[0]
	m := &collector.Map{Name: sm.Name, Kind: string(sm.Kind), Rows: rows}
	for _, k := range sm.Keys {
		m.Keys = append(m.Keys, k.Name)
	}
	return m, sm
}

func row(v parser.Value, key ...parser.Value) collector.Row {
	return collector.Row{Key: key, Value: v}
}

func buckets(b ...parser.Bucket) parser.Value { return parser.BucketsOf(b) }

func b(low, high int64, n uint64) parser.Bucket {
	return parser.Bucket{Min: low, Max: high, HasMin: true, HasMax: true, Count: n}
}

var base = []attribute.KeyValue{attribute.String(attrProbe, "p")}

func newMM(m *collector.Map, sm *script.Map, decl *Metric, limit int) *mapMetric {
	return newMapMetric("p", base, m, sm, false, decl, limit)
}

// dump writes metrics one point a line, in the words of OTLP.
func dump(ms []metricdata.Metrics) string {
	var out strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&out, "%s unit=%q", m.Name, m.Unit)
		switch d := m.Data.(type) {
		case metricdata.Sum[int64]:
			fmt.Fprintf(&out, " sum monotonic=%v %v\n", d.IsMonotonic, d.Temporality)
			dumpPoints(&out, d.DataPoints)
		case metricdata.Sum[float64]:
			fmt.Fprintf(&out, " floatsum monotonic=%v %v\n", d.IsMonotonic, d.Temporality)
			dumpPoints(&out, d.DataPoints)
		case metricdata.Gauge[int64]:
			out.WriteString(" gauge\n")
			dumpPoints(&out, d.DataPoints)
		case metricdata.Gauge[float64]:
			out.WriteString(" floatgauge\n")
			dumpPoints(&out, d.DataPoints)
		case metricdata.Histogram[float64]:
			fmt.Fprintf(&out, " histogram %v\n", d.Temporality)
			for _, p := range d.DataPoints {
				fmt.Fprintf(&out, "  {%s} start=%d count=%d sum=%v bounds=%v counts=%v\n", labelsOf(p.Attributes), seconds(p.StartTime), p.Count, p.Sum, p.Bounds, p.BucketCounts)
			}
		case metricdata.ExponentialHistogram[float64]:
			fmt.Fprintf(&out, " exponential\n")
			for _, p := range d.DataPoints {
				fmt.Fprintf(&out, "  {%s} start=%d count=%d zero=%d offset=%d counts=%v\n", labelsOf(p.Attributes), seconds(p.StartTime), p.Count, p.ZeroCount, p.PositiveBucket.Offset, p.PositiveBucket.Counts)
			}
		}
	}
	return out.String()
}

func dumpPoints[N int64 | float64](out *strings.Builder, ps []metricdata.DataPoint[N]) {
	for _, p := range ps {
		fmt.Fprintf(out, "  {%s} start=%d time=%d %v\n", labelsOf(p.Attributes), seconds(p.StartTime), seconds(p.Time), p.Value)
	}
}

func labelsOf(s attribute.Set) string { return s.Encoded(attribute.DefaultEncoder()) }

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return int64(t.Sub(t0) / time.Second)
}

func wantDump(t *testing.T, ms []metricdata.Metrics, want string) {
	t.Helper()
	if got := dump(ms); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestRowsOfTheTable(t *testing.T) {
	comm := parser.Text("dd")
	tests := []struct {
		name, source string
		value        parser.Value
		decl         *Metric
		want         string
	}{
		{"count", "BEGIN { @calls[comm] = count(); }", parser.Int(7), nil,
			"p.calls unit=\"\" sum monotonic=true CumulativeTemporality\n  {comm=dd,tracecar.probe=p} start=0 time=5 7\n"},
		{"sum of signed", "BEGIN { @x_bytes[comm] = sum((int64)-5); }", parser.Int(-5), nil,
			"p.x_bytes unit=\"By\" sum monotonic=false CumulativeTemporality\n  {comm=dd,tracecar.probe=p} start=0 time=5 -5\n"},
		{"sum of unsigned", "BEGIN { @x[comm] = sum((uint32)5); }", parser.Int(5), nil,
			"p.x unit=\"\" sum monotonic=true CumulativeTemporality\n  {comm=dd,tracecar.probe=p} start=0 time=5 5\n"},
		{"sum declared", "BEGIN { @x[comm] = sum((int64)5); }", parser.Int(5), &Metric{Name: "io", Type: "counter", Attributes: []string{"who"}},
			"io unit=\"\" sum monotonic=true CumulativeTemporality\n  {tracecar.probe=p,who=dd} start=0 time=5 5\n"},
		{"beyond int64", "BEGIN { @x[comm] = sum((uint64)5); }", parser.Uint(math.MaxUint64), nil,
			"p.x unit=\"\" floatsum monotonic=true CumulativeTemporality\n  {comm=dd,tracecar.probe=p} start=0 time=5 1.8446744073709552e+19\n"},
		{"min", "BEGIN { @lat_us[comm] = min(5); }", parser.Int(5), nil,
			"p.lat_us unit=\"us\" gauge\n  {comm=dd,tracecar.probe=p} start=-1 time=5 5\n"},
		{"avg scaled", "BEGIN { @lat_us[comm] = avg(5); }", parser.Int(5), &Metric{Scale: 0.001, Unit: "ms"},
			"p.lat_us unit=\"ms\" floatgauge\n  {comm=dd,tracecar.probe=p} start=-1 time=5 0.005\n"},
		{"value", "BEGIN { @v[comm] = 5; }", parser.Int(5), nil,
			"p.v unit=\"\" gauge\n  {comm=dd,tracecar.probe=p} start=-1 time=5 5\n"},
		{"stats", "BEGIN { @ns[comm] = stats(5); }", parser.StatsOf(parser.Stats{Count: parser.Int(2), Average: parser.Int(3), Total: parser.Int(7)}), nil,
			"p.ns unit=\"ns\" histogram CumulativeTemporality\n  {comm=dd,tracecar.probe=p} start=0 count=2 sum=7 bounds=[] counts=[]\n"},
		{"hist", "BEGIN { @usecs[comm] = hist(5); }", buckets(b(1, 1, 1), b(2, 3, 0), b(4, 7, 2)), nil,
			"p.usecs unit=\"us\" histogram CumulativeTemporality\n  {comm=dd,tracecar.probe=p} start=0 count=3 sum=NaN bounds=[0 1 3 7 15 31 63 127 255] counts=[0 1 0 2 0 0 0 0 0 0]\n"},
		{"hist with negatives", "BEGIN { @h[comm] = hist(5); }", buckets(parser.Bucket{Max: -1, HasMax: true, Count: 3}, b(0, 0, 1)), nil,
			"p.h unit=\"\" histogram CumulativeTemporality\n  {comm=dd,tracecar.probe=p} start=0 count=4 sum=NaN bounds=[-1 0] counts=[3 1 0]\n"},
		{"lhist", "BEGIN { @l[comm] = lhist(5, 0, 100, 30); }", buckets(parser.Bucket{Max: -1, HasMax: true, Count: 3}, b(0, 29, 1), b(30, 59, 0), b(60, 89, 2), parser.Bucket{Min: 100, HasMin: true, Count: 9}), nil,
			"p.l unit=\"\" histogram CumulativeTemporality\n  {comm=dd,tracecar.probe=p} start=0 count=15 sum=NaN bounds=[-1 29 59 89] counts=[3 1 0 2 9]\n"},
		{"hist with k", "BEGIN { @h[comm] = hist(5, 2); }", buckets(b(10, 11, 1), b(12, 13, 4)), nil,
			"p.h unit=\"\" histogram CumulativeTemporality\n  {comm=dd,tracecar.probe=p} start=0 count=5 sum=NaN bounds=[9 11 13] counts=[0 1 4 0]\n"},
		{"top of int64", "BEGIN { @h[comm] = hist(5); }", buckets(b(1<<61, 1<<62-1, 1), b(1<<62, math.MaxInt64, 4)), nil, ""},
		{"exponential", "BEGIN { @h[comm] = hist(5); }", buckets(b(0, 0, 5), b(1, 1, 1), b(2, 3, 2), b(4, 7, 3)), &Metric{Exponential: true},
			"p.h unit=\"\" exponential\n  {comm=dd,tracecar.probe=p} start=0 count=11 zero=5 offset=-1 counts=[1 0 2 3 0 0 0 0 0 0]\n"},
		{"text value", "BEGIN { @v[comm] = comm; }", parser.Text("x"), nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, sm := mapOf(t, tt.source, row(tt.value, comm))
			mm := newMM(m, sm, tt.decl, 10)
			mm.update(m, nil, at(0), at(5), true)
			got := mm.metrics()
			if tt.name == "top of int64" {
				h := got[0].Data.(metricdata.Histogram[float64]).DataPoints[0]
				if n := len(h.BucketCounts); h.BucketCounts[n-1] != 4 || h.BucketCounts[n-2] != 1 || len(h.Bounds) != n-1 {
					t.Errorf("%v %v", h.Bounds, h.BucketCounts)
				}
				return
			}
			wantDump(t, got, tt.want)
			if tt.name == "text value" && mm.lost != 1 {
				t.Errorf("lost %d rows, want 1 counted", mm.lost)
			}
		})
	}
}

func TestBoundsOnlyGrow(t *testing.T) {
	m, sm := mapOf(t, "BEGIN { @h = hist(5); }", row(buckets(b(64, 127, 2))))
	mm := newMM(m, sm, nil, 10)
	mm.update(m, nil, at(0), at(5), true)
	m.Rows[0].Value = buckets(b(64, 127, 2), b(128, 255, 1))
	mm.update(m, nil, at(0), at(10), true)
	wantDump(t, mm.metrics(), "p.h unit=\"\" histogram CumulativeTemporality\n  {tracecar.probe=p} start=0 count=3 sum=NaN bounds=[0 1 3 7 15 31 63 127 255] counts=[0 0 0 0 0 0 0 2 1 0]\n")
	m.Rows[0].Value = buckets(b(64, 127, 2), b(128, 255, 1), b(256, 511, 1))
	mm.update(m, nil, at(0), at(15), true)
	wantDump(t, mm.metrics(), "p.h unit=\"\" histogram CumulativeTemporality\n  {tracecar.probe=p} start=0 count=4 sum=NaN bounds=[0 1 3 7 15 31 63 127 255 511 1023 2047 4095 8191 16383 32767 65535] counts=[0 0 0 0 0 0 0 2 1 1 0 0 0 0 0 0 0 0]\n")
}

func TestSumOfAnotherMap(t *testing.T) {
	m, sm := mapOf(t, "BEGIN { @h[comm] = hist(5); }", row(buckets(b(4, 7, 2)), parser.Text("a")), row(buckets(b(4, 7, 2)), parser.Text("b")))
	total := &collector.Map{Name: "@t", Kind: "sum", Keys: []string{"comm"}, Rows: []collector.Row{row(parser.Int(11), parser.Text("a"))}}
	mm := newMM(m, sm, &Metric{Sum: "@t"}, 10)
	mm.update(m, total, at(0), at(5), true)
	got := dump(mm.metrics())
	if !strings.Contains(got, "comm=a,tracecar.probe=p} start=0 count=2 sum=11 ") || !strings.Contains(got, "comm=b,tracecar.probe=p} start=0 count=2 sum=NaN ") {
		t.Error(got)
	}
}

func TestStartTimes(t *testing.T) {
	m, sm := mapOf(t, "BEGIN { @c[comm] = count(); }", row(parser.Int(3), parser.Text("a")), row(parser.Int(5), parser.Text("b")))
	mm := newMM(m, sm, nil, 10)
	want := func(when string, lines ...string) {
		t.Helper()
		got := dump(mm.metrics())
		for _, l := range lines {
			if !strings.Contains(got, l+"\n") {
				t.Errorf("%s: no %q in\n%s", when, l, got)
			}
		}
	}
	mm.update(m, nil, at(0), at(5), true)
	want("at first", "  {comm=a,tracecar.probe=p} start=0 time=5 3", "  {comm=b,tracecar.probe=p} start=0 time=5 5")
	m.Rows = []collector.Row{row(parser.Int(2), parser.Text("a")), row(parser.Int(6), parser.Text("b")), row(parser.Int(9), parser.Text("new"))}
	mm.update(m, nil, at(0), at(10), true)
	want("a fell", "  {comm=a,tracecar.probe=p} start=5 time=10 2", "  {comm=b,tracecar.probe=p} start=0 time=10 6", "  {comm=new,tracecar.probe=p} start=0 time=10 9")
	m.Rows = m.Rows[:1]
	mm.update(m, nil, at(0), at(15), true)
	want("b went", "  {comm=a,tracecar.probe=p} start=5 time=15 2")
	m.Rows = append(m.Rows, row(parser.Int(7), parser.Text("b")))
	mm.update(m, nil, at(0), at(20), true)
	want("b is back with more than before", "  {comm=b,tracecar.probe=p} start=15 time=20 7")
}

func TestSeriesLimit(t *testing.T) {
	m, sm := mapOf(t, "BEGIN { @c[pid] = count(); }")
	set := func(n int, plus int64) (total int64) {
		m.Rows = nil
		for i := range n {
			m.Rows = append(m.Rows, row(parser.Int(int64(i)+plus), parser.Int(int64(i))))
			total += int64(i) + plus
		}
		return total
	}
	mm := newMM(m, sm, nil, 10)
	for look, n := range []int{5, 100, 150, 150} {
		total := set(n, int64(look))
		mm.update(m, nil, at(0), at(look+1), true)
		data := mm.metrics()[0].Data.(metricdata.Sum[int64])
		var sum int64
		overflow := false
		for _, p := range data.DataPoints {
			sum += p.Value
			if seconds(p.StartTime) != 0 {
				t.Errorf("look %d: %s starts at %d", look, labelsOf(p.Attributes), seconds(p.StartTime))
			}
			if v, ok := p.Attributes.Value(attrOverflow); ok && v.AsBool() {
				overflow = true
			}
		}
		if sum != total {
			t.Errorf("look %d: the points add up to %d, the rows to %d", look, sum, total)
		}
		if overflow != (n > 10) || len(data.DataPoints) > 11 || n > 10 && mm.folded != uint64(n-10) {
			t.Errorf("look %d: overflow %v, %d points, %d folded", look, overflow, len(data.DataPoints), mm.folded)
		}
	}
	// Rows that a limit of the Result left out: the overflow would be a lie.
	set(150, 10)
	mm.update(m, nil, at(0), at(9), false)
	if strings.Contains(dump(mm.metrics()), attrOverflow) || mm.lost == 0 {
		t.Error("an overflow of a state that is not whole")
	}
}

func TestKeysThatLookAlike(t *testing.T) {
	m, sm := mapOf(t, "BEGIN { @c[str(arg0), str(arg0)] = count(); }",
		row(parser.Int(1), parser.Text("caf\xe9"), parser.Int(math.MaxInt64)),
		row(parser.Int(2), parser.Text("caf\xe8"), parser.Bool(true)),
		collector.Row{Key: []parser.Value{parser.Text("a,b,c")}, Ambiguous: true, Value: parser.Int(4)},
		collector.Row{Key: []parser.Value{parser.Text("a,b,c")}, Ambiguous: true, Value: parser.Int(8)})
	m.Keys = []string{"le", "le"}
	mm := newMM(m, sm, nil, 10)
	mm.update(m, nil, at(0), at(5), true)
	wantDump(t, mm.metrics(), "p.c unit=\"\" sum monotonic=true CumulativeTemporality\n"+
		"  {bpftrace.key=a\\,b\\,c,tracecar.ambiguous=true,tracecar.probe=p} start=0 time=5 12\n"+
		"  {key_le=caf\ufffd,key_le.base64=Y2Fm6A\\=\\=,key_le_2=true,tracecar.probe=p} start=0 time=5 2\n"+
		"  {key_le=caf\ufffd,key_le.base64=Y2Fm6Q\\=\\=,key_le_2=9223372036854775807,tracecar.probe=p} start=0 time=5 1\n")
}

func TestClosedIntervals(t *testing.T) {
	m, sm := mapOf(t, `BEGIN { @t = tseries(1, 1s, 20); }`)
	mm := newMM(m, sm, nil, 10)
	points := func(n int) {
		var ps []parser.Point
		for i := range n {
			ps = append(ps, parser.Point{UnixNano: at(i).UnixNano(), Value: parser.Int(int64(i))})
		}
		m.Rows = []collector.Row{row(parser.PointsOf(ps))}
	}
	points(3)
	mm.update(m, nil, at(0), at(2), true)
	wantDump(t, mm.metrics(), "p.t unit=\"\" gauge\n  {tracecar.probe=p} start=-1 time=0 0\n  {tracecar.probe=p} start=-1 time=1 1\n")
	mm.update(m, nil, at(0), at(2), true)
	if len(mm.points) != 2 {
		t.Error("points that were not acknowledged are not sent again")
	}
	mm.taken()()
	if got := mm.metrics(); got != nil { // a look is exported again where no newer one came
		t.Errorf("points that were received are sent again: %v", got)
	}
	mm.update(m, nil, at(0), at(2), true)
	if got := mm.metrics(); got != nil || mm.taken() != nil {
		t.Errorf("points that were received are sent again: %v", got)
	}
	if got := dump(mm.shown()); !strings.HasSuffix(got, "time=1 1\n") {
		t.Errorf("the newest closed interval has gone from /metrics: %q", got)
	}
	points(4)
	mm.update(m, nil, at(0), at(4), true)
	wantDump(t, mm.metrics(), "p.t unit=\"\" gauge\n  {tracecar.probe=p} start=-1 time=2 2\n  {tracecar.probe=p} start=-1 time=3 3\n")
}

// A run that begins in the interval in which the one before it ended has part
// of it too: that is not sent, and counted. What has gone makes room.
func TestIntervalsOverARestart(t *testing.T) {
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, nil)
	s := collector.Script{Source: `BEGIN { @t = tseries(1, 1s, 20); }`, Probe: "p"}
	begin := time.Now().Add(-time.Minute).Truncate(time.Second)
	state := func(from, to int) collector.Map {
		var ps []parser.Point
		for i := from; i <= to; i++ {
			ps = append(ps, parser.Point{UnixNano: begin.Add(time.Duration(i) * time.Second).UnixNano(), Value: parser.Int(int64(i))})
		}
		return collector.Map{Name: "@t", Kind: "tseries", Rows: []collector.Row{row(parser.PointsOf(ps))}}
	}
	ended(e, s, state(0, 2))
	ended(e, s, state(2, 4))
	flush(t, e)
	if got, want := rec.points("p.t"), []string{"gauge{tracecar.probe=p} 0", "gauge{tracecar.probe=p} 1", "gauge{tracecar.probe=p} 2", "gauge{tracecar.probe=p} 3", "gauge{tracecar.probe=p} 4"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if times := rec.times("p.t"); !slices.IsSorted(times) || len(slices.Compact(times)) != 5 {
		t.Errorf("%d", times)
	}
	if got := rec.points("tracecar.rows.lost"); !slices.Equal(got, []string{"counter{tracecar.probe=p} 1"}) {
		t.Errorf("%q", got)
	}

	m, sm := mapOf(t, `BEGIN { @t[1] = tseries(1, 1s, 20); }`)
	mm := newMM(m, sm, nil, 2)
	for look, want := range []uint64{0, 1, 1, 0} {
		m.Rows = nil
		keys := []int64{1, 2}
		switch look {
		case 1:
			keys = []int64{1, 2, 3}
		case 2, 3: // 2 has gone
			keys = []int64{1, 3}
		}
		for _, k := range keys {
			m.Rows = append(m.Rows, row(parser.PointsOf([]parser.Point{{UnixNano: at(0).UnixNano(), Value: parser.Int(1)}}), parser.Int(k)))
		}
		mm.update(m, nil, at(0), at(5), true)
		if mm.lost != want {
			t.Errorf("look %d: %d lost, want %d", look, mm.lost, want)
		}
	}
}

func TestLeftOut(t *testing.T) {
	for source, want := range map[string]string{
		"BEGIN { @[kstack] = count(); }":                        leftStack,
		"BEGIN { @s[tid] = nsecs; delete(@s[tid]); }":           leftScratch,
		"BEGIN { @s[tid] = count(); } END { clear(@s); }":       "",
		"BEGIN { @s[tid] = nsecs; }":                            "",
		"BEGIN { @s[tid] = nsecs; } END { clear(@s); exit(); }": leftScratch,
	} {
		parsed := script.Parse(source)
		sm := &parsed.Maps[0]
		m := &collector.Map{Name: sm.Name, Kind: string(sm.Kind)}
		mm := newMapMetric("p", base, m, sm, isScratch(parsed, sm.Name), nil, 10)
		if mm.leftOut != want {
			t.Errorf("%s: left out for %q, want %q", source, mm.leftOut, want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ probe, m, want string }{
		{"syscalls", "@calls", "syscalls.calls"}, {"block-io", "@usecs", "block_io.usecs"},
		{"", "@calls", "bpftrace.calls"}, {"", "@", "bpftrace.map"}, {"syscalls", "@", "syscalls"}, {"9p", "@x", "probe_9p.x"},
	} {
		if got := metricName(tt.probe, tt.m); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.probe, tt.m, got, tt.want)
		}
	}
}
