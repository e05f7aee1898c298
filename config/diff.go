package config

import (
	"reflect"
	"slices"
	"strings"
)

// Changes is what differs between two configurations. All lists are sorted.
type Changes struct {
	// Added, Removed and Changed name probes. A probe that is switched on or
	// off is Changed.
	Added, Removed, Changed []string
	// Sections are the changed top-level keys other than probes.
	Sections []string
	// Restart are the changed keys, in full ("otlp.endpoint"), that a running
	// tracecar cannot take over: they count from its next start. A list or a
	// mapping of values is one key; a section whose files changed is one, too.
	Restart []string
}

// live are the keys that are taken over while tracecar runs; one that ends in
// a dot stands for all keys of its section.
var live = []string{
	"auth.allow_insecure_bind", "auth.oauth", "auth.oauth.", "auth.proxy_header", "auth.tls", "auth.tls.clients",
	"auth.tokens", "auth.trusted_proxies", "bpftrace.sudo", "guard.", "library.", "log.level", "probes", "roles",
}

func isLive(key string) bool {
	return slices.ContainsFunc(live, func(l string) bool {
		section, all := strings.CutSuffix(l, ".")
		return key == section || all && strings.HasPrefix(key, l)
	})
}

// followed tells of keys that are taken over where both sides have what they
// are about: other certificates are, but HTTPS does not come or go.
func followed(key string, before, after *Auth) bool {
	switch key {
	case "auth.default_role":
		return before.Asks() && after.Asks()
	case "auth.tls.cert", "auth.tls.key", "auth.tls.client_ca":
		return before.TLS.Cert != "" && after.TLS.Cert != ""
	}
	return false
}

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
		for _, key := range differing(f.name, a.Field(f.index), b.Field(f.index)) {
			if !isLive(key) && !followed(key, &before.Auth, &after.Auth) {
				c.Restart = append(c.Restart, key)
			}
		}
	}
	for _, list := range [][]string{c.Added, c.Removed, c.Changed, c.Sections, c.Restart} {
		slices.Sort(list)
	}
	return c
}

// differing lists the keys of what differs.
func differing(key string, a, b reflect.Value) (keys []string) {
	if same(a, b) {
		return nil
	}
	if !isSection(a.Type()) {
		return []string{key}
	}
	for _, f := range fieldsOf(a.Type()) {
		keys = append(keys, differing(join(key, f.name), a.Field(f.index), b.Field(f.index))...)
	}
	if keys == nil { // what its files held
		keys = []string{key}
	}
	return keys
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
