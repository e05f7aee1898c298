package stacks_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"tracecar/collector"
	"tracecar/collector/stacks"
	"tracecar/parser"
	"tracecar/parser/script"
)

func TestChoose(t *testing.T) {
	for _, c := range []struct{ source, name, want, err string }{
		{"profile:hz:99 { @[kstack] = count(); }", "", "@", ""},
		{"profile:hz:99 { $s = ustack; @a[$s, pid] = sum(1); @b[comm] = count(); }", "", "@a", ""},
		{"profile:hz:99 { @a[kstack]++; }", "", "@a", ""},
		{"profile:hz:99 { @a[kstack] += 2; ++@a[kstack]; }", "@a", "@a", ""},
		{"profile:hz:99 { @a[comm] = count(); }", "", "", "no map that counts or sums by a stack"},
		{"profile:hz:99 { @a[kstack] = count(); @b[ustack] = count(); }", "", "", "choose one: @a, @b"},
		{"profile:hz:99 { @a[kstack] = count(); @b[ustack] = count(); }", "@b", "@b", ""},
		{"profile:hz:99 { @a[kstack] = count(); }", "@z", "", "no map @z; by stacks it has @a"},
		{"profile:hz:99 { @a[comm] = count(); }", "@z", "", "no map @z, and none"},
		{"profile:hz:99 { @a[comm] = count(); }", "@a", "", "holds no kstack or ustack"},
		{"profile:hz:99 { @a[kstack] = hist(1); }", "@a", "", "@a is of kind hist"},
		{"profile:hz:99 { @a[kstack] = nsecs; }", "@a", "", "@a is of kind value"},
		{"profile:hz:99 { @a[kstack]++; @a[kstack] = 0; }", "@a", "", "@a is of kind value"},
		{"profile:hz:99 { @a[kstack] -= 1; }", "@a", "", "@a is of kind value"},
	} {
		got, err := stacks.Choose(script.Parse(c.source), c.name)
		if c.err == "" && (err != nil || got != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s %s: %q, %v", c.source, c.name, got, err)
		}
	}
}

// of makes a profile of @ in a script, with a key and a value per row.
func of(t *testing.T, source string, args []string, keys []string, rows ...collector.Row) *stacks.Profile {
	t.Helper()
	p, err := stacks.Of(&collector.Map{Name: "@", Keys: keys, Rows: rows}, script.Parse(source), args, "0.27.1")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func row(n int64, key ...parser.Value) collector.Row {
	return collector.Row{Key: key, Value: parser.Int(n)}
}

func fr(f ...string) parser.Value { return parser.Frames(f) }

func folded(t *testing.T, p *stacks.Profile, offsets bool) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteFolded(&b, offsets); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFolded(t *testing.T) {
	p := of(t, "profile:hz:99 { @[kstack, ustack, comm] = count(); }", nil, []string{"kstack", "ustack", "comm"},
		row(1, fr(), fr(), parser.Text("swapper/0")),
		row(2, fr("read+3", "sys+1"), fr("0x7f83d35942ad", "main+9"), parser.Text("a;b\n\x1b[31m\xff")),
		row(3, fr("read+4", "sys+1"), fr("0x7f83d35942ad", "main+9"), parser.Text("a;b\n\x1b[31m\xff")))
	want := `a:b\n\x1b[31m\xff;main+9;0x7f83d35942ad;sys+1;read+4 3
a:b\n\x1b[31m\xff;main+9;0x7f83d35942ad;sys+1;read+3 2
swapper/0;[empty stack] 1
`
	if got := folded(t, p, true); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = `a:b\n\x1b[31m\xff;main;0x7f83d35942ad;sys;read 5
swapper/0;[empty stack] 1
`
	if got := folded(t, p, false); got != want {
		t.Errorf("without offsets: got\n%s\nwant\n%s", got, want)
	}
}

// Before 0.24 bpftrace prints a stack that it lost as it prints an empty one.
func TestEmptyStackMayBeLost(t *testing.T) {
	s := script.Parse("profile:hz:99 { @[kstack] = count(); }")
	m := &collector.Map{Name: "@", Keys: []string{"kstack"}, Rows: []collector.Row{row(1, fr())}}
	for version, want := range map[string]string{
		"0.27.1": "[empty stack] 1\n", "0.24.0": "[empty stack] 1\n", "0.23.2": "[empty or lost stack] 1\n",
		"0.17.0": "[empty or lost stack] 1\n", "": "[empty or lost stack] 1\n",
	} {
		p, err := stacks.Of(m, s, nil, version)
		if err != nil {
			t.Fatal(err)
		}
		if got := folded(t, p, true); got != want {
			t.Errorf("%q: %q", version, got)
		}
	}
}

func TestAmbiguousKeysAreShownAndMarked(t *testing.T) {
	amb := func(text string) collector.Row {
		return collector.Row{Key: []parser.Value{parser.Text(text)}, Ambiguous: true, Value: parser.Int(1)}
	}
	p := of(t, "profile:hz:99 { @[ustack, comm] = count(); }", nil, []string{"ustack", "comm"},
		amb("\nf(int,char)+3\nmain+1\n,a.out"), amb("what is this"))
	if got := folded(t, p, true); got != "[ambiguous key];what is this 1\na.out;main+1;f(int,char)+3 1\n" || p.Ambiguous != 2 {
		t.Errorf("%d ambiguous\n%s", p.Ambiguous, got)
	}
	for _, s := range pprof(t, p).Sample {
		if s.Label["key"] == nil {
			t.Error("an ambiguous sample without its mark")
		}
	}
}

func pprof(t *testing.T, p *stacks.Profile) *profile.Profile {
	t.Helper()
	var b bytes.Buffer
	if err := p.WritePprof(&b); err != nil {
		t.Fatal(err)
	}
	out, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPprofKeepsFrames(t *testing.T) {
	p := of(t, "profile:hz:99 { @[ustack(perf), kstack(raw), pid, comm] = sum(args.bytes); }", nil, []string{"ustack", "kstack", "pid", "comm"},
		row(7, fr("7fde14212350 __GI___write+16 (/usr/lib/libc.so.6)", "55d0 0x55d0 ([unknown])"), fr("ffffffff81415a10"), parser.Int(42), parser.Text("dd")))
	p.Start, p.LeftOut = time.Unix(1, 2), 5
	got := pprof(t, p)
	s := got.Sample[0]
	if len(got.SampleType) != 1 || got.SampleType[0].Type != "bytes" || s.Value[0] != 7 || got.TimeNanos != 1e9+2 {
		t.Errorf("%v", got)
	}
	if s.NumLabel["pid"][0] != 42 || s.Label["comm"][0] != "dd" || !strings.Contains(strings.Join(got.Comments, "\n"), "5 samples were left out") {
		t.Errorf("%v %v %v", s.NumLabel, s.Label, got.Comments)
	}
	k, u, x := s.Location[0], s.Location[1], s.Location[2]
	if k.Address != 0xffffffff81415a10 || k.Line[0].Function.Name != "ffffffff81415a10" || k.Line[0].Function.Filename != "[kernel]" {
		t.Errorf("kernel frame %+v", k)
	}
	if f := u.Line[0].Function; u.Address != 0x7fde14212350 || f.Name != "__GI___write" || f.SystemName != "7fde14212350 __GI___write+16 (/usr/lib/libc.so.6)" || u.Mapping.File != "/usr/lib/libc.so.6" {
		t.Errorf("user frame %+v %+v", u, f)
	}
	if x.Line[0].Function.Name != "0x55d0" || x.Address != 0x55d0 || x.Mapping != nil {
		t.Errorf("unknown frame %+v", x)
	}
}

func TestPeriodOnlyWhereTheScriptTellsIt(t *testing.T) {
	const tick = 10101010
	for source, want := range map[string]time.Duration{
		"profile:hz:99 { @[kstack] = count(); }":                                             tick,
		"profile:hz:99 /pid == 1/ { if (cpu == 0) { @[kstack] = count(); } }":                tick,
		"profile:hz:$1 { @[kstack] = count(); }":                                             tick,
		"profile:ms:7 { @[kstack] = count(); }":                                              7 * time.Millisecond,
		"profile:us:500 { @[kstack] = count(); }":                                            500 * time.Microsecond,
		"profile:s:1 { @[kstack] = count(); }":                                               time.Second,
		"software:cpu-clock:1000000 { @[kstack] = count(); }":                                time.Millisecond,
		"profile:us:5 { @[kstack] = count(); }":                                              0, // the kernel takes 10 us
		"profile:hz:$2 { @[kstack] = count(); }":                                             0,
		"profile:hz:99 { @[kstack] = sum(1); }":                                              0,
		"profile:hz:99 { @[kstack]++; }":                                                     0,
		"profile:hz:99 { @[kstack] = count(); @[kstack] = count(); }":                        0,
		"profile:hz:99 { unroll (3) { @[kstack] = count(); } }":                              0,
		"profile:hz:99 { $i = 0; while ($i < 3) { @[kstack] = count(); $i++ } }":             0,
		"profile:hz:99, profile:hz:49 { @[kstack] = count(); }":                              0,
		"profile:hz:99 { @[kstack] = count(); } profile:hz:49 { @[kstack] = count(); }":      0,
		"interval:ms:10 { @[kstack] = count(); }":                                            0,
		"tracepoint:sched:sched_switch { @[kstack] = count(); }":                             0,
		"software:page-faults:100 { @[kstack] = count(); }":                                  0,
		"hardware:cycles:1000000 { @[kstack] = count(); }":                                   0,
		"macro c() { @[kstack] = count(); } profile:hz:99 { c(); }":                          0,
		"profile:s:9223372036854775807 { @[kstack] = count(); }":                             0,
		"#define X 1\nprofile:hz:99 { @[kstack] = count(); }":                                0,
		"profile:hz:99 { @[kstack] = count(); } profile:hz:9 { @x = count(); printf(\"\") }": tick,
	} {
		s := script.Parse(source)
		p, err := stacks.Of(&collector.Map{Name: "@", Keys: []string{"kstack"}}, s, []string{"99"}, "0.27.1")
		if err != nil {
			t.Errorf("%s: %v", source, err)
		} else if p.Period != want {
			t.Errorf("%s: %v, want %v", source, p.Period, want)
		}
	}
}

func TestValuesThatNoProfileHolds(t *testing.T) {
	s := script.Parse("profile:hz:99 { @[kstack] = sum(arg0); }")
	of := func(values ...parser.Value) (*stacks.Profile, error) {
		m := &collector.Map{Name: "@", Keys: []string{"kstack"}}
		for _, v := range values {
			m.Rows = append(m.Rows, collector.Row{Key: []parser.Value{fr("f+1")}, Value: v})
		}
		return stacks.Of(m, s, nil, "0.27.1")
	}
	if _, err := of(parser.Uint(math.MaxUint64)); err == nil {
		t.Error("a value past 63 bits was taken")
	}
	if _, err := of(parser.Text("x")); err == nil {
		t.Error("text was taken for a value")
	}
	if _, err := of(parser.Int(math.MaxInt64), parser.Int(1)); err == nil {
		t.Error("a sum past 63 bits was taken")
	}
	p, err := of(parser.Int(-5), parser.Int(3))
	if err != nil || p.Total != -2 || folded(t, p, true) != "f+1 -2\n" {
		t.Errorf("%v %v", p, err)
	}
	if err := p.WriteFlameGraph(io.Discard); !errors.Is(err, stacks.ErrNegative) {
		t.Errorf("a flame graph of negative values: %v", err)
	}
}

// box is one frame of the picture.
type box struct{ x, y, width float64 }

// boxes reads the picture as a browser would, and fails where it cannot.
func boxes(t *testing.T, svg string) map[string]box {
	t.Helper()
	var doc struct {
		G []struct {
			Title string `xml:"title"`
			Rect  struct {
				X     string `xml:"x,attr"`
				Y     string `xml:"y,attr"`
				Width string `xml:"width,attr"`
			} `xml:"rect"`
		} `xml:"g"`
		Script []struct{} `xml:"script"`
	}
	if err := xml.Unmarshal([]byte(svg), &doc); err != nil {
		t.Fatalf("%v\n%s", err, svg)
	}
	if len(doc.Script) > 0 {
		t.Error("a script in the picture")
	}
	num := func(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f }
	out := map[string]box{}
	for _, g := range doc.G {
		out[g.Title] = box{num(g.Rect.X), num(g.Rect.Y), num(g.Rect.Width)}
	}
	return out
}

func TestFlameGraphGeometry(t *testing.T) {
	p := of(t, "profile:hz:99 { @[kstack, comm] = count(); }", nil, []string{"kstack", "comm"},
		row(1, fr("b+1", "root+1"), parser.Text("x")),
		row(2, fr("a+1", "root+1"), parser.Text("x")),
		row(1, fr("a+2", "root+7"), parser.Text("x")))
	var b strings.Builder
	if err := p.WriteFlameGraph(&b); err != nil {
		t.Fatal(err)
	}
	got := boxes(t, b.String())
	all, x, root, a, bb := got["all (4 samples, 100.00%)"], got["x (4 samples, 100.00%)"], got["root (4 samples, 100.00%)"], got["a (3 samples, 75.00%)"], got["b (1 samples, 25.00%)"]
	if len(got) != 5 || all.width != 1180 || x.width != 1180 || root.width != 1180 {
		t.Fatalf("%v", got)
	}
	if !(all.y > x.y && x.y > root.y && root.y > a.y && a.y == bb.y && a.y > 40) {
		t.Errorf("rows: %v", got)
	}
	if a.x != 10 || a.width != 885 || bb.x != 895 || bb.width != 295 {
		t.Errorf("columns: %v", got)
	}
}

// Names are chosen by whoever is traced: they may not get out of their text.
func TestFlameGraphEscapes(t *testing.T) {
	evil := `</title><script>alert("1")</script>&amp;` + "\x00\x1b\u202e\xff]]>"
	p := of(t, "profile:hz:99 { @[ustack, comm] = count(); }", nil, []string{"ustack", "comm"},
		row(1, fr(evil), parser.Text(evil)))
	p.Map = evil
	var b strings.Builder
	if err := p.WriteFlameGraph(&b); err != nil {
		t.Fatal(err)
	}
	shown := `</title><script>alert("1")</script>&amp:\x00\x1b\u202e\xff]]>`
	if _, ok := boxes(t, b.String())[shown+" (1 samples, 100.00%)"]; !ok || strings.Contains(b.String(), "<script") {
		t.Errorf("%s", b.String())
	}
}

func TestEmptyProfile(t *testing.T) {
	p := of(t, "profile:hz:99 { @[kstack] = count(); }", nil, nil)
	var b strings.Builder
	if err := p.WriteFlameGraph(&b); err != nil || len(boxes(t, b.String())) != 0 || folded(t, p, true) != "" || len(pprof(t, p).Sample) != 0 {
		t.Errorf("%v %s", err, b.String())
	}
}
