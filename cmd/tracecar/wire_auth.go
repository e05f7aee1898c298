//go:build !light

package main

import (
	"errors"
	"log/slog"
	"slices"

	"tracecar/collector"
	"tracecar/collector/audit"
	"tracecar/config"
	"tracecar/mcp"
	"tracecar/mcp/auth"
	"tracecar/mcp/auth/oauth"
)

// faces adds to a server's configuration who may come in.
func (d *daemon) faces(m *mcp.Config, cfg *config.Config) error {
	m.Role = defaultRole(cfg)
	m.RoleLimits = func(role string) mcp.Limits {
		if d.auth == nil { // callers are not told apart: each of them is bounded by what all may have
			r := d.config().Roles[role]
			return mcp.Limits{PerMinute: r.MaxCallsPerMinute, Calls: r.MaxCalls, Runs: r.MaxRuns}
		}
		l := d.role(collector.Script{Caller: collector.Caller{Role: role}})
		return mcp.Limits{PerMinute: l.MaxCallsPerMinute, Calls: l.MaxCalls, Runs: l.MaxRuns}
	}
	m.RoleBounds = func(role string) map[string]int {
		return bounds(d.role(collector.Script{Caller: collector.Caller{Role: role}}))
	}
	if cfg.Auth.TLS.Cert != "" {
		t, err := auth.NewTLS(tlsFiles(&cfg.Auth.TLS), d.log)
		if err != nil {
			return err
		}
		m.TLS, d.tls = t, t
	}
	if !cfg.Auth.Asks() {
		return nil
	}
	o, verifier, err := d.access(cfg)
	if err != nil {
		return err
	}
	a, err := auth.New(o)
	if err != nil {
		return err
	}
	m.Auth, d.auth, d.oauth = a, a, verifier
	d.health.setOAuth(verifier)
	return nil
}

// access is whom cfg lets in. The Verifier of the configuration in force is
// kept where nothing of it changed, with the sessions of its callers.
func (d *daemon) access(cfg *config.Config) (auth.Options, *oauth.Verifier, error) {
	a := &cfg.Auth
	o := auth.Options{
		TLS: d.tls, DefaultRole: a.DefaultRole, Metadata: oauthMetadata(&a.OAuth),
		Proxies: auth.Proxies{Forwarded: a.ProxyHeader == "Forwarded"},
		Refused: func(r auth.Refusal) {
			d.record(audit.Entry{
				Time: r.Time, Event: audit.EventAuth, Outcome: audit.Refused, Who: audit.Who{Remote: r.Address},
				Script: audit.Script{Name: r.Path}, Reason: r.Reason,
			})
		},
	}
	for _, t := range a.Tokens {
		o.Tokens = append(o.Tokens, auth.Token{Name: t.Name, Role: t.Role, SHA256: t.SHA256})
	}
	for _, c := range a.TLS.Clients {
		o.Clients = append(o.Clients, auth.Client{Match: c.Match, Name: c.Name, Role: c.Role})
	}
	for _, p := range a.TrustedProxies {
		prefix, err := auth.ParseProxy(p)
		if err != nil {
			return o, nil, err
		}
		o.Proxies.Trusted = append(o.Proxies.Trusted, prefix)
	}
	verifier := d.oauth
	if verifier == nil || !a.OAuth.Equal(&d.cfg.Auth.OAuth) {
		var err error
		if verifier, err = newVerifier(&a.OAuth, d.log); err != nil {
			return o, nil, err
		}
	}
	if verifier != nil {
		o.Verifier = verifier // a nil *Verifier would be no nil Verifier
	}
	return o, verifier, nil
}

func tlsFiles(t *config.ServerTLS) auth.Files {
	return auth.Files{Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA}
}

// newVerifier returns nil where there are no issuers.
func newVerifier(o *config.OAuth, log *slog.Logger) (*oauth.Verifier, error) {
	if len(o.Issuers) == 0 {
		return nil, nil
	}
	roots, err := o.Roots()
	if err != nil {
		return nil, err
	}
	c := oauth.Config{Issuers: o.Issuers, Audiences: append([]string{o.Resource}, o.Audiences...), Scopes: o.Scopes, CA: roots, Logger: log}
	for _, r := range o.Roles {
		c.Roles = append(c.Roles, oauth.Role{Scope: r.Scope, Claim: r.Claim, Value: r.Value, Role: r.Role})
	}
	return oauth.New(c)
}

// oauthMetadata tells clients where to get a token, and which.
func oauthMetadata(o *config.OAuth) auth.Metadata {
	scopes := slices.Clone(o.Scopes)
	for _, r := range o.Roles {
		if r.Scope != "" && !slices.Contains(scopes, r.Scope) {
			scopes = append(scopes, r.Scope)
		}
	}
	return auth.Metadata{Resource: o.Resource, AuthorizationServers: o.Issuers, Scopes: scopes, Required: o.Scopes}
}

// retake takes over from cfg who is let in. Callers that are let in still go on.
func (d *daemon) retake(cfg *config.Config) error {
	if d.auth == nil {
		if cfg.Auth.Asks() {
			return errors.New("nobody was asked for a token at the start: restart tracecar to ask for them")
		}
		return nil
	}
	o, verifier, err := d.access(cfg)
	if err != nil {
		return err
	}
	if d.tls != nil && cfg.Auth.TLS.Cert != "" {
		if err := d.tls.Set(tlsFiles(&cfg.Auth.TLS)); err != nil {
			return err
		}
	}
	if err := d.auth.Set(o); err != nil {
		return err
	}
	d.oauth = verifier
	d.health.setOAuth(verifier)
	return nil
}
