package auth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tracecar/mcp/auth/authtest"
)

// files writes a server's certificate of ca, and clientCA where given.
func files(t *testing.T, dir string, ca *authtest.CA, clientCA *authtest.CA) Files {
	t.Helper()
	cert, key := ca.Issue(t, "server")
	f := Files{Cert: authtest.Write(t, dir, "cert.pem", cert), Key: authtest.Write(t, dir, "key.pem", key)}
	if clientCA != nil {
		f.ClientCA = authtest.Write(t, dir, "ca.pem", clientCA.PEM)
	}
	return f
}

// handshake shakes hands with t's configuration, and returns the server's side of it.
func handshake(t *testing.T, srv *TLS, client *tls.Config) (*tls.ConnectionState, error) {
	t.Helper()
	return handshakeWith(t, srv.Config(), client)
}

func handshakeWith(t *testing.T, server, client *tls.Config) (*tls.ConnectionState, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	type side struct {
		state tls.ConnectionState
		err   error
	}
	served := make(chan side, 1)
	go func() {
		raw, err := ln.Accept()
		if err != nil {
			served <- side{err: err}
			return
		}
		defer raw.Close()
		conn := tls.Server(raw, server)
		err = conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte{1})
		}
		served <- side{conn.ConnectionState(), err}
	}()
	client = client.Clone()
	client.ServerName = "127.0.0.1"
	conn, err := tls.Dial("tcp", ln.Addr().String(), client)
	if err == nil {
		// TLS 1.3: the server's word on the client's certificate comes now.
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	s := <-served
	if err == nil {
		err = s.err
	}
	return &s.state, err
}

func TestRenewedCertificate(t *testing.T) {
	dir, oldCA, newCA := t.TempDir(), authtest.NewCA(t, "old"), authtest.NewCA(t, "new")
	srv, err := NewTLS(files(t, dir, oldCA, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	serves := func(ca *authtest.CA) {
		t.Helper()
		if _, err := handshake(t, srv, &tls.Config{RootCAs: ca.Pool()}); err != nil {
			t.Error(err)
		}
	}
	serves(oldCA)
	// The new certificate is there and its key is not yet: the old pair serves on.
	cert, key := newCA.Issue(t, "server")
	authtest.Write(t, dir, "cert.pem", cert)
	if err := srv.Reload(); err == nil || !strings.Contains(err.Error(), "cert.pem and ") {
		t.Errorf("a pair that does not match: %v", err)
	}
	serves(oldCA)
	for what, data := range map[string][]byte{"empty": nil, "cut": key[:40], "foreign": cert} {
		authtest.Write(t, dir, "key.pem", data)
		if err := srv.Reload(); err == nil {
			t.Errorf("%s key: taken", what)
		}
		serves(oldCA)
	}
	expired, expiredKey := newCA.Issue(t, "server", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	authtest.Write(t, dir, "cert.pem", expired)
	authtest.Write(t, dir, "key.pem", expiredKey)
	if err := srv.Reload(); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired certificate: %v", err)
	}
	serves(oldCA)
	authtest.Write(t, dir, "cert.pem", cert)
	authtest.Write(t, dir, "key.pem", key)
	if err := srv.Reload(); err != nil {
		t.Fatal(err)
	}
	serves(newCA)
}

func TestBadFilesAtTheStart(t *testing.T) {
	dir, ca := t.TempDir(), authtest.NewCA(t, "ca")
	good := files(t, dir, ca, ca)
	for _, f := range []Files{
		{},
		{Cert: good.Cert},
		{Cert: good.Key, Key: good.Cert},
		{Cert: good.Cert, Key: good.Key, ClientCA: dir + "/none"},
		{Cert: good.Cert, Key: good.Key, ClientCA: good.Key},
	} {
		if srv, err := NewTLS(f, nil); err == nil || srv != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// A file that is half written is said once, not every time it is looked at.
func TestWatch(t *testing.T) {
	dir, ca, next := t.TempDir(), authtest.NewCA(t, "ca"), authtest.NewCA(t, "next")
	var mu sync.Mutex
	var log bytes.Buffer
	srv, err := NewTLS(files(t, dir, ca, nil), slog.New(slog.NewTextHandler(&lockedWriter{&mu, &log}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { srv.watch(ctx, time.Millisecond); close(done) }()
	logged := func(what string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			mu.Lock()
			has := strings.Contains(log.String(), what)
			mu.Unlock()
			if has {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("never logged %q", what)
			}
		}
	}
	authtest.Write(t, dir, "key.pem", []byte("garbage"))
	logged("kept the old certificates")
	cert, key := next.Issue(t, "server")
	authtest.Write(t, dir, "key.pem", key)
	authtest.Write(t, dir, "cert.pem", cert)
	logged("took the renewed certificates")
	cancel()
	<-done
	if n := strings.Count(log.String(), "failed to find any PEM data in key"); n > 1 {
		t.Errorf("the same fault was logged %d times", n)
	}
	if _, err := handshake(t, srv, &tls.Config{RootCAs: next.Pool()}); err != nil {
		t.Error(err)
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func TestClientCertificates(t *testing.T) {
	dir, ca, clients, foreign := t.TempDir(), authtest.NewCA(t, "ca"), authtest.NewCA(t, "clients"), authtest.NewCA(t, "foreign")
	srv, err := NewTLS(files(t, dir, ca, clients), nil)
	if err != nil {
		t.Fatal(err)
	}
	named := []Client{
		{Match: "CN=agent one", Name: "one", Role: "operator"},
		{Match: "DNS:two.example", Name: "two"},
		{Match: "URI:spiffe://example/three", Name: "three"},
		{Match: "EMAIL:four@example", Name: "four"},
		{Match: "IP:192.0.2.5", Name: "five"},
	}
	pairs := map[string]tls.Certificate{
		"one": clients.Pair(t, "agent one"),
		"two": clients.Pair(t, "x", func(c *x509.Certificate) { c.DNSNames = []string{"a.example", "TWO.example"} }),
		"three": clients.Pair(t, "x", func(c *x509.Certificate) {
			c.URIs = []*url.URL{{Scheme: "spiffe", Host: "example", Path: "/three"}}
		}),
		"four": clients.Pair(t, "x", func(c *x509.Certificate) { c.EmailAddresses = []string{"four@example"} }),
		"five": clients.Pair(t, "x", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 5)} }),
	}
	byName, err := New(Options{TLS: srv, Clients: named})
	if err != nil {
		t.Fatal(err)
	}
	anyCert, err := New(Options{TLS: srv, DefaultRole: "looker"})
	if err != nil {
		t.Fatal(err)
	}
	both := newAuth(t, func(o *Options) { o.TLS = srv })
	conn := func(c ...tls.Certificate) *tls.ConnectionState {
		t.Helper()
		state, err := handshake(t, srv, &tls.Config{RootCAs: ca.Pool(), Certificates: c})
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	ask := func(a *Auth, state *tls.ConnectionState, header ...string) string {
		r := request(header...)
		r.TLS = state
		h, d := a.Authenticate(r, "")
		if d != nil {
			return fmt.Sprint(d.Status)
		}
		return h.Name + "/" + h.Role
	}
	for name, pair := range pairs {
		want := name + "/caller"
		if name == "one" {
			want = "one/operator"
		}
		if got := ask(byName, conn(pair)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	other := conn(clients.Pair(t, "Agent one"))
	none := conn()
	for what, got := range map[string][2]string{
		"not named":                {ask(byName, other), "401"},
		"no certificate":           {ask(byName, none), "401"},
		"no TLS":                   {ask(byName, nil), "401"},
		"any certificate":          {ask(anyCert, other), "cert:Agent one/looker"},
		"no name in it":            {ask(anyCert, conn(clients.Pair(t, ""))), "401"},
		"token without cert":       {ask(both, none, "Bearer secret-of-ann"), "401"},
		"cert without token":       {ask(both, other), "401"},
		"cert and token":           {ask(both, other, "Bearer secret-of-ann"), "ann/operator"},
		"cert and the wrong token": {ask(both, other, "Bearer x"), "401"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %s, want %s", what, got[0], got[1])
		}
	}
	// The handshake itself turns foreign and old certificates away.
	for what, pair := range map[string]tls.Certificate{
		"foreign": foreign.Pair(t, "agent one"),
		"expired": clients.Pair(t, "agent one", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"server's": clients.Pair(t, "agent one", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}),
	} {
		// GetClientCertificate sends it though the server did not ask for its CA.
		client := &tls.Config{RootCAs: ca.Pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }}
		if _, err := handshake(t, srv, client); err == nil {
			t.Errorf("%s certificate: taken", what)
		}
	}
	// Nor does a connection outlive its certificate.
	old := clients.Pair(t, "agent one", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	if got := ask(byName, &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{old.Leaf, clients.Cert}}}); got != "401" {
		t.Errorf("expired while connected: %s", got)
	}
	// A connection does not outlive the CA that it was let in by.
	one := conn(pairs["one"])
	r := request()
	r.TLS = one
	h, _ := byName.Authenticate(r, "")
	authtest.Write(t, dir, "ca.pem", append(foreign.PEM, clients.PEM...))
	if err := srv.Reload(); err != nil || h.Life.Err() != nil || ask(byName, one) != "one/operator" {
		t.Errorf("with one CA more: %v, %v", err, h.Life.Err())
	}
	authtest.Write(t, dir, "ca.pem", foreign.PEM)
	if err := srv.Reload(); err != nil {
		t.Fatal(err)
	}
	within(t, h.Life, "end")
	if got := ask(byName, one); got != "401" {
		t.Errorf("after the CA has gone: %s", got)
	}
}

// A session that is resumed would bring a certificate that nobody has looked
// at since.
func TestNoResumption(t *testing.T) {
	ca := authtest.NewCA(t, "ca")
	srv, err := NewTLS(files(t, t.TempDir(), ca, ca), nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{ca.Pair(t, "a")}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	server := srv.Config() // one for all connections, as a listener has it
	for range 3 {
		state, err := handshakeWith(t, server, client)
		if err != nil {
			t.Fatal(err)
		}
		if state.DidResume || len(state.VerifiedChains) != 1 {
			t.Errorf("resumed %v, chains %d", state.DidResume, len(state.VerifiedChains))
		}
	}
}

func TestBadClients(t *testing.T) {
	ca := authtest.NewCA(t, "ca")
	srv, err := NewTLS(files(t, t.TempDir(), ca, ca), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Client{{Match: "CN=", Name: "a"}, {Match: "agent", Name: "a"}, {Match: "OU=a", Name: "a"}, {Match: "CN=a"}} {
		if _, err := New(Options{TLS: srv, Clients: []Client{c}}); err == nil {
			t.Errorf("%+v: taken", c)
		}
	}
	if _, err := New(Options{Tokens: []Token{token("a", "", "x")}, Clients: []Client{{Match: "CN=a", Name: "a"}}}); err == nil {
		t.Error("clients without a CA: taken")
	}
	if err := srv.Set(Files{Cert: "x", Key: "x"}); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("the CA goes while serving: %v", err)
	}
}

func TestMetadataChecks(t *testing.T) {
	for _, m := range []Metadata{
		{Resource: "tracecar.example/mcp"},
		{Resource: "ftp://tracecar.example/mcp"},
		{Resource: `https://tracecar.example/mcp"`},
		{Resource: "https://tracecar.example/mcp#x"},
		{Resource: "https://tracecar.example/mcp", AuthorizationServers: []string{"nowhere"}},
		{AuthorizationServers: []string{"https://issuer.example"}},
	} {
		if _, err := New(Options{Tokens: []Token{token("a", "", "x")}, Metadata: m}); err == nil {
			t.Errorf("%+v: taken", m)
		}
	}
	a := newAuth(t, func(o *Options) {
		o.Metadata = Metadata{Resource: "https://tracecar.example/mcp", AuthorizationServers: []string{"https://issuer.example"}, Scopes: []string{"trace", "read"}, Required: []string{"trace", "read"}}
	})
	_, d := a.Authenticate(request(), "")
	if want := `Bearer realm="tracecar", resource_metadata="https://tracecar.example/.well-known/oauth-protected-resource/mcp", scope="trace read"`; d.Challenge != want || d.Status != http.StatusUnauthorized {
		t.Errorf("%+v", d)
	}
}
