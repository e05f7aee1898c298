package config_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tracecar/config"
)

func TestLoadIssueExample(t *testing.T) {
	c := load(t, "testdata/good/issue.yaml", nil, nil)
	want := config.DefaultProbe()
	want.Name = "slow-opens"
	want.Every, want.Duration = 5*time.Minute, 10*time.Second
	want.File = c.Probes[2].File
	want.Spans = []config.Span{{
		Printf: config.Output{Index: 1}, Name: "open {{.path}}", Start: "nsecs", Duration: "lat_us",
		Kind: "internal", TimeUnit: "ns", Timeout: time.Minute,
	}}
	script, err := os.ReadFile("testdata/good/scripts/opens.bt")
	if err != nil {
		t.Fatal(err)
	}
	want.Source = string(script)
	if diff := cmp.Diff(want, c.Probes[2]); diff != "" {
		t.Error(diff)
	}
	if got := c.Probes[1].Metrics["@usecs"]; got.Unit != "us" || got.Name != "block.io.duration" || len(got.Attributes) != 1 {
		t.Errorf("%+v", got)
	}
}

// The file with everything in it reads back as it is written: the golden
// shows the whole Config.
func TestLoadEverything(t *testing.T) {
	c := load(t, "testdata/good/everything.yaml", testEnv, nil)
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/good/everything.json", strings.ReplaceAll(string(text), wd+"/", "")+"\n")
}

func TestMerged(t *testing.T) {
	c := load(t, "testdata/good/merged.yaml", nil, nil)
	opens, latency := c.Probes[0], c.Probes[1]
	if opens.Every != time.Minute || opens.Duration != 10*time.Second || opens.Enabled {
		t.Errorf("own keys beat merged ones: %+v", opens)
	}
	if latency.Every != 5*time.Minute || latency.Source != "// the text goes on, colons: and all\nBEGIN { @ = 1; }\n" {
		t.Errorf("%+v", latency)
	}
}

func TestErrorsUnwrap(t *testing.T) {
	_, err := config.Load("nowhere.yaml", nil, nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "nowhere.yaml: cannot read ") {
		t.Errorf("%v", err)
	}
	_, err = config.Load(t.TempDir(), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	_, err := config.Load(write(t, "# "+strings.Repeat("x", 5<<20)), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "larger than 4MiB") {
		t.Errorf("%v", err)
	}
	path := write(t, "probes: [{name: a, file: big.bt}]")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "big.bt"), make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = config.Load(path, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("%v", err)
	}
}

// A few hundred bytes of aliases stand for billions of probes.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("x-a: &a [" + strings.Repeat("x,", 2000) + "x]\n")
	b.WriteString("x-p: &p {name: a, script: x, args: *a}\n")
	b.WriteString("probes: [" + strings.Repeat("*p,", 2000) + "*p]\n")
	_, err := config.Load(write(t, b.String()), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "stands for more than 200000 values") {
		t.Errorf("%.300v", err)
	}
	_, err = config.Load(write(t, "<<: &a [*a, *a]\n"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "too much is merged") {
		t.Errorf("%.300v", err)
	}
}

// Tokens are kept as hashes, and never shown.
func TestToken(t *testing.T) {
	c := load(t, "testdata/good/everything.yaml", testEnv, nil)
	const want = "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9" // sha256sum
	for _, token := range c.Auth.Tokens {
		if got := hex.EncodeToString(token.SHA256[:]); got != want {
			t.Errorf("%s: %s", token.Name, got)
		}
	}
}

func TestCron(t *testing.T) {
	c := load(t, "testdata/good/everything.yaml", testEnv, nil)
	p, _ := c.Probe("by-cron")
	s, err := p.Cron()
	if err != nil {
		t.Fatal(err)
	}
	friday := time.Date(2026, 7, 3, 12, 0, 0, 0, time.UTC)
	if got, want := s.Next(friday), time.Date(2026, 7, 6, 4, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNameParts(t *testing.T) {
	s := config.Span{Name: "a {{.path}}{{ 2 }} }} {{x.y}}"}
	got, err := s.NameParts()
	want := []config.NamePart{{Text: "a "}, {Field: "path"}, {Field: "2"}, {Text: " }} "}, {Field: "x.y"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestSize(t *testing.T) {
	for size, want := range map[config.Size]string{0: "0", 1: "1B", 1024: "1KiB", 1 << 20: "1MiB", 3 << 30: "3GiB", 1000: "1000B"} {
		if got := size.String(); got != want {
			t.Errorf("%d: %s, want %s", uint64(size), got, want)
		}
	}
}
