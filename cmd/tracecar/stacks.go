package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"time"

	"tracecar/cmd/tracecar/internal/text"
	"tracecar/collector"
	"tracecar/collector/stacks"
	"tracecar/parser/script"
)

// choose settles which map of the script is shown, where one is.
func (o *outputFlags) choose(source string) (err error) {
	if !o.profiles {
		return nil
	}
	if o.mapName, err = stacks.Choose(script.Parse(source), o.mapName); err != nil {
		return &exitError{exitUsage, fmt.Errorf("--format %s: %w", o.format, err)}
	}
	return nil
}

// profileOf makes the profile of the map called name in a Result. A map that
// was never written is an empty profile.
func profileOf(res *collector.Result, source string, args []string, name string, start time.Time) (*stacks.Profile, error) {
	m := &collector.Map{Name: name}
	if i := slices.IndexFunc(res.Maps, func(m collector.Map) bool { return m.Name == name }); i >= 0 {
		m = &res.Maps[i]
	}
	p, err := stacks.Of(m, script.Parse(source), args, res.BpftraceVersion)
	if err != nil {
		return nil, err
	}
	p.Start, p.LeftOut = start, res.Truncated.Rows
	return p, nil
}

// writeProfile writes p in one of profileFormats.
func writeProfile(w io.Writer, p *stacks.Profile, format string, offsets bool) error {
	switch format {
	case "pprof":
		return p.WritePprof(w)
	case "flamegraph":
		return p.WriteFlameGraph(w)
	}
	return p.WriteFolded(w, offsets)
}

// profile writes the chosen map, and to standard error what a reader of the
// whole Result would have seen: how it went, and what the profile lacks.
func (o *outputFlags) profile(out *bufio.Writer, stderr io.Writer, res *collector.Result, s *collector.Script, start time.Time) error {
	p, err := profileOf(res, s.Source, s.Args, o.mapName, start)
	if err == nil {
		err = writeProfile(out, p, o.format, o.offsets)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return &exitError{exitFailed, err}
	}
	for _, d := range res.Diagnostics {
		if !d.Noise {
			fmt.Fprint(stderr, text.Diagnostic(d))
		}
	}
	for _, n := range notes(p) {
		fmt.Fprintln(stderr, "tracecar:", n)
	}
	return nil
}

// notes says what a profile lacks.
func notes(p *stacks.Profile) (out []string) {
	if len(p.Samples) == 0 {
		out = append(out, p.Map+" is empty")
	}
	if p.Ambiguous > 0 {
		out = append(out, fmt.Sprintf("%d of %d stacks of %s have a key that could not be recovered exactly", p.Ambiguous, len(p.Samples), p.Map))
	}
	if p.LeftOut > 0 {
		out = append(out, fmt.Sprintf("%d rows were left out by a limit", p.LeftOut))
	}
	return out
}
