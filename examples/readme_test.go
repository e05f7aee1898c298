package examples

import (
	"os"
	"strings"
	"testing"

	"tracecar/collector"
	"tracecar/collector/otlp/decode"
)

// The README's first command is the first that anybody tries, on the bpftrace
// of their distribution.
func TestReadmeBeginsWithAScriptForEveryVersion(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```console\n")
	_, script, found := strings.Cut(block, " -e '")
	script, _, ends := strings.Cut(script, "'\n")
	if !found || !ends {
		t.Fatal("no script in the README's first console block")
	}
	list, _ := bpftraces(t)
	for _, bt := range list {
		r := newRunner(t, bt.path)
		v := r.Validate(t.Context(), collector.Script{Source: script})
		if !v.Valid {
			t.Errorf("bpftrace %s: %+v", bt.version, v.Diagnostics)
		}
		for _, d := range v.Diagnostics {
			if !d.Noise && d.Severity != "note" {
				t.Errorf("bpftrace %s would show line %d: %s: %s", bt.version, d.Line, d.Severity, d.Message)
			}
		}
	}
}

func TestReadmeListsDecoders(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(readme), "\n`decode` of a map")
	list, _, _ = strings.Cut(list, "\n\n")
	for _, name := range decode.Names() {
		if !strings.Contains(list, "`"+name+"`") && !strings.Contains(list, "`"+name+":") {
			t.Errorf("no decoder %s in it", name)
		}
	}
}
