package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (k *check) auth() {
	a := &k.c.Auth
	names := map[string]int{}
	for i := range a.Tokens {
		t, path := &a.Tokens[i], joinIndex("auth.tokens", i)
		k.oneOf(path, "token_file", t.TokenFile, "token_env", t.TokenEnv)
		if first, twice := names[t.Name]; twice && t.Name != "" {
			k.fail(join(path, "name"), fmt.Sprintf("duplicate token name %q", t.Name), k.already(join(joinIndex("auth.tokens", first), "name")))
		} else {
			names[t.Name] = i
		}
		k.role(join(path, "role"), t.Role)
	}
	k.role("auth.default_role", a.DefaultRole)
	if a.TLS.ClientCA != "" && a.TLS.Cert == "" {
		k.fail("auth.tls.client_ca", "there is no cert: clients can show theirs over TLS only", "")
	}
	k.clients()
	k.oauth()
	for i, p := range a.TrustedProxies {
		k.proxy(joinIndex("auth.trusted_proxies", i), p)
	}
	if a.Metrics && !a.Asks() {
		k.fail("auth.metrics", "there are no tokens, client certificates or issuers to ask for", "")
	}
	for i, o := range a.Origins {
		if o != "*" {
			k.url(joinIndex("auth.origins", i), o)
		}
	}
	k.roles()
}

func (k *check) roles() {
	for name, r := range k.c.Roles {
		path := join("roles", name)
		if !dnsLabel.MatchString(name) {
			k.fail(path, fmt.Sprintf("%q is not a role's name", name), "lower-case letters, digits and hyphens")
		}
		k.memory(join(path, "memory"), r.Memory)
		if r.ReadOnly && r.LibraryOnly {
			k.fail(join(path, "library_only"), "read_only allows no scripts at all: want one of both", "")
		}
		for _, rule := range []struct {
			key string
			Rule
		}{{"providers", r.Providers}, {"probes", r.Probes}, {"functions", r.Functions}, {"binaries", r.Binaries}} {
			k.globs(join(join(path, rule.key), "allow"), rule.Allow)
			k.globs(join(join(path, rule.key), "deny"), rule.Deny)
		}
	}
}

func (k *check) globs(path string, globs []string) {
	for i, g := range globs {
		if strings.TrimSpace(g) == "" {
			k.fail(joinIndex(path, i), "must not be empty", "* stands for all")
		}
	}
}

func (k *check) role(key, name string) {
	if _, ok := k.c.Roles[name]; ok || name == "" || name == RoleOperator || name == RoleCaller {
		return
	}
	known := append([]string{RoleOperator, RoleCaller}, slices.Sorted(maps.Keys(k.c.Roles))...)
	hint := "known are " + strings.Join(known, ", ")
	if near := nearest(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	k.fail(key, fmt.Sprintf("there is no role %q", name), hint)
}

// oneOf wants exactly one of a few keys; names and their values alternate.
func (k *check) oneOf(path string, keys ...string) {
	var names, filled, empty []string
	for i := 0; i < len(keys); i += 2 {
		name, value := keys[i], keys[i+1]
		names = append(names, name)
		if value != "" {
			filled = append(filled, name)
		} else if k.given(join(path, name)) {
			empty = append(empty, name)
		}
	}
	switch want := strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]; {
	case len(filled) > 1:
		k.fail(join(path, filled[1]), strings.Join(filled, " and ")+" exclude each other", "keep one")
	case len(filled) == 0 && len(empty) > 0:
		k.fail(join(path, empty[0]), "must not be empty", "")
	case len(filled) == 0:
		k.fail(path, "one of "+want+" is missing", "")
	}
}

// already says where the first of two stands.
func (k *check) already(key string) string {
	if p := k.c.src.position(key); p.Line > 0 {
		return fmt.Sprintf("it is on line %d already", p.Line)
	}
	return ""
}
