package audit_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tracecar/collector/audit"
)

func TestFilter(t *testing.T) {
	l, file := open(t, audit.Options{})
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for i, e := range []audit.Entry{
		{Event: audit.EventDecision, Outcome: audit.Refused, Run: "a", Who: audit.Who{Token: "ci"}, Broken: []audit.Broken{{Rule: "function"}, {Rule: "rate"}}},
		{Event: audit.EventDecision, Outcome: audit.Allowed, Run: "b", Who: audit.Who{Client: "agent", Session: "s1"}, Script: audit.Script{Source: "x"}},
		{Event: audit.EventRun, Outcome: "completed", Run: "b", Who: audit.Who{Role: "caller", Remote: "10.0.0.1"}},
		{Event: audit.EventAuth, Outcome: audit.Refused, Run: "", Who: audit.Who{Remote: "10.0.0.2"}},
	} {
		e.Time = at.Add(time.Duration(i) * time.Hour)
		if err := l.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		f    audit.Filter
		want []string
	}{
		"all":        {audit.Filter{}, []string{"a", "b", "b", ""}},
		"since":      {audit.Filter{Since: at.Add(time.Hour)}, []string{"b", "b", ""}},
		"until":      {audit.Filter{Until: at.Add(time.Hour)}, []string{"a"}},
		"token":      {audit.Filter{Who: "ci"}, []string{"a"}},
		"client":     {audit.Filter{Who: "agent"}, []string{"b"}},
		"session":    {audit.Filter{Who: "s1"}, []string{"b"}},
		"its hash":   {audit.Filter{Who: audit.SessionHash("s1")}, []string{"b"}},
		"role":       {audit.Filter{Who: "caller"}, []string{"b"}},
		"remote":     {audit.Filter{Who: "10.0.0.2"}, []string{""}},
		"nobody":     {audit.Filter{Who: "none"}, nil},
		"event":      {audit.Filter{Event: audit.EventRun}, []string{"b"}},
		"outcome":    {audit.Filter{Outcome: audit.Refused}, []string{"a", ""}},
		"rule":       {audit.Filter{Rule: "rate"}, []string{"a"}},
		"run":        {audit.Filter{Run: "b"}, []string{"b", "b"}},
		"hash":       {audit.Filter{SHA256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}, []string{"b"}},
		"last":       {audit.Filter{Last: 2}, []string{"b", ""}},
		"last of it": {audit.Filter{Last: 1, Outcome: audit.Refused, Event: audit.EventDecision}, []string{"a"}},
		"last 9":     {audit.Filter{Last: 9}, []string{"a", "b", "b", ""}},
	} {
		list, bad := read(t, file, c.f)
		if diff := cmp.Diff(c.want, runs(list)); diff != "" || bad != 0 {
			t.Errorf("%s: %d bad: %s", name, bad, diff)
		}
	}
	stop := errors.New("enough")
	if _, err := audit.Read(file, audit.Filter{}, func(audit.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

func TestReadMissing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none")
	if _, err := audit.Read(file, audit.Filter{}, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), file) {
		t.Errorf("%v", err)
	}
}

// FuzzRead gives the reader any file: every line is an entry, or counted.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","event":"run","outcome":"x"}` + "\n"))
	f.Add([]byte("{}\n\n[]\nnull\n{\"time\":1}\n"))
	f.Add([]byte("\x00\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		list, bad := read(t, file, audit.Filter{})
		want := 0
		for line := range strings.SplitSeq(string(text), "\n") {
			if len(strings.TrimSpace(line)) > 0 {
				want++
			}
		}
		if len(list)+bad != want {
			t.Errorf("%d entries and %d bad of %d lines", len(list), bad, want)
		}
	})
}

// TestLong has lines longer than any entry: passed over, in bounded memory.
func TestLong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	good := `{"time":"2026-01-02T03:04:05Z","event":"run","outcome":"x","run":"good"}` + "\n"
	if err := os.WriteFile(file, []byte(good+strings.Repeat("x", 8<<20)+"\n"+good+strings.Repeat("y", 2<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	list, bad := read(t, file, audit.Filter{})
	if len(list) != 2 || bad != 2 {
		t.Errorf("%d entries, %d bad", len(list), bad)
	}
}

func TestSeeds(t *testing.T) {
	if files, err := filepath.Glob("testdata/fuzz/FuzzRead/*"); err != nil || len(files) == 0 {
		t.Errorf("no seeds: %v", err)
	}
}
