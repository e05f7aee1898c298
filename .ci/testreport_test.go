package main

import (
	"strings"
	"testing"
)

const ran = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
`

const skipped = `{"Action":"run","Package":"p","Test":"TestB/0.17"}
{"Action":"output","Package":"p","Test":"TestB/0.17","Output":"    b_test.go:7: noise\n"}
{"Action":"output","Package":"p","Test":"TestB/0.17","Output":"    b_test.go:9: skip: not root \u003chere\u003e\n"}
{"Action":"output","Package":"p","Test":"TestB/0.17","Output":"    --- SKIP: TestB/0.17 (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB/0.17"}
`

const closed = `{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.01s\n"}
{"Action":"pass","Package":"p"}
go test: exit status 0
`

func TestReport(t *testing.T) {
	tests := []struct {
		name   string
		in     string
		allow  string
		strict bool
		ok     bool
		says   []string
	}{
		{name: "pass", in: ran + closed, ok: true, says: []string{"ok  \tp\t0.01s\n", "tests: 1 passed, 0 failed, 0 skipped"}},
		{name: "skip", in: ran + skipped + closed, ok: true, says: []string{"skipped 1: not root <here>\n  --- SKIP: p TestB/0.17\n", "1 passed, 0 failed, 1 skipped"}},
		{name: "skip, strict", in: ran + skipped + closed, strict: true, says: []string{"(unexpected here)", "FAIL: 1 tests"}},
		{name: "skip, allowed", in: ran + skipped + closed, strict: true, allow: "p TestB/* not root", ok: true},
		{name: "skip, another reason allowed", in: ran + skipped + closed, strict: true, allow: "p TestB/* no BTF"},
		{name: "skip, another package allowed", in: ran + skipped + closed, strict: true, allow: "pp Test* not root"},
		{name: "only skips, strict", in: skipped + closed, strict: true, allow: "p * not root", says: []string{"no test ran"}},
		{name: "failed test", in: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
go test: exit status 1
`, says: []string{"a_test.go:1: wrong", "FAIL: go test failed"}},
		{name: "panic", in: `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: boom\n"}
{"Action":"fail","Package":"p"}
go test: exit status 1
`, says: []string{"panic: boom", "FAIL"}},
		{name: "does not build", in: `{"ImportPath":"p","Action":"build-output","Output":"a.go:1:1: syntax error\n"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
go test: exit status 1
`, says: []string{"syntax error", "FAIL"}},
		{name: "go test killed", in: ran + strings.TrimSuffix(closed, "go test: exit status 0\n"), says: []string{"FAIL: go test failed"}},
		{name: "go command fails", in: "go: no such flag\ngo test: exit status 2\n", says: []string{"go: no such flag", "no package was tested"}},
		{name: "nothing", in: "", says: []string{"no package was tested"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			allowed, err := parseAllowed(tt.allow)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			r := newReport(&out, allowed, tt.strict)
			if err := r.read(strings.NewReader(tt.in)); err != nil {
				t.Fatal(err)
			}
			if ok := r.finish(); ok != tt.ok {
				t.Errorf("ok = %v, want %v", ok, tt.ok)
			}
			for _, want := range tt.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("output lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}

func TestAllowedNeedsReason(t *testing.T) {
	if _, err := parseAllowed("# why\n\np TestB"); err == nil {
		t.Error("an allowed skip without a reason was accepted")
	}
}

func TestAgain(t *testing.T) {
	const failed = `{"Action":"output","Package":"p","Test":"TestA/x","Output":"    a_test.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestA/x"}
{"Action":"fail","Package":"p","Test":"TestA"}
`
	const end = `{"Action":"fail","Package":"p"}
go test: exit status 1
`
	tests := []struct{ name, in, want string }{
		{"one test", ran + failed + end, "p TestA\n"},
		{"a race", `{"Action":"output","Package":"p","Test":"TestA/x","Output":"    testing.go:1712: race detected during execution of test\n"}` + "\n" + failed + end, ""},
		{"a panic", `{"Action":"output","Package":"p","Test":"TestA/x","Output":"panic: boom\n"}` + "\n" + failed + end, ""},
		{"a test without end", `{"Action":"output","Package":"p","Test":"TestC","Output":"=== RUN   TestC\n"}` + "\n" + failed + end, ""},
		{"a package without a failed test", ran + end, ""},
		{"a skip as well", failed + skipped + end, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newReport(&strings.Builder{}, nil, true)
			if err := r.read(strings.NewReader(tt.in)); err != nil {
				t.Fatal(err)
			}
			if r.finish() {
				t.Error("all is well")
			}
			if got := strings.Join(r.again(), ""); got != tt.want {
				t.Errorf("again: %q, want %q", got, tt.want)
			}
		})
	}
}
