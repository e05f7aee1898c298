//go:build !light

package main

import (
	"context"
	"fmt"
	"strings"

	"tracecar/collector"
	"tracecar/config"
	"tracecar/examples"
	"tracecar/mcp"
)

// scriptLibrary shows the library to MCP callers.
type scriptLibrary struct {
	runner *collector.Runner
	config func() *config.Config
}

func (l scriptLibrary) Scripts() (out []mcp.LibraryScript) {
	seen := map[string]bool{}
	var all []examples.Script
	for _, dir := range l.config().Library.Dirs {
		all = append(all, examples.ListDir(dir)...)
	}
	for _, s := range append(all, examples.List()...) {
		if seen[s.Name] {
			continue
		}
		seen[s.Name] = true
		out = append(out, describeScript(s))
	}
	return out
}

func describeScript(s examples.Script) mcp.LibraryScript {
	d := mcp.LibraryScript{
		Name: s.Name, Title: s.Title, Question: s.Question, Description: s.Description,
		Params: []mcp.LibraryParam{}, Maps: []mcp.LibraryMap{}, Requires: append([]string{}, s.Requires...),
		Cost: strings.Trim(s.Cost.Level+": "+s.Cost.Text, ": "), Mode: s.Mode.Kind, Tags: append([]string{}, s.Tags...),
	}
	if s.Mode.Window > 0 {
		d.Mode += " " + s.Mode.Window.String()
	}
	for _, p := range s.Params {
		d.Params = append(d.Params, mcp.LibraryParam{Name: p.Name, Default: p.Default, Required: p.Required, Description: p.Description})
	}
	for _, m := range s.Maps {
		lm := mcp.LibraryMap{Name: m.Name, Kind: m.Kind, Unit: m.Unit, Keys: []string{}, Description: m.Description}
		for _, k := range m.Keys {
			lm.Keys = append(lm.Keys, k.Name)
		}
		d.Maps = append(d.Maps, lm)
	}
	return d
}

func (l scriptLibrary) Script(ctx context.Context, name string, args []string) (string, []string, error) {
	version, err := l.runner.Version(ctx)
	if err != nil {
		version = "" // the run will say so
	}
	s, ok := findScript(l.config().Library.Dirs, name, version)
	if !ok {
		return "", nil, fmt.Errorf("no script %q in the library", name)
	}
	filled, err := s.Args(args)
	if err != nil {
		return "", nil, err
	}
	return s.Source, filled, nil
}
