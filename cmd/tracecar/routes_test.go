//go:build !light

package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tracecar/config"
	"tracecar/mcp/auth"
)

// routes are all that serve registers, and what they ask of a caller without a
// token. One that is not here fails the test: say first whether it is open.
var routes = map[string]struct {
	ask  string // a request of it
	open bool
}{
	"GET /{$}":                      {"GET /", false},
	"/mcp":                          {"POST /mcp", false},
	"/sse":                          {"GET /sse", false},
	"/message":                      {"POST /message?sessionId=x", false},
	"POST /api/mcp":                 {"POST /api/mcp", false},
	"POST /api/mcp/request":         {"POST /api/mcp/request", false},
	"GET /api/tools":                {"GET /api/tools", false},
	"GET /api/probes":               {"GET /api/probes", false},
	"GET /api/probes/{name}/stacks": {"GET /api/probes/x/stacks", false},
	"GET /metrics":                  {"GET /metrics", false}, // with auth.metrics
	"GET /healthz":                  {"GET /healthz", true},
	"GET /readyz":                   {"GET /readyz", true},
	"GET " + auth.WellKnown:         {"GET " + auth.WellKnown, true},
	"GET " + auth.WellKnown + "/":   {"GET " + auth.WellKnown + "/mcp", true},
}

// What the page at / names is there, and all that people may look for is named.
func TestIndexNamesRoutes(t *testing.T) {
	s := serveConfig(t, "auth: {default_role: caller}")
	status, _, page := s.ask("GET", "/", "", "")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, page)
	}
	for line := range strings.Lines(page) {
		path, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(path, "/") && !slices.ContainsFunc(s.d.server.Patterns(), func(p string) bool { return p[strings.IndexByte(p, '/'):] == path }) {
			t.Errorf("%s is named and not served", path)
		}
	}
	for _, path := range []string{"/mcp", "/api/mcp", "/api/tools", "/api/probes", "/metrics", "/healthz", "/readyz"} {
		if !strings.Contains(page, "\n"+path+" ") {
			t.Errorf("%s is not named", path)
		}
	}
}

func TestEveryRouteAsks(t *testing.T) {
	const oauth = `
  oauth: {issuers: ["http://127.0.0.1:1"], resource: "http://127.0.0.1/mcp"}`
	for metrics, yaml := range map[bool]string{
		true:  "auth:\n  tokens: [{name: agent, token_env: TOKEN}]\n  metrics: true" + oauth,
		false: "auth:\n  tokens: [{name: agent, token_env: TOKEN}]" + oauth,
	} {
		s := serveConfig(t, yaml)
		served := s.d.server.Patterns()
		for _, p := range slices.Sorted(maps.Keys(routes)) {
			if !slices.Contains(served, p) {
				t.Errorf("%s is in the table and not served", p)
			}
		}
		for _, p := range served {
			r, ok := routes[p]
			if !ok {
				t.Errorf("%s is served and not in the table: say whether it is open", p)
				continue
			}
			method, path, _ := strings.Cut(r.ask, " ")
			open := r.open || p == "GET /metrics" && !metrics
			methods := []string{method}
			if !strings.Contains(p, " ") {
				methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"}
			}
			for _, m := range methods {
				status, header, answer := s.ask(m, path, "", "")
				switch {
				case open && status == http.StatusUnauthorized:
					t.Errorf("%s %s is not open: %s", m, path, answer)
				case !open && (status != http.StatusUnauthorized || !strings.HasPrefix(header.Get("WWW-Authenticate"), "Bearer ")):
					t.Errorf("%s %s is open: %d %s", m, path, status, answer)
				}
				if !open && m != "HEAD" && !strings.Contains(answer, "a token is needed") {
					t.Errorf("%s %s: %s", m, path, answer)
				}
			}
			if status, _, answer := s.ask(method, path, testToken, ""); status == http.StatusUnauthorized {
				t.Errorf("%s with the token: %s", r.ask, answer)
			}
		}
	}
}

// A scrape at a route of tracecar's own would end serve when it starts, or take
// the route over.
func TestEveryRouteIsNoScrapePath(t *testing.T) {
	for pattern := range routes {
		method, path, _ := strings.Cut(routes[pattern].ask, " ")
		path, _, _ = strings.Cut(path, "?")
		c := config.Default()
		c.Prometheus.Path = path
		if err := c.Validate(); (err == nil) != (path == "/metrics") {
			t.Errorf("prometheus.path %s, as %s %s: %v", path, method, pattern, err)
		}
	}
}
