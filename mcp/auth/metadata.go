package auth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// WellKnown is where OAuth clients look for a resource's Metadata (RFC 9728);
// for one with a path, they look at WellKnown + path first.
const WellKnown = "/.well-known/oauth-protected-resource"

// Metadata describes this server to OAuth clients (RFC 9728), as the MCP
// specification asks. It tells them where tokens come from; Options.Verifier
// takes them.
type Metadata struct {
	// Resource is the URL of the MCP endpoint as clients know it, for example
	// https://tracecar.example/mcp. "": nothing is published.
	Resource string `json:"resource"`
	// AuthorizationServers are the issuers that give out tokens for it.
	AuthorizationServers []string `json:"authorization_servers,omitempty"`
	// Scopes are what such a token may be asked for; Required are those that
	// each needs, which a 401 names.
	Scopes   []string `json:"scopes_supported,omitempty"`
	Required []string `json:"-"`
	// Documentation is a page for people.
	Documentation string `json:"resource_documentation,omitempty"`
}

func (m Metadata) check() error {
	if m.Resource == "" {
		if len(m.AuthorizationServers) > 0 {
			return fmt.Errorf("there are authorization servers and no resource: the URL of the MCP endpoint is missing")
		}
		return nil
	}
	for _, raw := range append([]string{m.Resource}, m.AuthorizationServers...) {
		// RFC 9728 and RFC 8414 allow no fragment; quotes would break the header.
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" || u.RawQuery != "" || strings.ContainsAny(raw, "\"\\ ") {
			return fmt.Errorf("%q is not an http or https URL without query and fragment", raw)
		}
	}
	return nil
}

// url is where the metadata is found, "" where there is none.
func (m Metadata) url() string {
	u, err := url.Parse(m.Resource)
	if m.Resource == "" || err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + WellKnown + strings.TrimSuffix(u.EscapedPath(), "/")
}

// challenge is the WWW-Authenticate header of a 401, and of a 403, which names
// the scope that is lacking.
func (m Metadata) challenge(code, message, scope string) string {
	parts := []string{`realm="tracecar"`}
	if code != "" {
		parts = append(parts, fmt.Sprintf("error=%q", code), fmt.Sprintf("error_description=%q", message))
	}
	if u := m.url(); u != "" {
		parts = append(parts, fmt.Sprintf("resource_metadata=%q", u))
	}
	if scope == "" {
		scope = strings.Join(m.Required, " ")
	}
	if scope != "" {
		parts = append(parts, fmt.Sprintf("scope=%q", scope))
	}
	return "Bearer " + strings.Join(parts, ", ")
}

// ServeMetadata answers GET WellKnown and WellKnown + the resource's path; 404
// where there is nothing to tell. It holds no secret and wants no token, and
// any web page may read it.
func (a *Auth) ServeMetadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Type", "application/json")
	var m Metadata
	if a != nil {
		m = a.now.Load().opts.Metadata
	}
	own, _ := url.Parse(m.Resource) // checked before
	if m.Resource == "" || r.URL.Path != WellKnown && r.URL.Path != WellKnown+strings.TrimSuffix(own.Path, "/") {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("{\"error\":\"there is no such metadata\"}\n"))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(struct {
		Metadata
		Methods []string `json:"bearer_methods_supported"`
		Name    string   `json:"resource_name"`
	}{m, []string{"header"}, "tracecar"})
}
