package executor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s: -want +got\n%s", path, d)
	}
}

func (d Diagnostic) String() string {
	s := string(d.Severity)
	if d.Noise {
		s += " (noise)"
	}
	if d.Line > 0 {
		s += fmt.Sprintf(" %d:%d-%d:%d", d.Line, d.Column, d.EndLine, d.EndColumn)
	}
	if d.File != "" {
		s += " in " + d.File
	}
	s += fmt.Sprintf(": %q", d.Message)
	if d.Hint != "" {
		s += fmt.Sprintf("\n    hint %q", d.Hint)
	}
	if d.Source != "" {
		s += fmt.Sprintf("\n    source %q", d.Source)
	}
	return s
}

// TestDiagnosticsOfRealRuns reads what real bpftraces said, of each version.
func TestDiagnosticsOfRealRuns(t *testing.T) {
	files, _ := filepath.Glob("testdata/diagnostics/*.stderr")
	if len(files) < 50 {
		t.Fatalf("only %d recordings", len(files))
	}
	sort.Strings(files)
	var b strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		stem, _, _ := strings.Cut(name, ".")
		source, _ := os.ReadFile("testdata/diagnostics/" + stem + ".bt")
		script := stdinName
		if strings.Contains(string(text), "corpus/"+stem+".bt:") {
			script = "corpus/" + stem + ".bt"
		}
		fmt.Fprintf(&b, "== %s\n", name)
		for _, d := range parseDiagnostics(string(text), string(source), script) {
			fmt.Fprintf(&b, "%s\n", d)
		}
	}
	golden(t, "testdata/diagnostics.golden", b.String())
}

func TestInfoOfRealRuns(t *testing.T) {
	var b strings.Builder
	for _, v := range []string{"0.17", "0.23", "0.27"} {
		text, err := os.ReadFile("testdata/info/" + v + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		info := parseInfo(string(text))
		fmt.Fprintf(&b, "== %s\nos %q arch %q\n", v, info.OS, info.Arch)
		for _, k := range sortedKeys(info.Build) {
			fmt.Fprintf(&b, "%s: %s\n", k, info.Build[k])
		}
		for _, k := range sortedKeys(info.Features) {
			fmt.Fprintf(&b, "%s = %v\n", k, info.Features[k])
		}
	}
	golden(t, "testdata/info.golden", b.String())
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
