package decode

import (
	"os"
	"strings"
	"testing"

	"tracecar/parser"
)

// Every decoder takes whatever a script prints, and gives a value.
func FuzzDecoders(f *testing.F) {
	var all []Decoder
	for _, name := range Names() {
		switch name {
		case "static_map":
			name += ":0=a"
		case "regexp":
			name += ":a(b)?"
		}
		d, err := New(name)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, d)
	}
	f.Fuzz(func(t *testing.T, text string, n int64) {
		for i, d := range all {
			for _, v := range []parser.Value{parser.Text(text), parser.Int(n), parser.Uint(uint64(n)), {}, parser.Array([]parser.Value{parser.Int(n)})} {
				if got := d.Decode(v); got.Kind() == parser.KindNone && v.Kind() != parser.KindNone {
					t.Errorf("decoder %d loses %s", i, v.AppendJSON(nil))
				}
			}
		}
	})
}

func TestSeeds(t *testing.T) {
	seeds, err := os.ReadDir("testdata/fuzz/FuzzDecoders")
	if err != nil || len(seeds) == 0 {
		t.Errorf("no seeds: %v", err)
	}
	for _, s := range seeds {
		b, err := os.ReadFile("testdata/fuzz/FuzzDecoders/" + s.Name())
		if err != nil || !strings.HasPrefix(string(b), "go test fuzz v1\n") {
			t.Errorf("%s: %v", s.Name(), err)
		}
	}
}
