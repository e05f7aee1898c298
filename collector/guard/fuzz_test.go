package guard

import (
	"os"
	"testing"
)

func FuzzParseStat(f *testing.F) {
	seeds, err := os.ReadDir("testdata/fuzz/FuzzParseStat")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	f.Add([]byte(statLine("a) (b", "S", [4]int64{1, 2, 3, 4}, 1, 5)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStat(b)
		if err == nil && (s.cpu < 0 || s.rss < 0) {
			t.Errorf("%+v", s)
		}
		if _, ok := number(b, "prog_id:"); ok && len(b) < len("prog_id:0") {
			t.Error("a number out of nothing")
		}
	})
}
