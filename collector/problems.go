package collector

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tracecar/collector/kernelmap"
	"tracecar/parser"
)

// problems keeps diagnostics, one of each kind with how often it came, at
// most maxProblems of them.
type problems struct {
	list  []Diagnostic
	seen  map[string]int // index in list
	times []uint64
	more  uint64
}

func (p *problems) add(d Diagnostic) {
	key := fmt.Sprintf("%s\x00%d\x00%d\x00%s", d.Severity, d.Line, d.Column, d.Message)
	if i, ok := p.seen[key]; ok {
		p.times[i]++
		return
	}
	if len(p.list) == maxProblems {
		p.more++
		return
	}
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	p.seen[key] = len(p.list)
	p.list = append(p.list, d)
	p.times = append(p.times, 1)
}

// diagnostics returns what was kept, in order of first appearance.
func (p *problems) diagnostics() []Diagnostic {
	out := make([]Diagnostic, 0, len(p.list)+1)
	for i, d := range p.list {
		if p.times[i] > 1 {
			d.Message += fmt.Sprintf(" (%d times)", p.times[i])
		}
		out = append(out, d)
	}
	if p.more > 0 {
		out = append(out, Diagnostic{Severity: "warning", Message: fmt.Sprintf("%d further problems were left out", p.more)})
	}
	return out
}

// fullMaps warns of maps that are full, where bpftrace did not say so: 0.17
// leaves out further keys without a word.
func (f *fold) fullMaps(tables *kernelmap.Tables) (warnings []Diagnostic) {
	if tables == nil || !f.dialect.SilentWhenFull {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(tables.Fill)) {
		if !tables.Fill[name].Full() {
			continue
		}
		warnings = append(warnings, Diagnostic{
			Severity: "warning",
			Message:  fmt.Sprintf("%s is full: it has no place for more than %d keys, or buckets of keys", name, tables.Fill[name].Capacity),
			Hint:     "further keys are not counted; raise max_map_keys or use fewer keys",
		})
	}
	return warnings
}

// helperDiagnostic words a failed BPF helper; the usual one is a full map.
func helperDiagnostic(p *parser.Problem) Diagnostic {
	d := positioned("warning", p)
	switch {
	case p.Helper == "":
	case p.Message != "":
		d.Message = fmt.Sprintf("%s failed: %s (%d)", p.Helper, p.Message, p.Retcode)
	default:
		d.Message = fmt.Sprintf("%s failed: return code %d", p.Helper, p.Retcode)
	}
	if p.Retcode == -7 && strings.HasPrefix(p.Helper, "map_update") {
		d.Hint = "the map is full: further keys are not counted; raise max_map_keys or use fewer keys"
	}
	return d
}

// ProblemDiagnostic words a failed helper or a runtime error.
func ProblemDiagnostic(rec *parser.Record) Diagnostic {
	if rec.Type == parser.TypeHelperError {
		return helperDiagnostic(rec.Problem)
	}
	return positioned("error", rec.Problem)
}

func positioned(severity string, p *parser.Problem) Diagnostic {
	return Diagnostic{Severity: severity, Message: p.Message, Line: p.Line, Column: p.Column}
}

// malformed reports a line that is none of bpftrace's messages. The line may
// hold anything, so only its start is quoted.
func malformed(rec *parser.Record) Diagnostic {
	why := "not one of bpftrace's messages"
	if rec.Problem != nil && rec.Problem.Message != "" {
		why = rec.Problem.Message
	}
	text := rec.Text
	if len(text) > 120 {
		text = text[:120] + "…"
	}
	return Diagnostic{Severity: "warning", Message: fmt.Sprintf("line %d of bpftrace's output: %s: %q", rec.Line, why, text)}
}
