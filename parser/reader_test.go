package parser

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// A record comes as soon as its line has: nothing more is waited for.
func TestScanDoesNotWait(t *testing.T) {
	for _, line := range []string{
		`{"type": "printf", "data": "x"}` + "\n",
		"\n\nNo probes to attach\n",
		`{"type": "map", "data": {"@m": {"a": 1}}}` + "\n",
		`{"type": "value", "data": 2026` + "\n11}\n",
		`{"type": "value", "data": 2026` + "\n" + `{"type": "`,
	} {
		in, out := io.Pipe()
		r := NewReader(in, WithVersion("0.17.0"))
		scanned := make(chan bool, 1)
		go func() { scanned <- r.Scan() }()
		if _, err := io.WriteString(out, line); err != nil { // a Write returns when all of it is read
			t.Fatal(err)
		}
		if !<-scanned || r.Record().Line == 0 {
			t.Errorf("%q: no record", line)
		}
		out.Close()
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(strings.NewReader(`{"type": "cat", "data": "a"}`+"\n"+`{"type": "ca`), iotest.ErrReader(broken)))
	if !r.Scan() || r.Record().Text != "a" {
		t.Fatalf("%+v", r.Record())
	}
	if !r.Scan() || r.Record().Type != TypeMalformed || r.Record().Text != `{"type": "ca` {
		t.Fatalf("%+v", r.Record())
	}
	if r.Scan() || !errors.Is(r.Err(), broken) || r.Scan() {
		t.Fatalf("%+v, %v", r.Record(), r.Err())
	}
	r = NewReader(idle{})
	if r.Scan() || r.Err() != io.ErrNoProgress {
		t.Fatalf("%+v, %v", r.Record(), r.Err())
	}
	r = NewReader(strings.NewReader(""))
	if r.Scan() || r.Err() != nil {
		t.Fatalf("%+v, %v", r.Record(), r.Err())
	}
}

// idle is a reader that never gives anything.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// What a record holds is still there when the Reader has gone on.
func TestRecordsMayBeKept(t *testing.T) {
	lines := []string{
		`{"type": "printf", "data": "first\n"}`,
		`{"type": "map", "data": {"@m": {"a\n": "x", "b": [1, {"c": "d"}]}}}`,
		`{"type": "helper_error", "msg": "m", "helper": "h", "retcode": -2, "line": 2, "col": 12}`,
		`{"type": "hist", "data": {"@h": {"k": [{"min": 0, "max": 0, "count": 1}]}}}`,
		`nonsense`,
	}
	var want, got []string
	var kept []Record
	for i := range 200 {
		want = append(want, read(t, lines[i%len(lines)]+"\n"))
	}
	r := NewReader(iotest.OneByteReader(strings.NewReader(strings.Repeat(strings.Join(lines, "\n")+"\n", 200/len(lines)))))
	for r.Scan() {
		kept = append(kept, *r.Record())
	}
	for _, rec := range kept {
		rec.Line, rec.Offset = 1, 0
		got = append(got, string(dump(nil, &rec)))
	}
	if strings.Join(want, "") != strings.Join(got, "") {
		t.Error("a kept record has changed")
	}
}

func TestPrintfAllocates(t *testing.T) {
	const lines = 1000
	in := strings.Repeat(`{"type": "printf", "data": "dd 4242 padding padding\n"}`+"\n", lines)
	src := strings.NewReader(in)
	r := NewReader(src)
	allocs := testing.AllocsPerRun(5, func() {
		src.Reset(in)
		r.eof = false
		for r.Scan() {
		}
	})
	if allocs > lines+1 {
		t.Errorf("%.0f allocations for %d lines", allocs, lines)
	}
}

func TestDialectOf(t *testing.T) {
	for version, want := range map[string]dialect{
		"":                       {},
		"unknown":                {},
		"0":                      {},
		"v0.17.0":                {known: true, minor: 17, family: familyOld},
		"bpftrace v0.23.2\n":     {known: true, minor: 23, patch: 2, family: familyOld},
		"0.24":                   {known: true, minor: 24, family: familyNew},
		"0.27.1-2-g1234":         {known: true, minor: 27, patch: 1, family: familyNew},
		"0.25.0rc1":              {known: true, minor: 25, family: familyNew},
		"1.2.3":                  {known: true, minor: 1000, patch: 3, family: familyNew},
		"99999999999999999999.1": {},
	} {
		if got := dialectOf(version); got != want {
			t.Errorf("%q: %+v, want %+v", version, got, want)
		}
	}
}

func TestUnquote(t *testing.T) {
	for in, want := range map[string][2]string{
		`"a",["b"]`:             {"a", `,["b"]`},
		`"q\"x\n\uffffffe9\\w"`: {"q\"x\n\xe9\\w", ""},
		`""]`:                   {"", "]"},
	} {
		if text, rest, ok := Unquote(in); !ok || text != want[0] || rest != want[1] {
			t.Errorf("%s: %q, %q, %t", in, text, rest, ok)
		}
	}
	for _, in := range []string{"", "a", `"a`, `"\`, `"\q"`} {
		if text, rest, ok := Unquote(in); ok || text != "" || rest != in {
			t.Errorf("%s: %q, %q, %t", in, text, rest, ok)
		}
	}
}

// SkipText changes where the text of a printf is, and nothing else.
func TestSkipText(t *testing.T) {
	const stream = `{"type": "printf", "data": "plain\n"}
{"type": "printf", "data": ""}
{"type": "printf", "data": "\u0041 \"quoted\"\n"}
{"type": "printf", "data": "no end of line"}
{"type": "time", "data": "10:00\n"}
`
	whole, skipped := NewReader(strings.NewReader(stream)), NewReader(strings.NewReader(stream))
	skipped.SkipText(true)
	plain := 0
	for whole.Scan() {
		if !skipped.Scan() {
			t.Fatal("a record is missing")
		}
		w, s := *whole.Record(), *skipped.Record()
		if s.Bytes != nil {
			plain++
			s.Text, s.Bytes = string(s.Bytes), nil
		}
		if s.Text != w.Text || s.Type != w.Type || s.Line != w.Line || s.Offset != w.Offset || w.Bytes != nil {
			t.Errorf("%+v, want %+v", s, w)
		}
	}
	if skipped.Scan() || plain < 3 {
		t.Errorf("%d plain lines", plain)
	}
}
