package mcp

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"tracecar/mcp/auth"
)

// A page of an allowed origin can ask with a token, and read the answer.
func TestPagesOfAllowedOrigins(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), withTokens(t), func(c *Config) { c.AllowedOrigins = []string{"https://UI.example/"} }))
	const page = "https://ui.example"
	for _, path := range []string{"/mcp", "/sse", "/message", "/api/mcp"} {
		r := askAs(t, "OPTIONS", base+path, "", "", "Origin", page, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
		if r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != page || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "Authorization") || r.body != "" {
			t.Errorf("%s preflight: %d %v", path, r.status, r.header)
		}
		r = askAs(t, "OPTIONS", base+path, "", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
		if r.status != 403 || r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s preflight of another page: %d %v", path, r.status, r.header)
		}
	}
	for token, want := range map[string]int{"": 401, annToken: 200} {
		r := askAs(t, "GET", base+"/api/tools", token, "", "Origin", page)
		if r.status != want || r.header.Get("Access-Control-Allow-Origin") != page || !strings.Contains(r.header.Get("Access-Control-Expose-Headers"), sessionHeader) || r.header.Get("Vary") != "Origin" {
			t.Errorf("with token %q: %d %v", token, r.status, r.header)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/sse", nil)
	req.Header.Set("Origin", page)
	req.Header.Set("Authorization", "Bearer "+annToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Values("Access-Control-Allow-Origin"); res.StatusCode != 200 || len(got) != 1 || got[0] != page {
		t.Errorf("SSE: %s %v", res.Status, got)
	}
	if r := askAs(t, "GET", base+"/api/tools", annToken, ""); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("no page: %v", r.header)
	}
}

func TestAllowedHosts(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), func(c *Config) { c.AllowedHosts = []string{"TRACECAR.example:8421", "[2001:DB8::1]"} }))
	for host, want := range map[string]int{
		"tracecar.example": 200, "TraceCar.Example:9": 200, "[2001:db8::1]:8421": 200, "127.0.0.1": 200,
		"tracecar.example.evil": 403, "xtracecar.example": 403, "": 200,
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/healthz", nil)
		req.Host = host
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%q: %s", host, res.Status)
		}
	}
}

// What an OAuth client does first: ask without a token, and follow the 401.
func TestOAuthDiscovery(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), withTokens(t, func(o *auth.Options) {
		o.Metadata = auth.Metadata{Resource: "https://tracecar.example/mcp", AuthorizationServers: []string{"https://issuer.example"}, Scopes: []string{"trace"}}
	})))
	r := askAs(t, "POST", base+"/mcp", "", stdioInit)
	const want = `resource_metadata="https://tracecar.example/.well-known/oauth-protected-resource/mcp"`
	if r.status != 401 || !strings.Contains(r.header.Get("WWW-Authenticate"), want) {
		t.Errorf("%d %v", r.status, r.header)
	}
	for _, path := range []string{"/mcp", ""} {
		r = askAs(t, "GET", base+auth.WellKnown+path, "", "")
		m := r.json(t)
		servers, _ := m["authorization_servers"].([]any)
		methods, _ := m["bearer_methods_supported"].([]any)
		if r.status != 200 || m["resource"] != "https://tracecar.example/mcp" || len(servers) != 1 || servers[0] != "https://issuer.example" ||
			len(methods) != 1 || methods[0] != "header" || r.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s %v", path, r.status, r.body, r.header)
		}
	}
	for _, path := range []string{"/other", "/mcp/x", "/"} {
		if r := askAs(t, "GET", base+auth.WellKnown+path, "", ""); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	// A token belongs into the header, not where logs keep it.
	if r := askAs(t, "GET", base+"/api/tools?access_token="+annToken, "", ""); r.status != 401 {
		t.Errorf("token in the URL: %d", r.status)
	}
}
