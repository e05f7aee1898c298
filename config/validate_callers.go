package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
)

var (
	clientMatch = regexp.MustCompile(`^(CN=|DNS:|URI:|EMAIL:|IP:).`)
	// scopeToken is RFC 6749's: what can stand between spaces and within quotes.
	scopeToken = regexp.MustCompile(`^[!#-\[\]-~]+$`)
)

// clients checks the names of client certificates.
func (k *check) clients() {
	t := &k.c.Auth.TLS
	if len(t.Clients) > 0 && t.ClientCA == "" {
		k.fail("auth.tls.clients", "there is no client_ca to sign their certificates", "")
	}
	seen := map[string]int{}
	for i, c := range t.Clients {
		path := joinIndex("auth.tls.clients", i)
		k.role(join(path, "role"), c.Role)
		key := join(path, "match")
		ip, isIP := strings.CutPrefix(c.Match, "IP:")
		first, twice := seen[c.Match]
		switch {
		case c.Match == "": // is missing
		case !clientMatch.MatchString(c.Match):
			k.fail(key, fmt.Sprintf("%q matches no certificate", c.Match), "write CN=NAME, DNS:NAME, URI:URI, EMAIL:ADDRESS or IP:ADDRESS")
		case twice:
			k.fail(key, fmt.Sprintf("duplicate match %q", c.Match), k.already(join(joinIndex("auth.tls.clients", first), "match")))
		case isIP:
			if _, err := netip.ParseAddr(ip); err != nil {
				k.fail(key, fmt.Sprintf("%q is not an address", ip), "")
			}
		}
		seen[c.Match] = i
	}
}

func (k *check) oauth() {
	o := &k.c.Auth.OAuth
	if len(o.Issuers) == 0 {
		v := reflect.ValueOf(*o)
		for _, f := range fieldsOf(v.Type()) {
			if !v.Field(f.index).IsZero() {
				k.fail(join("auth.oauth", f.name), "there are no issuers", "auth.oauth.issuers lists them")
			}
		}
		return
	}
	for i, raw := range o.Issuers {
		k.secureURL(joinIndex("auth.oauth.issuers", i), raw)
	}
	if o.Resource == "" {
		k.fail("auth.oauth.resource", "is missing: tokens for other servers would be taken", "the URL of the MCP endpoint as clients know it")
	} else {
		k.secureURL("auth.oauth.resource", o.Resource)
	}
	for i, a := range o.Audiences {
		if strings.TrimSpace(a) == "" {
			k.fail(joinIndex("auth.oauth.audiences", i), "must not be empty", "")
		}
	}
	for i, s := range o.Scopes {
		k.scope(joinIndex("auth.oauth.scopes", i), s)
	}
	for i, r := range o.Roles {
		path := joinIndex("auth.oauth.roles", i)
		k.oneOf(path, "scope", r.Scope, "claim", r.Claim)
		k.role(join(path, "role"), r.Role)
		if r.Scope != "" {
			k.scope(join(path, "scope"), r.Scope)
		}
		if r.Claim != "" && r.Value == "" {
			k.fail(join(path, "value"), "is missing: what the claim must be, or hold", "")
		}
		if r.Claim == "" && r.Value != "" {
			k.fail(join(path, "value"), "there is no claim", "")
		}
	}
}

func (k *check) scope(key, s string) {
	if !scopeToken.MatchString(s) {
		k.fail(key, fmt.Sprintf("%q is not a scope", s), "one word; write a list for several")
	}
}

// secureURL checks a URL that OAuth trusts: https, or http on loopback.
func (k *check) secureURL(key, raw string) {
	u := k.url(key, raw)
	switch {
	case u == nil: // said
	case u.Scheme != "https" && !loopback(u.Hostname()):
		k.fail(key, fmt.Sprintf("%q is not an https:// URL", raw), "http is taken on loopback only")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.ContainsAny(raw, "\"\\ #"):
		k.fail(key, fmt.Sprintf("%q has a query, a fragment or a quote", raw), "")
	}
}

// proxy checks an address or a network.
func (k *check) proxy(key, s string) {
	p, err := netip.ParsePrefix(s)
	if !strings.Contains(s, "/") {
		_, err = netip.ParseAddr(s)
	}
	switch {
	case err != nil:
		k.fail(key, fmt.Sprintf("%q is not an address or a network", s), "write 10.0.0.7 or 10.0.0.0/8")
	case p.IsValid() && p.Bits() == 0:
		k.fail(key, fmt.Sprintf("%q is everybody: callers could name any address as theirs", s), "")
	}
}
