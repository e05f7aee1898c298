package executor

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"unicode/utf8"
)

// seeds adds the recordings below testdata, and asserts the committed seeds.
func seeds(f *testing.F, pattern string, add func([]byte)) {
	f.Helper()
	committed, _ := filepath.Glob("testdata/fuzz/" + f.Name() + "/*")
	files, _ := filepath.Glob(pattern)
	if len(committed) == 0 || len(files) == 0 && pattern != "" {
		f.Fatalf("no seeds: %d committed, %d recorded", len(committed), len(files))
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		add(b)
	}
}

func FuzzParseDiagnostics(f *testing.F) {
	seeds(f, "testdata/diagnostics/*.stderr", func(b []byte) { f.Add(string(b), "BEGIN { }\n") })
	f.Fuzz(func(t *testing.T, text, source string) {
		ds := ParseDiagnostics(text, source)
		if len(ds) > maxDiagnostics+1 {
			t.Errorf("%d diagnostics", len(ds))
		}
		for _, d := range ds {
			if !utf8.ValidString(d.Message) || !utf8.ValidString(d.Hint) {
				t.Errorf("not UTF-8: %+v", d)
			}
			if d.Severity == "" || d.Line < 0 {
				t.Errorf("%+v", d)
			}
		}
	})
}

func FuzzParseList(f *testing.F) {
	seeds(f, "testdata/list/*.txt", func(b []byte) { f.Add(string(b)) })
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range expandEchoes(parseList(text)) {
			if p.Name == "" {
				t.Error("a point without a name")
			}
			for _, a := range p.Args {
				if a.Name == "" {
					t.Errorf("an argument without a name: %+v", p)
				}
			}
		}
		parseInfo(text)
	})
}

func FuzzUnpackRequest(f *testing.F) {
	seeds(f, "", nil)
	f.Add((&request{kind: kindRun, path: "/x", version: Version{Minor: 23}, args: []string{"a"}}).pack())
	f.Fuzz(func(t *testing.T, b []byte) {
		unpackStatus(b)
		r, err := unpackRequest(b)
		if err != nil {
			return
		}
		again, err := unpackRequest(r.pack())
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}
