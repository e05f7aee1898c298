package mcp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tracecar/mcp/auth"
	"tracecar/mcp/auth/authtest"
)

// Names that a page could make its browser send, or a proxy pass on: only this
// host's own are served.
func TestHostForms(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), func(c *Config) { c.AllowedHosts = []string{"Tracecar.Example:443"} }))
	port := base[strings.LastIndex(base, ":"):]
	for host, served := range map[string]bool{
		"localhost": true, "LOCALHOST" + port: true, "localhost:": true, "localhost:1": true, "127.0.0.1" + port: true, "127.1.2.3": true,
		"[::1]": true, "[::1]" + port: true, "[0:0:0:0:0:0:0:1]" + port: true, "[::ffff:127.0.0.1]" + port: true, "tracecar.example": true, "TRACECAR.example:8443": true,

		"localhost.": false, "localhost." + port: false, "localhost.evil.example": false, "evil.example" + port: false, "evil-localhost": false,
		"localhost:80@evil.example": false, "localhost:80evil": false, "localhost:99999999": false, "evil.example:127.0.0.1": false,
		"127.0.0.1.": false, "127.0.0.1.nip.io": false, "127.1": false, "2130706433": false, "0x7f000001": false, "0177.0.0.1": false,
		"0.0.0.0" + port: false, "[::]" + port: false, "0": false, "[::ffff:192.0.2.1]": false, "[fe80::1]": false, "[::1].evil.example": false,
		"tracecar.example.": false, "tracecar.example.evil.example": false, "xtracecar.example": false,
		"lоcalhost": false, "xn--lcalhost-26h": false, "localhost%00": false, "*": false,
	} {
		want := "HTTP/1.1 403"
		if served {
			want = "HTTP/1.1 200"
		}
		answer := sendRaw(t, base, "GET /healthz HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, want) && (served || !strings.HasPrefix(answer, "HTTP/1.1 400")) {
			t.Errorf("%q: %.60q, want %s", host, answer, want)
		}
	}
	for what, origins := range map[string]string{
		"two origins":        "Origin: " + base + "\r\nOrigin: https://evil.example\r\n",
		"two, the evil last": "Origin: https://evil.example\r\nOrigin: " + base + "\r\n",
		"a list":             "Origin: " + base + " https://evil.example\r\n",
		"another port":       "Origin: http://127.0.0.1:1\r\n",
		"another scheme":     "Origin: file://\r\n",
		"an extension":       "Origin: chrome-extension://abcdef\r\n",
		"with a user":        "Origin: http://127.0.0.1" + port + "@evil.example\r\n",
		"opaque":             "Origin: null\r\n",
	} {
		if answer := sendRaw(t, base, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1"+port+"\r\n"+origins+"Connection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 403") {
			t.Errorf("%s: %.60q", what, answer)
		}
	}
}

// No route leaves HTTP for another protocol, and no method but its own does
// anything.
func TestNoUpgrade(t *testing.T) {
	base, check := badServer(t)
	for _, path := range []string{"/mcp", "/message", "/api/mcp", "/api/tools", "/healthz", "/readyz", "/nowhere"} {
		for _, protocol := range []string{"websocket", "h2c", "TLS/1.0", "connect-udp"} {
			answer := sendRaw(t, base, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+annToken+"\r\nConnection: Upgrade, close\r\nUpgrade: "+protocol+
				"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
			if strings.HasPrefix(answer, "HTTP/1.1 101") || strings.Contains(strings.ToLower(answer), "\r\nupgrade:") {
				t.Errorf("%s to %s: %q", path, protocol, answer)
			}
		}
	}
	for _, method := range []string{"TRACE", "PUT", "PATCH", "CONNECT", "BREW", "post"} {
		for _, path := range []string{"/mcp", "/api/mcp", "/message"} {
			r := askAs(t, method, base+path, annToken, api("start_run", `{"script":"x"}`))
			if r.status < 400 || r.status >= 500 || strings.Contains(r.body, annToken) {
				t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
			}
		}
	}
	check()
}

// HTTP/2 is not spoken, with TLS either: one connection has one request at a
// time, and streams that are opened and reset cost nothing.
func TestNoHTTP2(t *testing.T) {
	dir, ca := t.TempDir(), authtest.NewCA(t, "ca")
	cert, key := ca.Issue(t, "server")
	srv, err := auth.NewTLS(auth.Files{Cert: authtest.Write(t, dir, "cert.pem", cert), Key: authtest.Write(t, dir, "key.pem", key)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	base := listen(t, stubServer(t, newStub(), func(c *Config) { c.TLS = srv }))
	addr := strings.TrimPrefix(base, "http://")
	shake := func(protocols ...string) (*tls.Conn, error) {
		return tls.Dial("tcp", addr, &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", NextProtos: protocols})
	}
	if conn, err := shake("h2"); err == nil {
		conn.Close()
		t.Error("HTTP/2 alone: shook hands")
	}
	conn, err := shake("h2", "http/1.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("negotiated %q", got)
	}
	// The preface, and a HEADERS and RST_STREAM for each of many streams.
	flood := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	for i := range 1000 {
		id := fmt.Sprintf("\x00\x00%c%c", (2*i+1)>>8, (2*i+1)&0xff)
		flood += "\x00\x00\x04\x01\x05" + id + "\x82\x84\x86\x41" + "\x00\x00\x04\x03\x00" + id + "\x00\x00\x00\x08"
	}
	_, _ = io.WriteString(conn, flood)
	_ = conn.CloseWrite()
	answer, _ := io.ReadAll(conn)
	conn.Close()
	// A reset by what was not read may take the answer with it.
	if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 4") || strings.Count(string(answer), "HTTP/1.") > 1 {
		t.Errorf("the flood: %.200q", answer)
	}
	res, err := httpsClient(t, ca).Get(strings.Replace(base, "http:", "https:", 1) + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 1 {
		t.Errorf("after it: %s %s", res.Proto, res.Status)
	}
}

// Headers and bodies that come byte by byte have their time in all, not for
// each byte, in the clear and over TLS.
func TestTrickle(t *testing.T) {
	// Only one of both is short: headers must not be late where the body is meant.
	slowHeaders, slowBody := stubServer(t, newStub(), withTokens(t)), stubServer(t, newStub(), withTokens(t))
	slowHeaders.headerTimeout, slowBody.bodyTimeout = 100*time.Millisecond, 100*time.Millisecond
	headers, body := listen(t, slowHeaders), listen(t, slowBody)
	for what, tt := range map[string]struct{ first, then, answer string }{
		"headers":    {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", "A: b\r\n", ""},
		"one header": {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: ", "b", ""},
		"a body":     {"POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + annToken + "\r\nContent-Length: 1000000\r\n\r\n", " ", "HTTP/1.1 408"},
		"chunks":     {"POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + annToken + "\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", "HTTP/1.1 408"},
	} {
		base := headers
		if tt.answer != "" {
			base = body
		}
		conn := dial(t, base)
		_, _ = io.WriteString(conn, tt.first)
		stop := make(chan struct{})
		trickled := make(chan struct{})
		go func() {
			defer close(trickled)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				if _, err := io.WriteString(conn, tt.then); err != nil {
					return
				}
			}
		}()
		answer, err := io.ReadAll(conn) // until the server hangs up
		close(stop)
		<-trickled
		var slow net.Error
		if errors.As(err, &slow) && slow.Timeout() {
			t.Errorf("%s: not let go", what)
		}
		// What had not been read when the server hung up resets the connection, and can take the answer with it.
		if err == nil && !strings.HasPrefix(string(answer), tt.answer) {
			t.Errorf("%s: %q", what, answer)
		}
	}
}
