package parser

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func TestCorpusGolden(t *testing.T) {
	for file, version := range corpus(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := read(t, string(in), WithVersion(version))
			golden := strings.Replace(strings.TrimSuffix(file, ".jsonl"), "corpus", "golden", 1) + ".txt"
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// What arrives in one read or in many must read alike.
func TestChunks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for file, version := range corpus(t) {
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(in) > 8000 {
			in = in[:8000]
		}
		for _, limit := range []int{0, 40, 150} {
			opts := []Option{WithVersion(version), WithLineLimit(limit)}
			want := read(t, string(in), opts...)
			for name, n := range map[string]func() int{
				"one": func() int { return 1 },
				"few": func() int { return 1 + rnd.IntN(97) },
			} {
				got := dumpAll(t, chunks{bytes.NewReader(in), n}, opts...)
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("%s, limit %d, %s: %s", file, limit, name, d)
				}
			}
		}
	}
}
