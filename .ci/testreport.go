// Command testreport reads `go test -json` from standard input and prints what a person and a CI
// machine want of it: go test's own closing line of each package, the output of each test that
// failed, and each skipped test with its reason. A skip is never counted as a pass; with -strict a
// skip that the -allow file does not name is a failure.
//
// It exits 0 only when go test said it succeeded (the line "go test: exit status 0" that go-test.sh
// adds), at least one package was tested, and no skip was unexpected. Where nothing is wrong but
// tests that failed, the -again file gets them, PACKAGE TEST a line: what may be run again, alone.
// A data race, a panic and a package that did not end are never among them.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

func main() {
	strict := flag.Bool("strict", false, "fail on a skip that -allow does not name")
	allow := flag.String("allow", "", "`file` of allowed skips: package, test, text of the reason")
	again := flag.String("again", "", "`file` to write the failed tests to")
	flag.Parse()
	var allowed []allowance
	if *allow != "" {
		text, err := os.ReadFile(*allow)
		if err == nil {
			allowed, err = parseAllowed(string(text))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "testreport:", err)
			os.Exit(2)
		}
	}
	r := newReport(os.Stdout, allowed, *strict)
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(2)
	}
	if r.finish() {
		return
	}
	if *again != "" {
		if err := os.WriteFile(*again, []byte(strings.Join(r.again(), "")), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "testreport:", err)
		}
	}
	os.Exit(1)
}

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
}

type allowance struct {
	pkg, test *regexp.Regexp
	reason    string
}

// parseAllowed reads lines of PACKAGE TEST REASON; * in the first two stands for any text.
func parseAllowed(text string) ([]allowance, error) {
	var all []allowance
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) < 3 {
			return nil, fmt.Errorf("allowed skips, line %d: want PACKAGE TEST REASON, have %q", i+1, line)
		}
		all = append(all, allowance{glob(f[0]), glob(f[1]), strings.Join(f[2:], " ")})
	}
	return all, nil
}

func glob(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
}

type skip struct {
	pkg, test, reason string
	allowed           bool
}

type report struct {
	out     io.Writer
	allowed []allowance
	strict  bool

	open           map[string]map[string][]string // package, test: its output so far
	skips          []skip
	packages       int
	passed, failed int
	succeeded      bool // go test's own exit status was 0

	broken     []string        // PACKAGE TEST of the outermost tests that failed
	failedIn   map[string]bool // packages that broken accounts for
	unexpected int             // skips
	hopeless   bool            // something failed that is no test's own failure
}

func newReport(out io.Writer, allowed []allowance, strict bool) *report {
	return &report{out: out, allowed: allowed, strict: strict, open: map[string]map[string][]string{}, failedIn: map[string]bool{}}
}

// again lists the tests that may be run again: none where more than tests failed.
func (r *report) again() []string {
	if r.hopeless || r.packages == 0 || r.strict && r.unexpected > 0 {
		return nil
	}
	return r.broken
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &e) != nil:
			r.succeeded = r.succeeded || string(line) == "go test: exit status 0\n"
			if !strings.HasPrefix(string(line), "go test: exit status ") {
				r.print(string(line)) // the go command itself: downloads, wrong flags
			}
		default:
			r.event(e)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) event(e event) {
	if e.Test == "" {
		r.packageEvent(e)
		return
	}
	tests := r.open[e.Package]
	if tests == nil {
		tests = map[string][]string{}
		r.open[e.Package] = tests
	}
	switch e.Action {
	case "output":
		tests[e.Test] = append(tests[e.Test], e.Output)
		return
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.print(tests[e.Test]...)
		r.hopeless = r.hopeless || grave.MatchString(strings.Join(tests[e.Test], ""))
		if !strings.Contains(e.Test, "/") {
			r.broken = append(r.broken, e.Package+" "+e.Test+"\n")
			r.failedIn[e.Package] = true
		}
	case "skip":
		r.skip(e.Package, e.Test, tests[e.Test])
	default: // run, pause, cont, bench, artifacts
		return
	}
	delete(tests, e.Test)
}

// grave is what no second run makes good.
var grave = regexp.MustCompile(`(?m)race detected during|^panic: |^fatal error: `)

func (r *report) packageEvent(e event) {
	switch e.Action {
	case "output", "build-output":
		if e.Output != "PASS\n" {
			r.print(e.Output)
		}
	case "pass", "skip":
		r.packages++
	case "fail":
		r.packages++
		// What the tests said that had not ended: a panic, a deadline, an os.Exit.
		for _, output := range r.open[e.Package] {
			r.print(output...)
			r.hopeless = true
		}
		r.hopeless = r.hopeless || !r.failedIn[e.Package]
	default:
		return
	}
	if e.Action == "pass" || e.Action == "fail" {
		delete(r.open, e.Package)
	}
}

var sourceLine = regexp.MustCompile(`^\s+[^\s:]+\.go:\d+: (.*)`)

// skip files a skipped test under the last thing it logged, which is what t.Skip printed.
func (r *report) skip(pkg, test string, output []string) {
	s := skip{pkg: pkg, test: test, reason: "no reason given"}
	for _, line := range output {
		if m := sourceLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			s.reason = m[1]
		}
	}
	for _, a := range r.allowed {
		s.allowed = s.allowed || a.pkg.MatchString(pkg) && a.test.MatchString(test) && strings.Contains(s.reason, a.reason)
	}
	r.skips = append(r.skips, s)
}

// finish prints the summary and reports whether all is well.
func (r *report) finish() bool {
	r.unexpected = r.printSkips()
	r.print(fmt.Sprintf("tests: %d passed, %d failed, %d skipped (packages: %d)\n", r.passed, r.failed, len(r.skips), r.packages))
	switch {
	case r.packages == 0:
		r.print("FAIL: no package was tested\n")
	case !r.succeeded || r.failed > 0:
		r.print("FAIL: go test failed\n")
	case r.strict && r.unexpected > 0:
		r.print(fmt.Sprintf("FAIL: %d tests that must run here were skipped\n", r.unexpected))
	case r.strict && r.passed == 0:
		r.print("FAIL: no test ran\n")
	default:
		return true
	}
	return false
}

// printSkips lists the skipped tests under their reasons, and counts those that were not expected.
func (r *report) printSkips() (unexpected int) {
	var reasons []string
	byReason := map[string][]skip{}
	for _, s := range r.skips {
		if byReason[s.reason] == nil {
			reasons = append(reasons, s.reason)
		}
		byReason[s.reason] = append(byReason[s.reason], s)
		if !s.allowed {
			unexpected++
		}
	}
	for _, reason := range reasons {
		r.print(fmt.Sprintf("skipped %d: %s\n", len(byReason[reason]), strings.TrimPrefix(reason, "skip: ")))
		for _, s := range byReason[reason] {
			mark := ""
			if r.strict && !s.allowed {
				mark = "  (unexpected here)"
			}
			r.print(fmt.Sprintf("  --- SKIP: %s %s%s\n", s.pkg, s.test, mark))
		}
	}
	return unexpected
}

// print ignores write errors: there is no other place to tell them.
func (r *report) print(text ...string) {
	for _, t := range text {
		_, _ = io.WriteString(r.out, t)
	}
}
