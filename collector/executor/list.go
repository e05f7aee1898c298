package executor

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"
)

// AttachPoint is one thing a probe can be attached to.
type AttachPoint struct {
	Name string // as it stands in a script: "tracepoint:sched:sched_switch"
	Args []Arg  // where details were asked for and bpftrace knows them
}

// Arg is one argument of an attach point.
type Arg struct {
	Name string // "filename"; "retval" of a function's return
	Type string // as bpftrace writes it: "const char *"
}

const listDeadline = 60 * time.Second

// List lists the attach points that match a pattern ("" is all), in
// bpftrace's own order, by bpftrace's own search: "tracepoint:sched:*",
// "*sleep*". No match is no error; a pattern with an unknown provider is, and
// one of tracepoints where there is no tracefs.
func (b *Bpftrace) List(ctx context.Context, pattern string, details bool) ([]AttachPoint, error) {
	r := b.request(kindList)
	if details {
		r.kind = kindDetails
	}
	r.pattern = pattern
	a, err := b.ask(ctx, r, listDeadline)
	if err != nil {
		return nil, err
	}
	points := parseList(a.stdout)
	if !b.version.AtLeast(0, 23) {
		points = expandEchoes(points)
	}
	if wrong := wrongPattern(pattern); wrong != nil && len(points) == 0 {
		return nil, &FailedError{What: "-l", Exit: a.exit, Diagnostics: []Diagnostic{*wrong}}
	}
	if e := b.withoutTracefs(pattern, points, a.exit); e != nil {
		return nil, e
	}
	if a.exit.Code != 0 || a.exit.Signal != 0 {
		// 0.27 exits 1 where it finds no match.
		diags := ParseDiagnostics(a.exit.Stderr, "")
		if len(points) == 0 && a.exit.Code == 1 && !hasError(diags) {
			return nil, nil
		}
		h := hinter{list: func(string, bool) []AttachPoint { return nil }, host: DescribeHost}
		h.add(diags)
		return nil, &FailedError{What: "-l", Exit: a.exit, Diagnostics: diags, NoTracefs: !tracefsMounted()}
	}
	return points, nil
}

// Count counts what a pattern matches, as List would list it; without tracefs no
// tracepoint does, which is no error here.
func (b *Bpftrace) Count(ctx context.Context, pattern string) (int, error) {
	points, err := b.List(ctx, pattern, false)
	if failed, ok := errors.AsType[*FailedError](err); ok && failed.NoTracefs {
		return 0, nil
	}
	return len(points), err
}

// withoutTracefs is the error of a search for what only tracefs tells, where
// that is not mounted: 0.17 then finds nothing, 0.23 crashes at times, 0.27
// wants it whatever it is to list.
func (b *Bpftrace) withoutTracefs(pattern string, points []AttachPoint, exit *Exit) *FailedError {
	known := slices.ContainsFunc(points, func(p AttachPoint) bool { return strings.HasPrefix(p.Name, "tracepoint:") })
	if known || !maybeTracepoints(pattern) || tracefsMounted() {
		return nil
	}
	target := pattern
	if provider, rest, _ := strings.Cut(pattern, ":"); rest != "" && !strings.ContainsRune(provider, '*') {
		target = rest
	}
	return &FailedError{What: "-l", Exit: exit, NoTracefs: true, Diagnostics: []Diagnostic{{
		Severity: SeverityError, Message: strings.TrimSuffix("tracepoint not found: "+target, ": "), Hint: noTracefs,
	}}}
}

// maybeTracepoints tells whether a pattern can match a tracepoint.
func maybeTracepoints(pattern string) bool {
	provider, _, whole := strings.Cut(pattern, ":")
	if !whole {
		return !knownProvider(pattern) || strings.Contains(pattern, "trace")
	}
	return slices.ContainsFunc([]string{"tracepoint", "t", "rawtracepoint", "rt"}, func(name string) bool {
		ok, err := path.Match(provider, name)
		return ok || err != nil
	})
}

func hasError(diags []Diagnostic) bool {
	for _, d := range diags {
		if d.Severity == SeverityError && !d.Noise {
			return true
		}
	}
	return false
}

// parseList reads the output of -l and -lv: a name per line, its arguments
// indented below it.
func parseList(text string) (points []AttachPoint) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		name := strings.TrimSpace(line)
		switch {
		case name == "":
		case line[0] != ' ' && line[0] != '\t':
			if strings.Contains(name, ":") && !strings.HasPrefix(name, "WARNING:") && !strings.HasPrefix(name, "ERROR:") {
				points = append(points, AttachPoint{Name: name})
			}
		case len(points) > 0:
			if arg, ok := parseArg(name); ok {
				p := &points[len(points)-1]
				p.Args = append(p.Args, arg)
			}
		}
	}
	return points
}

// parseArg reads "const char * filename" and "char comm[16]".
func parseArg(s string) (Arg, bool) {
	i := strings.LastIndexAny(s, " *")
	if i < 0 || i == len(s)-1 {
		return Arg{}, false
	}
	a := Arg{Name: s[i+1:], Type: strings.TrimSpace(s[:i+1])}
	if j := strings.IndexByte(a.Name, '['); j > 0 {
		a.Type += a.Name[j:]
		a.Name = a.Name[:j]
	}
	return a, true
}

// expandEchoes puts the events of software and hardware probes where old
// versions give back the pattern ("software:*cpu*:"), whether it matches or not.
func expandEchoes(points []AttachPoint) (out []AttachPoint) {
	for _, p := range points {
		provider, event, _ := strings.Cut(strings.TrimSuffix(p.Name, ":"), ":")
		names, echo := perfEvents[provider]
		if !echo {
			out = append(out, p)
			continue
		}
		for _, name := range names {
			if ok, _ := path.Match(event, name); ok {
				out = append(out, AttachPoint{Name: provider + ":" + name + ":"})
			}
		}
	}
	return out
}

// perfEvents are what 0.23 and 0.27 list; 0.17 takes each of them.
var perfEvents = map[string][]string{
	"software": strings.Fields(`alignment-faults bpf-output context-switches cpu-clock cpu-migrations cpu cs dummy
		emulation-faults faults major-faults minor-faults page-faults task-clock`),
	"hardware": strings.Fields(`backend-stalls branch-instructions branch-misses branches bus-cycles cache-misses
		cache-references cpu-cycles cycles frontend-stalls instructions ref-cycles`),
}
