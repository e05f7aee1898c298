package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"tracecar/mcp/auth/authtest"
)

// fakeVerifier knows tokens by what they say.
type fakeVerifier struct {
	running chan bool
}

func (*fakeVerifier) Verify(_ context.Context, token string) (Grant, error) {
	switch token {
	case "alice":
		return Grant{Name: "i#alice", Role: "operator"}, nil
	case "bob":
		return Grant{Name: "i#bob"}, nil
	case "expired":
		return Grant{}, &TokenError{Status: 401, Message: "the token has expired"}
	case "narrow":
		return Grant{}, &TokenError{Status: 403, Message: "the token lacks the scope b", Scope: "a b"}
	case "unknown":
		return Grant{}, &TokenError{Status: 503, Message: "the issuer does not answer", RetryAfter: time.Second}
	}
	return Grant{}, errors.New("forged")
}

func (v *fakeVerifier) Run(ctx context.Context) {
	v.running <- true
	<-ctx.Done()
	v.running <- false
}

func TestAccessTokens(t *testing.T) {
	var told []Refusal
	a := newAuth(t, func(o *Options) {
		o.Verifier = &fakeVerifier{}
		o.Metadata = Metadata{Resource: "https://t.example/mcp", AuthorizationServers: []string{"https://i.example"}, Scopes: []string{"a", "b", "c"}, Required: []string{"a"}}
		o.Refused = func(r Refusal) { told = append(told, r) }
	})
	for _, tt := range []struct{ token, name, role string }{
		{"secret-of-ann", "ann", "operator"}, {"alice", "oauth:i#alice", "operator"}, {"bob", "oauth:i#bob", "caller"},
	} {
		if h, d := a.Authenticate(request("Bearer "+tt.token), ""); d != nil || h.Name != tt.name || h.Role != tt.role || h.Life.Err() != nil {
			t.Errorf("%s: %+v %+v", tt.token, h, d)
		}
	}
	const at = `, resource_metadata="https://t.example/.well-known/oauth-protected-resource/mcp"`
	for _, tt := range []struct {
		token, challenge string
		status           int
		retry            time.Duration
	}{
		{"expired", `Bearer realm="tracecar", error="invalid_token", error_description="the token has expired"` + at + `, scope="a"`, 401, 0},
		{"narrow", `Bearer realm="tracecar", error="insufficient_scope", error_description="the token lacks the scope b"` + at + `, scope="a b"`, 403, 0},
		{"unknown", "", 503, time.Second},
	} {
		// However often: these are no guesses.
		for range 3 * guesses.Burst {
			if _, d := a.Authenticate(request("Bearer "+tt.token), ""); d == nil || d.Status != tt.status || d.Challenge != tt.challenge || d.RetryAfter != tt.retry {
				t.Fatalf("%s: %+v", tt.token, d)
			}
		}
	}
	if len(told) != 3 || told[0].Reason != "the token has expired" {
		t.Errorf("told %+v", told)
	}
	// Forged ones are, and hold up those that are good, but those of sessions.
	for range guesses.Burst {
		if _, d := a.Authenticate(request("Bearer forged"), ""); d == nil || d.Status != 401 {
			t.Fatalf("%+v", d)
		}
	}
	if _, d := a.Authenticate(request("Bearer alice"), ""); d == nil || d.Status != 429 {
		t.Errorf("after so many guesses: %+v", d)
	}
	if h, d := a.Authenticate(request("Bearer alice"), "oauth:i#alice"); d != nil || h.Name != "oauth:i#alice" {
		t.Errorf("with a session: %+v", d)
	}
	for _, token := range []string{"alice", "expired", "forged"} {
		if _, d := a.Authenticate(request("Bearer "+token), "oauth:i#bob"); d == nil || d.Status != 429 {
			t.Errorf("%s with another's session: %+v", token, d)
		}
	}
}

// Who is let in still goes on, and the others end.
func TestSet(t *testing.T) {
	dir, ca, clients := t.TempDir(), authtest.NewCA(t, "ca"), authtest.NewCA(t, "clients")
	srv, err := NewTLS(files(t, dir, ca, clients), nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &fakeVerifier{}
	o := Options{
		TLS: srv, Verifier: v, Tokens: []Token{token("ann", "", "secret-of-ann")},
		Clients: []Client{{Match: "CN=one", Name: "one"}, {Match: "CN=two", Name: "two"}},
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]*tls.ConnectionState{}
	for _, name := range []string{"one", "two", "three"} {
		if states[name], err = handshake(t, srv, &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{clients.Pair(t, name)}}); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(cert string, header ...string) (Holder, int) {
		r := request(header...)
		r.TLS = states[cert]
		h, d := a.Authenticate(r, "")
		if d != nil {
			return h, d.Status
		}
		return h, 200
	}
	one, _ := ask("one")
	again, _ := ask("one")
	two, _ := ask("two")
	alice, _ := ask("three", "Bearer alice")
	ann, _ := ask("three", "Bearer secret-of-ann")
	if one.Life != again.Life || one.Name != "one" || alice.Name != "oauth:i#alice" || ann.Name != "ann" {
		t.Fatalf("%+v %+v %+v %+v", one, two, alice, ann)
	}
	// two goes, one gets another role, three comes.
	o.Clients = []Client{{Match: "CN=three", Name: "three"}, {Match: "CN=one", Name: "one", Role: "operator"}}
	o.DefaultRole = "looker"
	if err := a.Set(o); err != nil {
		t.Fatal(err)
	}
	within(t, two.Life, "end of two")
	if one.Life.Err() != nil || alice.Life.Err() != nil || ann.Life.Err() != nil {
		t.Error("who stays has ended")
	}
	if h, status := ask("one"); status != 200 || h.Role != "operator" || h.Life != one.Life {
		t.Errorf("one: %d %+v", status, h)
	}
	if h, status := ask("three"); status != 200 || h.Role != "looker" {
		t.Errorf("three: %d %+v", status, h)
	}
	if _, status := ask("two"); status != 401 {
		t.Errorf("two: %d", status)
	}
	// A mistake changes nothing.
	bad := o
	bad.Clients = []Client{{Match: "OU=x", Name: "x"}}
	if err := a.Set(bad); err == nil || one.Life.Err() != nil {
		t.Errorf("%v", err)
	}
	// Another issuer.
	o.Verifier = &fakeVerifier{}
	if err := a.Set(o); err != nil {
		t.Fatal(err)
	}
	within(t, alice.Life, "end of alice")
	if _, status := ask("three", "Bearer alice"); status != 200 || one.Life.Err() != nil {
		t.Errorf("alice at the new issuer: %d", status)
	}
	// A renewed certificate is the same holder, under another CA not the same life.
	other := authtest.NewCA(t, "other")
	authtest.Write(t, dir, "ca.pem", other.PEM)
	if err := srv.Reload(); err != nil {
		t.Fatal(err)
	}
	within(t, one.Life, "end of one, with its CA")
	if _, status := ask("one"); status != 401 {
		t.Errorf("one, after its CA: %d", status)
	}
	// When nobody is named any more, nobody comes in.
	o.Clients, o.Tokens, o.Verifier = nil, nil, nil
	if err := a.Set(o); err != nil {
		t.Fatal(err)
	}
	states["new"], err = handshake(t, srv, &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{other.Pair(t, "one")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, status := ask("new"); status != 401 {
		t.Errorf("any certificate, after the last name has gone: %d", status)
	}
}

// A server that took any certificate cannot begin to ask who it is: the
// sessions that are open have no names.
func TestSetAfterAnyCertificate(t *testing.T) {
	ca := authtest.NewCA(t, "ca")
	srv, err := NewTLS(files(t, t.TempDir(), ca, ca), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{TLS: srv})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Set(Options{DefaultRole: "looker"}); err != nil {
		t.Error(err)
	}
	if err := a.Set(Options{Clients: []Client{{Match: "CN=a", Name: "a"}}}); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("%v", err)
	}
}

// The Verifier in force is kept running, and no other.
func TestWatchRunsTheVerifier(t *testing.T) {
	first, second := &fakeVerifier{make(chan bool)}, &fakeVerifier{make(chan bool)}
	a := newAuth(t, func(o *Options) { o.Verifier = first })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.Watch(ctx); close(done) }()
	next := func(v *fakeVerifier, want bool) {
		t.Helper()
		select {
		case got := <-v.running:
			if got != want {
				t.Errorf("running: %v", got)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("nothing")
		}
	}
	next(first, true)
	if err := a.SetTokens([]Token{token("x", "", "y")}); err != nil { // the same Verifier runs on
		t.Fatal(err)
	}
	if err := a.Set(Options{Verifier: second}); err != nil {
		t.Fatal(err)
	}
	next(first, false)
	next(second, true)
	cancel()
	next(second, false)
	<-done
}

func TestMetadataOfNobody(t *testing.T) {
	if _, err := New(Options{Metadata: Metadata{Resource: "https://a.example", AuthorizationServers: []string{"https://b.example"}}}); err == nil {
		t.Error("an issuer whose tokens nobody verifies: taken")
	}
}
