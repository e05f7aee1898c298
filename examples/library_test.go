package examples

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestListIsSortedAndComplete(t *testing.T) {
	list := List()
	if len(list) < 36 {
		t.Fatalf("%d scripts, want at least 36", len(list))
	}
	if !slices.IsSortedFunc(list, func(a, b Script) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted by name")
	}
	for _, s := range list {
		got, ok := Get(s.Name, "0.27.1")
		if !ok || got.Name != s.Name {
			t.Errorf("Get(%q) = %q, %v", s.Name, got.Name, ok)
		}
	}
	if _, ok := Get("no-such-script", ""); ok {
		t.Error("Get found a script that is not there")
	}
}

// header is a whole header, to be changed in one place by the tests.
const header = `// Title: A title
// Question: Which?
// Read: One
//   and two.
// Params:
//   $1 pid=0: only this one
//   $2 binary: path (example: /bin/sh)
// Maps:
//   @m[comm, dev:majorminor]: hist, us, a.metric: what it holds
// Scratch: @start, @other
// Events: printf: a line: pid, comm; join: words
// Requires: tracepoints, bpftrace >= 0.23
// Cost: low: a few
// Mode: window 10s
// Tags: a, b

BEGIN { }
`

func TestParseHeader(t *testing.T) {
	s, err := parseHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	if s.Description != "One and two." || s.Source != header {
		t.Errorf("description %q", s.Description)
	}
	if want := (Param{Position: 2, Name: "binary", Required: true, Example: "/bin/sh", Description: "path"}); len(s.Params) != 2 || s.Params[1] != want {
		t.Errorf("params %+v", s.Params)
	}
	m := s.Maps[0]
	if m.Name != "@m" || m.Kind != "hist" || m.Unit != "us" || m.Metric != "a.metric" || m.Description != "what it holds" ||
		!slices.Equal(m.Keys, []KeyDoc{{Name: "comm"}, {Name: "dev", Decode: "majorminor"}}) {
		t.Errorf("map %+v", m)
	}
	if !slices.Equal(s.Events, []Event{{"printf", "a line: pid, comm"}, {"join", "words"}}) {
		t.Errorf("events %+v", s.Events)
	}
	if s.Mode != (Mode{"window", 10 * time.Second}) || s.Cost != (Cost{"low", "a few"}) {
		t.Errorf("mode %+v, cost %+v", s.Mode, s.Cost)
	}
	if !slices.Equal(s.Scratch, []string{"@start", "@other"}) || !slices.Equal(s.Tags, []string{"a", "b"}) {
		t.Errorf("scratch %q, tags %q", s.Scratch, s.Tags)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"// Title: A title\n", "", "no Title"},
		{"// Title: A title\n", "// Title:\n", "Title: empty"},
		{"// Tags: a, b", "// Tags: a,, b", "Tags: an empty item"},
		{"// Tags: a, b", "// Tags: a\n// Tags: b", "Tags is there twice"},
		{"// Tags: a, b", "// Labels: a, b", "no such field"},
		{"// Cost: low: a few", "// Cost: cheap", "not low, medium or high"},
		{"window 10s", "window 10", "not continuous, once or window"},
		{"window 10s", "window -1s", "not continuous, once or window"},
		{"$2 binary: path (example: /bin/sh)", "$2 binary: path", "neither a default nor an example"},
		{"$1 pid=0", "$2 pid=0", "$2 stands in place 1"},
		{"hist, us, a.metric", "hist, a.metric", "not @NAME[KEYS]"},
		{"dev:majorminor", "dev dev", "not NAME or NAME:DECODER"},
		{"// Events: printf: a", "// Events: a", "is not TYPE: TEXT"},
		{"// Title", "//   Title", "belongs to no field"},
		{"// Title: ", "// ", "neither a field"},
	} {
		text := strings.Replace(header, c.old, c.new, 1)
		if text == header {
			t.Fatalf("%q is not in the header", c.old)
		}
		if c.new == "// Events: a" {
			text = strings.Replace(text, ": pid", " pid", 1)
		}
		if _, err := parseHeader(text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: error %v, want %q", c.new, c.old, err, c.want)
		}
	}
}

func TestVariants(t *testing.T) {
	text := func(title string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(strings.Replace(header, "A title", title, 1))}
	}
	scripts, err := load(fstest.MapFS{
		"library/a.bt": text("base"), "library/a@0.9.bt": text("nine"), "library/a@0.22.bt": text("twenty-two"),
		"library/a-b.bt": text("other"),
	}, "library")
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{
		"": "base", "what": "base", "0.8.3": "base", "0.9": "nine", "0.21.99": "nine", "0.22.0": "twenty-two",
		"v0.27.1-rc1": "twenty-two", "bpftrace v1.0.0": "twenty-two",
	} {
		if s, ok := get(scripts, "a", version); !ok || s.Title != want {
			t.Errorf("version %q: %q, want %q", version, s.Title, want)
		}
	}
	base, _ := get(scripts, "a", "")
	if !slices.Equal(base.Variants, []string{"0.9", "0.22"}) {
		t.Errorf("variants %q", base.Variants)
	}
	for _, bad := range []fstest.MapFS{
		{"library/a@0.22.bt": text("of nothing")},
		{"library/a.bt": text("base"), "library/a@new.bt": text("no version")},
		{"library/a.bt": text("base"), "library/a@.bt": text("no version")},
		{"library/a.bt": {Data: []byte("BEGIN { }")}},
	} {
		if _, err := load(bad, "library"); err == nil {
			t.Errorf("no error for %v", bad)
		}
	}
}

func TestArgs(t *testing.T) {
	s := Script{Name: "s", Params: []Param{{Position: 1, Name: "binary", Required: true, Description: "path"}, {Position: 2, Name: "pid", Default: "0"}}}
	if got, err := s.Args([]string{"/bin/sh"}); err != nil || !slices.Equal(got, []string{"/bin/sh", "0"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := s.Args([]string{"/bin/sh", "7"}); err != nil || !slices.Equal(got, []string{"/bin/sh", "7"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := s.Args(nil); err == nil || err.Error() != "s needs $1, binary: path" {
		t.Errorf("missing: %v", err)
	}
	if _, err := s.Args([]string{"1", "2", "3"}); err == nil || err.Error() != "s takes 2 parameters, not 3" {
		t.Errorf("too many: %v", err)
	}
}

func TestRunsOn(t *testing.T) {
	s := Script{Requires: []string{"iter", "bpftrace >= 0.23"}}
	for version, want := range map[string]bool{"0.17.0": false, "0.23.2": true, "1.0": true, "": true, "?": true} {
		if got := s.RunsOn(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
	if !(Script{}).RunsOn("0.9") {
		t.Error("a script without a minimum does not run")
	}
}
