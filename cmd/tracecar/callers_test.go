//go:build !light

package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tracecar/mcp/auth/authtest"
)

// An OAuth client: it asks, follows the 401 to the metadata, and comes back
// with tokens of the issuer that is named there.
func TestOAuth(t *testing.T) {
	i := authtest.NewIssuer(t, "/realms/ops", "/.well-known/openid-configuration/realms/ops")
	const resource = "https://tracecar.example/mcp"
	yaml := func(roles string) string {
		return `
auth:
  default_role: caller
  oauth:
    issuers: ["` + i.URL + `"]
    resource: ` + resource + `
    scopes: [trace]
    roles: [` + roles + `]
roles: {reader: {read_only: true}}
audit: {file: audit.jsonl}`
	}
	s := serveConfig(t, yaml(`{scope: "trace:read", role: reader}`))
	status, header, _ := s.ask("POST", "/mcp", "", "{}")
	const where = "/.well-known/oauth-protected-resource/mcp"
	if want := `Bearer realm="tracecar", resource_metadata="https://tracecar.example` + where + `", scope="trace"`; status != 401 || header.Get("WWW-Authenticate") != want {
		t.Errorf("%d %v", status, header)
	}
	if status, _, body := s.ask("GET", where, "", ""); status != 200 ||
		!strings.Contains(body, `"authorization_servers":["`+i.URL+`"]`) || !strings.Contains(body, `"scopes_supported":["trace","trace:read"]`) {
		t.Errorf("%d %s", status, body)
	}
	type claims = map[string]any
	token := i.Token(t, "rsa", resource, claims{"scope": "trace"})
	reader := i.Token(t, "ec", resource, claims{"scope": "trace trace:read", "sub": "bob"})
	if got, want := s.refused(token), "oauth:"+i.URL+"#alice/caller"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := s.refused(reader), "oauth:"+i.URL+"#bob/reader"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for what, tt := range map[string]struct {
		token, challenge string
		status           int
	}{
		"for another":  {i.Token(t, "rsa", "https://other.example/mcp", claims{"scope": "trace"}), `error="invalid_token", error_description="the token is for another server`, 401},
		"expired":      {i.Token(t, "rsa", resource, claims{"scope": "trace", "exp": 1}), `error_description="the token has expired"`, 401},
		"forged":       {i.Forge(t, authtest.Stranger(), resource, "at+jwt", claims{"scope": "trace"}), `error_description="the token is not valid"`, 401},
		"narrow":       {i.Token(t, "rsa", resource, nil), `error="insufficient_scope"`, 403},
		"made-up role": {i.Token(t, "rsa", resource, claims{"role": "operator"}), `scope="trace"`, 403},
	} {
		status, header, body := s.ask("POST", "/mcp", tt.token, "{}")
		if challenge := header.Get("WWW-Authenticate"); status != tt.status || !strings.Contains(challenge, tt.challenge) || !strings.Contains(challenge, "resource_metadata=") {
			t.Errorf("%s: %d %s %s", what, status, challenge, body)
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "audit.jsonl"))
	for _, reason := range []string{"wrong token", "the token has expired", "the token is for another server", "the token lacks the scope trace"} {
		if !bytes.Contains(log, []byte(reason)) {
			t.Errorf("%q is not in the audit log\n%s", reason, log)
		}
	}
	for _, secret := range []string{token, reader, strings.Split(token, ".")[2]} {
		if bytes.Contains(log, []byte(secret)) {
			t.Error("a token is in the audit log")
		}
	}
	// While the issuer is down, what is known goes on, and /readyz tells.
	i.Fault(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if status, _, _ := s.ask("POST", "/mcp", i.Forge(t, authtest.Stranger(), resource, "JWT", nil), "{}"); status != 401 {
		t.Errorf("forged: %d", status)
	}
	// A changed mapping counts for the next call.
	i.Fault(nil)
	s.write("tracecar.yaml", yaml(`{scope: "trace:read", role: operator}, {scope: trace, role: reader}`))
	eventually(t, "the new mapping", func() bool { return s.refusedAs(token, "oauth:"+i.URL+"#alice/reader") })
	// Another issuer: the old one's tokens are nobody's.
	j := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	s.write("tracecar.yaml", strings.ReplaceAll(yaml(""), i.URL, j.URL))
	eventually(t, "the new issuer", func() bool { // asked for in a way that is no guess at the old one
		_, _, body := s.ask("GET", where, "", "")
		return strings.Contains(body, j.URL)
	})
	if status, _, body := s.ask("GET", "/api/tools", j.Token(t, "ec", resource, claims{"scope": "trace"}), ""); status != 200 {
		t.Errorf("the new issuer's token: %d %s", status, body)
	}
	if status, _, _ := s.ask("GET", "/api/tools", token, ""); status != 401 && status != 429 {
		t.Errorf("the old issuer's token: %d", status)
	}
}

// refusedAs is refused, where the call may not get so far yet.
func (s *served) refusedAs(token, want string) bool {
	s.t.Helper()
	if status, _, _ := s.ask("POST", "/api/mcp", token, `{"method":"execute_bpftrace_script","params":{"script":"BEGIN { system(\"id\"); }"}}`); status != 400 {
		return false
	}
	list := s.entries()
	who, _ := list[len(list)-1]["who"].(map[string]any)
	return who["token"].(string)+"/"+who["role"].(string) == want
}

const tlsConfig = `
auth:
  default_role: caller
  tls:
    cert: cert.pem
    key: key.pem
    client_ca: ca.pem
    clients: [{match: CN=agent, name: NAME, role: ROLE}]
roles: {reader: {read_only: true}}
audit: {file: audit.jsonl}`

func named(name, role string) string {
	return strings.NewReplacer("NAME", name, "ROLE", role).Replace(tlsConfig)
}

// Client certificates have the names and roles of the configuration, in the
// audit log and live.
func TestClientCertificateNames(t *testing.T) {
	ca, clients := authtest.NewCA(t, "ca"), authtest.NewCA(t, "clients")
	cert, key := ca.Issue(t, "server")
	s := serveConfig(t, named("first", "caller"), "cert.pem", string(cert), "key.pem", string(key), "ca.pem", string(clients.PEM))
	agent, other, nobody := s.trust(ca, clients.Pair(t, "agent")), s.trust(ca, clients.Pair(t, "other")), s.trust(ca)
	if got := agent.refused(""); got != "first/caller" {
		t.Errorf("%s", got)
	}
	for what, c := range map[string]*served{"another name": other, "no certificate": nobody} {
		if status, _, body := c.ask("GET", "/api/tools", "", ""); status != 401 {
			t.Errorf("%s: %d %s", what, status, body)
		}
		if status, _, _ := c.ask("GET", "/healthz", "", ""); status != 200 {
			t.Errorf("%s: health: %d", what, status)
		}
	}
	s.write("tracecar.yaml", named("second", "reader"))
	eventually(t, "the new name", func() bool { return agent.refusedAs("", "second/reader") })
	s.write("tracecar.yaml", strings.Replace(named("third", "reader"), "CN=agent", "CN=other", 1))
	eventually(t, "the other certificate", func() bool { return other.refusedAs("", "third/reader") })
	if status, _, _ := agent.ask("GET", "/api/tools", "", ""); status != 401 {
		t.Errorf("who is named no more: %d", status)
	}
	// Another client CA.
	next := authtest.NewCA(t, "next")
	s.write("ca.pem", string(next.PEM))
	eventually(t, "the new CA", func() bool { return s.trust(ca, next.Pair(t, "other")).refusedAs("", "third/reader") })
	if status, _, _, err := other.try("GET", "/api/tools", "", ""); err == nil && status != 401 {
		t.Errorf("the old CA's: %d", status)
	}
	// A mistake changes nothing.
	s.write("tracecar.yaml", named("third", "nobody"))
	eventually(t, "the mistake", func() bool {
		_, _, body := nobody.ask("GET", "/readyz", "", "")
		return strings.Contains(body, "config_error") && strings.Contains(body, "no role")
	})
	if got := s.trust(ca, next.Pair(t, "other")).refused(""); got != "third/reader" {
		t.Errorf("after the mistake: %s", got)
	}
}

// A certificate that is not good is not taken: the old one serves on, and the
// log, /readyz and the metrics say so, until a good one comes.
func TestBadCertificateOnDisk(t *testing.T) {
	ca, next := authtest.NewCA(t, "ca"), authtest.NewCA(t, "next")
	cert, key := ca.Issue(t, "server")
	s := serveConfig(t, "auth: {tls: {cert: cert.pem, key: key.pem}}", "cert.pem", string(cert), "key.pem", string(key)).trust(ca)
	scrape := func() string {
		_, _, body := s.ask("GET", "/metrics", "", "")
		return body
	}
	ready := func() string {
		_, _, body := s.ask("GET", "/readyz", "", "")
		return body
	}
	metric := func(name, value string) bool {
		for line := range strings.Lines(scrape()) {
			if got, ok := strings.CutPrefix(line, name); ok && (got[0] == '{' || got[0] == ' ') {
				return strings.HasSuffix(strings.TrimRight(got, "\n"), " "+value)
			}
		}
		return false
	}
	if got := ready(); strings.Contains(got, "_error") || !metric("tracecar_tls_refused", "0") {
		t.Errorf("%s\n%s", got, scrape())
	}
	s.write("cert.pem", "-----BEGIN CERTIFICATE-----\nhalf a")
	eventually(t, "the fault of TLS", func() bool { return strings.Contains(ready(), "tls_error") && metric("tracecar_tls_refused", "1") })
	eventually(t, "the fault of the configuration", func() bool {
		return strings.Contains(ready(), "config_error") && metric("tracecar_config_refused", "1")
	})
	cert, key = next.Issue(t, "server")
	s.write("key.pem", string(key))
	s.write("cert.pem", string(cert))
	renewed := s.trust(next)
	eventually(t, "the good certificate", func() bool { _, _, _, err := renewed.try("GET", "/healthz", "", ""); return err == nil })
	s = renewed
	eventually(t, "no fault", func() bool {
		return !strings.Contains(ready(), "_error") && metric("tracecar_tls_refused", "0") && metric("tracecar_config_refused", "0")
	})
	if !strings.Contains(scrape(), "tracecar_tls_certificate_remaining_seconds") {
		t.Error(scrape())
	}
}

// A server beyond loopback wants auth and TLS, wherever its address is written.
func TestBind(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := authtest.NewCA(t, "ca")
	cert, key := ca.Issue(t, "server")
	file("cert.pem", string(cert))
	file("key.pem", string(key))
	file("token", testToken)
	const token, insecure = "auth: {tokens: [{name: a, token_file: token}]", "auth: {allow_insecure_bind: true}"
	const both = token + ", tls: {cert: cert.pem, key: key.pem}}"
	for _, tt := range []struct {
		flag, env, listen, auth string
		ok                      bool
	}{
		{flag: "0.0.0.0:0"}, {flag: ":0"}, {flag: "[::]:0"}, {flag: "[::ffff:0.0.0.0]:0"}, {flag: "0:0"}, {flag: "host.invalid:0"},
		{env: "0.0.0.0:0"}, {listen: "0.0.0.0:0"}, {flag: "0.0.0.0:0", listen: "127.0.0.1:0"}, {env: "0.0.0.0:0", listen: "127.0.0.1:0"},
		{flag: "0.0.0.0:0", auth: token + "}"}, {flag: "0.0.0.0:0", auth: "auth: {tls: {cert: cert.pem, key: key.pem}}"}, {listen: "0.0.0.0:0", auth: token + "}"},
		{flag: "127.0.0.1:0", ok: true}, {flag: "localhost:0", ok: true}, {flag: "LOCALHOST:0", ok: true}, {flag: "127.0.0.1:0", listen: "0.0.0.0:0", ok: true},
		{flag: "0.0.0.0:0", auth: both, ok: true}, {listen: "0.0.0.0:0", auth: both, ok: true},
		{flag: "0.0.0.0:0", auth: insecure, ok: true}, {env: "0.0.0.0:0", auth: insecure, ok: true},
	} {
		t.Setenv("TRACECAR_LISTEN", tt.env)
		cmd := newServe()
		args := []string{}
		if tt.listen != "" || tt.auth != "" {
			text := tt.auth + "\n"
			if tt.listen != "" {
				text += "listen: '" + tt.listen + "'\n"
			}
			args = append(args, "--config", file("tracecar.yaml", text))
		}
		if tt.flag != "" {
			args = append(args, "--listen", tt.flag)
		}
		cmd.SetArgs(args)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		// It ends as soon as it listens.
		ctx, cancel := context.WithCancel(context.Background())
		stderr := &stopWriter{stop: cancel}
		cmd.SetErr(stderr)
		err := cmd.ExecuteContext(ctx)
		cancel()
		listened := strings.Contains(stderr.String(), "msg=listening")
		if tt.ok != listened || tt.ok != (err == nil) || !tt.ok && !strings.Contains(err.Error(), "is not a loopback address") {
			t.Errorf("%+v: listened %v, %v", tt, listened, err)
		}
	}
}

// stopWriter keeps what is logged, and stops the server once it listens.
type stopWriter struct {
	bytes.Buffer
	stop func()
}

func (w *stopWriter) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("msg=listening")) {
		defer w.stop()
	}
	return w.Buffer.Write(b)
}
