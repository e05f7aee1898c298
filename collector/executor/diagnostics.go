package executor

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Severity of a Diagnostic.
type Severity string

const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNote    Severity = "note"
)

// Diagnostic is one thing bpftrace said about a script or a run, beside the
// JSON. An error does not mean that the run failed: its exit code tells that.
type Diagnostic struct {
	Severity Severity
	Message  string
	// Line and Column are where in the script it begins, EndLine and EndColumn
	// where it ends, all from 1; columns count bytes; 0 is not known. EndColumn
	// is the first column after it.
	Line, Column, EndLine, EndColumn int
	// File is another file it is about, with its line: "stdlib/strings.bt:188".
	// Line is 0 then.
	File   string
	Source string // the line of the script
	Hint   string // bpftrace's own, or one of Bpftrace.AddHints
	// Noise marks what bpftrace says on every run of a healthy host. People
	// are not shown it.
	Noise bool
}

const (
	maxDiagnostics  = 200 // more are left out, with a note that says so
	maxContinuation = 24  // lines of one message; of more, the first 4 and the last 20
	stdinName       = "stdin"
)

var (
	atPosition = regexp.MustCompile(`^(\S[^\t]*?):(\d+):(\d+)-(\d+): (ERROR|WARNING|INFO|FATAL|BUG|HINT): ?(.*)$`)
	atLines    = regexp.MustCompile(`^(\S[^\t]*?):(\d+)-(\d+): (ERROR|WARNING|INFO|FATAL|BUG|HINT): ?(.*)$`)
	byClang    = regexp.MustCompile(`^(\S[^\t]*?):(\d+):(\d+): (fatal error|error|warning|note): (.*)$`)
	nowhere    = regexp.MustCompile(`^(ERROR|WARNING|FATAL|BUG|INFO): ?(.*)$`)
	badOption  = regexp.MustCompile(`^\S+: ((?:unrecognized|invalid) option .*)$`)
	what       = regexp.MustCompile(`^\s+what\(\):\s+(.*)$`)
	underline  = regexp.MustCompile(`^\s*~*\s*$`)
	caret      = regexp.MustCompile(`^[\s~]*\^[\s~^]*$`)
	colour     = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	// The last two are what 0.27 says of every delete() and of most syscall
	// arguments; no script that runs on older versions avoids them.
	noise       = regexp.MustCompile(`couldn't set RLIMIT_MEMLOCK|Could not read functions from \S*available_filter_functions|^Return value discarded\.?$|^Addrspace mismatch$`)
	badVariable = regexp.MustCompile(`^[a-z_]+: (?:expecting|not a known|invalid) `)
)

var severities = map[string]Severity{
	"ERROR": SeverityError, "FATAL": SeverityError, "BUG": SeverityError, "fatal error": SeverityError,
	"error": SeverityError, "WARNING": SeverityWarning, "warning": SeverityWarning,
	"INFO": SeverityNote, "note": SeverityNote, "HINT": SeverityNote,
}

// ParseDiagnostics reads what bpftrace prints on stderr (some of it on stdout
// in some versions) about the script source that it was given on standard input.
// The same statement made twice is one Diagnostic. It knows every form seen in
// 0.17 to 0.27; other text becomes a note. It holds no more than 200.
func ParseDiagnostics(text, source string) []Diagnostic {
	return parseDiagnostics(text, source, stdinName)
}

func parseDiagnostics(text, source, script string) []Diagnostic {
	p := diagnosticParser{script: script, source: strings.Split(source, "\n")}
	lines := strings.Split(strings.TrimRight(plain(text), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		i += p.line(lines[i], lines[i+1:])
	}
	p.flush()
	if p.dropped > 0 {
		p.out = append(p.out, Diagnostic{Severity: SeverityNote, Message: strconv.Itoa(p.dropped) + " more messages left out"})
	}
	return p.out
}

// plain takes colours and control characters out: what bpftrace quotes can be
// text that somebody else chose.
func plain(s string) string {
	s = strings.ToValidUTF8(colour.ReplaceAllString(s, ""), "\ufffd")
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) {
			return r
		}
		return '\ufffd'
	}, s)
}

type diagnosticParser struct {
	script string
	source []string

	out     []Diagnostic
	dropped int
	last    *Diagnostic // being built
	more    []string    // lines that continue its message
	open    bool        // the next unknown line continues it
	usage   bool        // in the usage text
}

// line reads one line and returns how many of the following it took too.
func (p *diagnosticParser) line(line string, next []string) (took int) {
	if m := atPosition.FindStringSubmatch(line); m != nil {
		col, end := number(m[3]), number(m[4])
		d := Diagnostic{Severity: severities[m[5]], Message: m[6], Line: number(m[2]), Column: col, EndLine: number(m[2]), EndColumn: end}
		if len(next) >= 2 && underline.MatchString(next[1]) {
			d.Source, took = next[0], 2
		}
		p.located(m[1], d)
		return took
	}
	if m := atLines.FindStringSubmatch(line); m != nil {
		d := Diagnostic{Severity: severities[m[4]], Message: m[5], Line: number(m[2]), EndLine: number(m[3])}
		took = p.quoted(d.Line, d.EndLine, next)
		p.located(m[1], d)
		return took
	}
	if m := byClang.FindStringSubmatch(line); m != nil {
		// Its positions are of what clang was given, which is not the script.
		p.add(Diagnostic{Severity: severities[m[4]], Message: m[5], File: m[1] + ":" + m[2]})
		if len(next) >= 2 && caret.MatchString(next[1]) {
			p.last.Source, took = next[0], 2
		}
		return took
	}
	if m := nowhere.FindStringSubmatch(line); m != nil {
		d := Diagnostic{Severity: severities[m[1]], Message: m[2], Noise: noise.MatchString(m[2])}
		if d.Noise { // 0.17 calls an error what later versions warn of
			d.Severity = SeverityWarning
		}
		p.nameProvider(&d)
		p.add(d)
		p.open = true
		return 0
	}
	p.free(line)
	return 0
}

// quoted counts the lines after a message that repeat the script's from first
// to last, as 0.27 prints them.
func (p *diagnosticParser) quoted(first, last int, next []string) int {
	if first < 1 || last < first || last > len(p.source) || last-first >= len(next) {
		return 0
	}
	for i, line := range p.source[first-1 : last] {
		if plain(line) != next[i] {
			return 0
		}
	}
	return last - first + 1
}

// free reads a line of no known form of position.
func (p *diagnosticParser) free(line string) {
	trimmed := strings.TrimSpace(line)
	switch hint, isHint := strings.CutPrefix(line, "HINT: "); {
	case isHint && p.last != nil:
		p.last.Hint = strings.TrimSpace(p.last.Hint + "\n" + hint)
		p.open = false
	case badOption.MatchString(line):
		p.add(Diagnostic{Severity: SeverityError, Message: badOption.FindStringSubmatch(line)[1]})
		p.usage = true
	case badVariable.MatchString(line): // 0.27, exit code 2
		p.add(Diagnostic{Severity: SeverityError, Message: line})
	case strings.HasPrefix(line, "USAGE:"):
		p.usage = true
	case p.usage, strings.HasPrefix(line, "terminate called after throwing"):
	case what.MatchString(line):
		p.add(Diagnostic{Severity: SeverityError, Message: what.FindStringSubmatch(line)[1]})
	case trimmed == "":
		p.open = false
	case trimmed == "No probes to attach":
		d := Diagnostic{Severity: SeverityError, Message: trimmed}
		p.onlyFunction(&d)
		p.add(d)
	case trimmed == "Clang parse error":
		p.flush()
		if !slices.ContainsFunc(p.out, func(d Diagnostic) bool { return d.Severity == SeverityError && !d.Noise }) {
			p.add(Diagnostic{Severity: SeverityError, Message: trimmed})
		}
	case p.open:
		if p.more = append(p.more, line); len(p.more) > maxContinuation {
			p.more = slices.Delete(p.more, 4, 5)
		}
	default:
		p.add(Diagnostic{Severity: SeverityNote, Message: line})
		p.open = true
	}
}

// located adds a diagnostic that says where. In the script of the caller that
// is Line; in a library of bpftrace it is File, until "expanded from"
// tells which call led there.
func (p *diagnosticParser) located(file string, d Diagnostic) {
	inScript := file == p.script
	if d.Message == "expanded from" && p.last != nil {
		if inScript {
			d.Severity, d.Message, d.Hint, d.File, d.Noise = p.last.Severity, p.last.Message, p.last.Hint, p.last.File, p.last.Noise
			*p.last = d
		}
		return
	}
	if inScript && d.Column == 0 {
		p.pinpoint(&d)
	}
	d.Noise = d.Severity == SeverityWarning && noise.MatchString(d.Message)
	if !inScript {
		d = Diagnostic{Severity: d.Severity, Message: d.Message, Source: d.Source, File: file + ":" + strconv.Itoa(d.Line), Noise: d.Noise}
	}
	p.add(d)
}

// pinpoint finds the attach point an error is about in the lines it is said
// to be on: up to 0.23 these begin where the probe before it ends.
func (p *diagnosticParser) pinpoint(d *Diagnostic) {
	m := notFound.FindStringSubmatch(d.Message)
	if m == nil || d.Line < 1 {
		return
	}
	for n := d.Line; n <= d.EndLine && n <= len(p.source); n++ {
		for _, provider := range []string{"tracepoint:", "t:"} {
			if i := strings.Index(p.source[n-1], provider+m[1]); i >= 0 {
				d.Line, d.Column, d.EndLine, d.EndColumn = n, i+1, n, i+1+len(provider+m[1])
				return
			}
		}
	}
}

func (p *diagnosticParser) add(d Diagnostic) {
	p.flush()
	p.last = &d
}

// flush moves the diagnostic being built to the result.
func (p *diagnosticParser) flush() {
	d := p.last
	if d == nil {
		return
	}
	// What follows noise is not part of it.
	if len(p.more) > 0 && d.Noise {
		p.out = p.keep(*d)
		d = &Diagnostic{Severity: SeverityNote}
	}
	d.Message = strings.TrimSpace(strings.Join(append([]string{d.Message}, p.more...), "\n"))
	if i := d.Line - 1; d.Source == "" && i >= 0 && i < len(p.source) {
		d.Source = p.source[i]
	}
	p.out = p.keep(*d)
	p.last, p.more, p.open = nil, nil, false
}

func (p *diagnosticParser) keep(d Diagnostic) []Diagnostic {
	if slices.Contains(p.out, d) {
		return p.out
	}
	if len(p.out) >= maxDiagnostics {
		p.dropped++
		return p.out
	}
	return append(p.out, d)
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
