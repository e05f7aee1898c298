package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/scanner"

	"github.com/google/go-cmp/cmp"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// FuzzCheck holds what is allowed against a third reading, Go's own scanner,
// which knows the same strings and comments: no denied word may stand in it
// but as a map, a variable, a field or in an attach point.
func FuzzCheck(f *testing.F) {
	for _, glob := range []string{"../../parser/script/testdata/scripts/*.bt", "../../examples/library/*.bt"} {
		files, _ := filepath.Glob(glob)
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(src), "7")
		}
	}
	for seed := range uint64(50) {
		f.Add(dressed(seed), "x")
	}
	role := policy.Caller()
	f.Fuzz(func(t *testing.T, src, arg string) {
		s := script.Parse(src)
		req := policy.Request{Args: []string{arg}, Fields: fields}
		d := policy.Check(t.Context(), role, s, req, few)
		if again := policy.Check(t.Context(), role, s, req, few); !cmp.Equal(d, again) {
			t.Fatalf("two verdicts:\n%v\n%v", d, again)
		}
		if d.Allowed != (len(d.Violations) == 0) {
			t.Fatalf("allowed %v with %v", d.Allowed, d.Violations)
		}
		for _, v := range d.Violations {
			if v.Rule == "" || v.Message == "" || v.Pos.Offset < 0 || v.Pos.Offset > len(src) {
				t.Fatalf("%+v", v)
			}
		}
		if d.Allowed {
			if word := deniedWord(src); word != "" {
				t.Fatalf("%s is allowed in\n%s", word, src)
			}
		}
	})
}

var never = []string{"cat", "system", "signal", "override", "debugf", "errorf", "kaddr", "curtask", "import", "macro", "uprobe", "kprobe", "skboutput"}

func deniedWord(src string) string {
	if strings.HasPrefix(src, "#!") {
		_, src, _ = strings.Cut(src, "\n")
	}
	var sc scanner.Scanner
	sc.Init(strings.NewReader(src))
	sc.Error = func(*scanner.Scanner, string) {}
	sc.Mode = scanner.ScanIdents | scanner.ScanStrings | scanner.ScanComments | scanner.SkipComments
	before := ""
	for tok := sc.Scan(); tok != scanner.EOF; tok = sc.Scan() {
		text := sc.TokenText()
		if tok == scanner.Ident && !strings.Contains("@ $ . > : ,", before) {
			for _, w := range never {
				if text == w {
					return w
				}
			}
		}
		before = text
	}
	return ""
}
