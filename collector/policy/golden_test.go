package policy_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

var update = flag.Bool("update", false, "write the golden files")

// fields is what the committed event formats tell, so that verdicts do not
// hang on the kernel.
var fields = policy.EventFields(os.DirFS("testdata/tracing"))

// few stands for bpftrace's search.
func few(_ context.Context, pattern string) (int, error) {
	if pattern == "" {
		return 0, errors.New("no pattern")
	}
	return 3, nil
}

// TestScripts shows what the role caller refuses of the library and of the
// parser's scripts, and why.
func TestScripts(t *testing.T) {
	for name, glob := range map[string]string{
		"library": "../../examples/library/*.bt",
		"scripts": "../../parser/script/testdata/scripts/*.bt",
		"tools":   "../../parser/script/testdata/tools/*.bt",
	} {
		t.Run(name, func(t *testing.T) {
			files, err := filepath.Glob(glob)
			if err != nil || len(files) < 30 {
				t.Fatalf("%d scripts: %v", len(files), err)
			}
			var b strings.Builder
			for _, file := range files {
				src, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				req := policy.Request{Fields: fields, Args: []string{"1", "2", "3"}}
				if name == "library" {
					req.Library = strings.TrimSuffix(filepath.Base(file), ".bt")
				}
				d := policy.Check(t.Context(), policy.Caller(), script.Parse(string(src)), req, few)
				var why []string
				for _, v := range d.Violations {
					if line := v.Rule + ": " + v.Message; !slices.Contains(why, line) {
						why = append(why, line)
					}
				}
				slices.Sort(why)
				if d.Allowed != (len(why) == 0) {
					t.Errorf("%s: allowed %v with %q", file, d.Allowed, why)
				}
				if chosen := strings.Contains(filepath.Base(file), "-function-"); name == "library" && d.Allowed == chosen {
					t.Errorf("%s: allowed %v: of the library, only what probes a function of the caller's choice is refused", file, d.Allowed)
				}
				if d.Allowed {
					why = []string{"allowed"}
				}
				fmt.Fprintf(&b, "%s\n\t%s\n", filepath.Base(file), strings.Join(why, "\n\t"))
			}
			golden(t, "testdata/"+name+".txt", b.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it):\n%s", file, diff)
	}
}
