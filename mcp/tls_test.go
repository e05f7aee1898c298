package mcp

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"tracecar/collector"
	"tracecar/mcp/auth"
	"tracecar/mcp/auth/authtest"
)

// httpsClient is a client of a server of ca; each request has a new connection.
func httpsClient(t *testing.T, ca *authtest.CA, certs ...tls.Certificate) *http.Client {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), Certificates: certs}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestHTTPS(t *testing.T) {
	dir, ca, clients := t.TempDir(), authtest.NewCA(t, "ca"), authtest.NewCA(t, "clients")
	cert, key := ca.Issue(t, "server")
	f := auth.Files{Cert: authtest.Write(t, dir, "cert.pem", cert), Key: authtest.Write(t, dir, "key.pem", key), ClientCA: authtest.Write(t, dir, "ca.pem", clients.PEM)}
	srv, err := auth.NewTLS(f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stub := newStub()
	stub.start = ends(collector.StatusCompleted)
	base := listen(t, stubServer(t, stub, func(c *Config) { c.TLS = srv }, withTokens(t, func(o *auth.Options) {
		o.TLS = srv
		o.Clients = []auth.Client{{Match: "CN=agent", Name: "agent", Role: "tester"}}
	})))
	base = strings.Replace(base, "http:", "https:", 1)
	get := func(c *http.Client, path, token string) (int, string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.ProtoMajor != 1 {
			t.Errorf("spoke %s", res.Proto)
		}
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	agent := httpsClient(t, ca, clients.Pair(t, "agent"))
	other := httpsClient(t, ca, clients.Pair(t, "other"))
	none := httpsClient(t, ca)
	for _, tt := range []struct {
		who    string
		client *http.Client
		path   string
		token  string
		want   int
	}{
		{"no certificate", none, "/healthz", "", 200},
		{"no certificate", none, "/api/tools", "", 401},
		{"no certificate", none, "/api/tools", annToken, 401},
		{"agent", agent, "/api/tools", "", 200},
		{"other", other, "/api/tools", "", 401},
		{"other", other, "/api/tools", annToken, 200},
		{"other", other, "/api/tools", "wrong", 401},
	} {
		if status, body := get(tt.client, tt.path, tt.token); status != tt.want {
			t.Errorf("%s with token %q: %d %s", tt.who, tt.token, status, body)
		}
	}
	res, err := agent.Post(base+"/api/mcp", "application/json", strings.NewReader(api("execute_bpftrace_script", `{"script":"x"}`)))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := within(t, stub.began, "run").script.Caller; got.Name != "agent" || got.Role != "tester" {
		t.Errorf("%+v", got)
	}
	// Plain HTTP gets an answer that says so, and no more.
	conn := dial(t, strings.Replace(base, "https:", "http:", 1))
	_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if b, _ := io.ReadAll(conn); !bytes.HasPrefix(b, []byte("HTTP/1.0 400")) || bytes.Contains(b, []byte("version")) {
		t.Errorf("plain HTTP: %q", b)
	}
	// Another certificate while it serves.
	next := authtest.NewCA(t, "next")
	cert, key = next.Issue(t, "server")
	authtest.Write(t, dir, "cert.pem", cert)
	authtest.Write(t, dir, "key.pem", key)
	if err := srv.Reload(); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(httpsClient(t, next), "/healthz", ""); status != 200 {
		t.Errorf("renewed: %d", status)
	}
	if _, err := none.Get(base + "/healthz"); err == nil {
		t.Error("the old certificate is still shown")
	}
}

// A client that never shakes hands is let go, and holds up no other.
func TestHandshakeThatNeverComes(t *testing.T) {
	dir, ca := t.TempDir(), authtest.NewCA(t, "ca")
	cert, key := ca.Issue(t, "server")
	srv, err := auth.NewTLS(auth.Files{Cert: authtest.Write(t, dir, "cert.pem", cert), Key: authtest.Write(t, dir, "key.pem", key)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	base := listen(t, stubServer(t, newStub(), func(c *Config) { c.TLS = srv }))
	for range 20 {
		dial(t, base)
	}
	res, err := httpsClient(t, ca).Get(strings.Replace(base, "http:", "https:", 1) + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

// One address cannot have all connections.
func TestConnectionsPerAddress(t *testing.T) {
	under := &fakeListener{conns: make(chan net.Conn, 10)}
	ln := newBoundedListener(under, 10, 2)
	send := func(addr string) *fakeConn {
		c := &fakeConn{addr: addr, closed: make(chan struct{})}
		under.conns <- c
		return c
	}
	accept := func() string {
		t.Helper()
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c.RemoteAddr().String()
	}
	send("192.0.2.1:1")
	first, _ := ln.Accept()
	send("192.0.2.1:2")
	accept()
	third := send("192.0.2.1:3")
	send("192.0.2.2:1")
	if got := accept(); got != "192.0.2.2:1" {
		t.Errorf("accepted %s", got)
	}
	within(t, third.closed, "end of the third connection of one address")
	first.Close()
	first.Close()
	send("192.0.2.1:4")
	if got := accept(); got != "192.0.2.1:4" {
		t.Errorf("accepted %s", got)
	}
	for i := range 4 {
		send("127.0.0.1:" + string(rune('1'+i)))
		if got := accept(); !strings.HasPrefix(got, "127.0.0.1:") {
			t.Errorf("accepted %s", got)
		}
	}
}

type fakeListener struct {
	net.Listener
	conns chan net.Conn
}

func (l *fakeListener) Accept() (net.Conn, error) { return <-l.conns, nil }

type fakeConn struct {
	net.Conn
	addr   string
	closed chan struct{}
	done   bool
}

func (c *fakeConn) RemoteAddr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", c.addr)
	return a
}

func (c *fakeConn) Close() error {
	if !c.done {
		c.done = true
		close(c.closed)
	}
	return nil
}
