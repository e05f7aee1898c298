package script

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden outlines anew")

// TestOutline reads every script in testdata and compares what it found with
// the outline beside it.
func TestOutline(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.bt")
	if err != nil || len(files) < 150 {
		t.Fatalf("%d scripts in testdata, %v", len(files), err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := outline(Parse(string(src)))
		golden := strings.TrimSuffix(file, ".bt") + ".outline"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}
