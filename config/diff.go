package config

import (
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
		case !same(essence(p), essence(q)):
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
// script stands.
func essence(p Probe) reflect.Value {
	p.Script, p.File = "", ""
	p.Versions = slices.Clone(p.Versions)
	for i := range p.Versions {
		p.Versions[i].Script, p.Versions[i].File = "", ""
	}
	return reflect.ValueOf(p)
}

// same is reflect.DeepEqual, but that an empty list is the same as none.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for _, key := range a.MapKeys() {
			if v := b.MapIndex(key); !v.IsValid() || !same(a.MapIndex(key), v) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	}
	return a.Equal(b)
}
