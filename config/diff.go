package config

import (
	"maps"
	"reflect"
	"slices"
)

// Changes is what differs between two configurations. All lists are sorted.
type Changes struct {
	// Added, Removed and Changed name probes. A probe that is switched on or
	// off is Changed.
	Added, Removed, Changed []string
	// Sections are the changed top-level keys other than probes.
	Sections []string
	// Restart are those of Sections that a running tracecar cannot take over:
	// they count from its next start.
	Restart []string
}

// live are the sections that can be taken over while tracecar runs.
var live = []string{"auth", "guard", "log", "roles"}

// Empty tells whether nothing changed that has a meaning.
func (c Changes) Empty() bool {
	return len(c.Added)+len(c.Removed)+len(c.Changed)+len(c.Sections) == 0
}

// Diff compares two configurations by what they mean: the text of scripts and
// the contents of certificates and token files count, comments, order and the
// names of script files do not.
func Diff(before, after *Config) Changes {
	var c Changes
	was, is := byName(before), byName(after)
	for name, p := range was {
		q, still := is[name]
		switch {
		case !still:
			c.Removed = append(c.Removed, name)
		case !reflect.DeepEqual(essence(p), essence(q)):
			c.Changed = append(c.Changed, name)
		}
	}
	for name := range is {
		if _, there := was[name]; !there {
			c.Added = append(c.Added, name)
		}
	}
	a, b := reflect.ValueOf(*before), reflect.ValueOf(*after)
	for _, f := range fieldsOf(a.Type()) {
		if f.name == "probes" || same(a.Field(f.index), b.Field(f.index)) {
			continue
		}
		c.Sections = append(c.Sections, f.name)
		if !slices.Contains(live, f.name) {
			c.Restart = append(c.Restart, f.name)
		}
	}
	for _, list := range [][]string{c.Added, c.Removed, c.Changed, c.Sections, c.Restart} {
		slices.Sort(list)
	}
	return c
}

func byName(c *Config) map[string]Probe {
	m := make(map[string]Probe, len(c.Probes))
	for _, p := range c.Probes {
		m[p.Name] = p
	}
	return m
}

// essence is a probe without what does not change what it does: where its
// script stands, and whether a list is empty or absent.
func essence(p Probe) Probe {
	p.Script, p.File = "", ""
	p.Versions = slices.Clone(p.Versions)
	for i := range p.Versions {
		p.Versions[i].Script, p.Versions[i].File = "", ""
	}
	p.Metrics, p.Spans = maps.Clone(p.Metrics), slices.Clone(p.Spans)
	for name, m := range p.Metrics {
		m.Attributes, m.Decode = orNil(m.Attributes), mapOrNil(m.Decode)
		p.Metrics[name] = m
	}
	for i := range p.Spans {
		p.Spans[i].Key, p.Spans[i].Attributes = orNil(p.Spans[i].Key), mapOrNil(p.Spans[i].Attributes)
	}
	p.Args, p.Versions, p.Spans, p.Metrics = orNil(p.Args), orNil(p.Versions), orNil(p.Spans), mapOrNil(p.Metrics)
	return p
}

// same compares two sections; empty and absent are the same.
func same(a, b reflect.Value) bool {
	if k := a.Kind(); (k == reflect.Map || k == reflect.Slice) && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func mapOrNil[K comparable, V any](m map[K]V) map[K]V {
	if len(m) == 0 {
		return nil
	}
	return m
}
