package mcp

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestGuardHostAndOrigin(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), func(c *Config) {
		c.AllowedHosts = []string{"tracecar.example"}
		c.AllowedOrigins = []string{"https://ui.example"}
	}))
	port := base[strings.LastIndex(base, ":"):]
	for _, tt := range []struct {
		host, origin, fetchSite string
		want                    int
	}{
		{"", "", "", 200},
		{"localhost" + port, "", "", 200},
		{"[::1]" + port, "", "", 200},
		{"tracecar.example", "", "", 200},
		{"evil.example", "", "", 403},
		{"evil.example" + port, "http://evil.example" + port, "", 403},
		{"127.0.0.1.evil.example", "", "", 403},
		{"", "http://evil.example", "", 403},
		{"", "null", "", 403},
		{"", "http://localhost:1", "", 403},
		{"localhost" + port, "http://localhost" + port, "", 200},
		{"tracecar.example", "https://tracecar.example", "", 200},
		{"", "https://ui.example", "", 200},
		{"", "", "cross-site", 403},
		{"", "", "same-origin", 200},
	} {
		for _, path := range []string{"/healthz", "/api/tools"} {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
			if tt.host != "" {
				req.Host = tt.host
			}
			if tt.origin != "" {
				req.Header.Set("Origin", tt.origin)
			}
			if tt.fetchSite != "" {
				req.Header.Set("Sec-Fetch-Site", tt.fetchSite)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != tt.want {
				t.Errorf("%s host %q origin %q: %s %s", path, tt.host, tt.origin, res.Status, body)
			}
		}
	}
}

// DNS rebinding, with nothing configured: the Host is foreign.
func TestGuardRefusesForeignHosts(t *testing.T) {
	base := listen(t, stubServer(t, newStub()))
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/tools", nil)
	req.Host = "evil.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 403 {
		t.Errorf("status %s", res.Status)
	}
}

func TestGuardCoversEveryRoute(t *testing.T) {
	base := listen(t, stubServer(t, newStub()))
	for path, method := range map[string]string{
		"/mcp": "POST", "/sse": "GET", "/message": "POST", "/api/mcp": "POST", "/api/mcp/request": "POST",
		"/api/tools": "GET", "/healthz": "GET", "/readyz": "GET",
	} {
		// text/plain goes across origins without a preflight.
		req, _ := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader("{}"))
		req.Header.Set("Content-Type", "text/plain")
		req.Header.Set("Origin", "https://evil.example")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 403 || res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %s, allows origin %q", path, res.Status, res.Header.Get("Access-Control-Allow-Origin"))
		}
	}
}

func TestBodyLimit(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), func(c *Config) { c.MaxBody = 1000 }))
	for path, want := range map[string]string{
		"/mcp":     `{"error":{"code":-32600,"message":"the request body is larger than 1000 bytes"},"id":null,"jsonrpc":"2.0"}`,
		"/message": `{"error":{"code":-32600,"message":"the request body is larger than 1000 bytes"},"id":null,"jsonrpc":"2.0"}`,
		"/api/mcp": `{"error":"the request body is larger than 1000 bytes","success":false}`,
	} {
		res, err := http.Post(base+path, "application/json", strings.NewReader(strings.Repeat(" ", 1001)))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 413 || strings.TrimSpace(string(body)) != want {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
	// At the limit it is served.
	req := `{"method":"list_runs"}`
	res, err := http.Post(base+"/api/mcp", "application/json", strings.NewReader(req+strings.Repeat(" ", 1000-len(req))))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("at the limit: %s", res.Status)
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	base := listen(t, stubServer(t, newStub()))
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(base, "http://"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"method\"")
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(answer), "HTTP/1.1 408") {
		t.Errorf("answer %q", answer)
	}
}

// On another address than loopback any Host may be right, but a page must not
// reach the server by a name that nobody has said is this host's.
func TestGuardOnOtherAddresses(t *testing.T) {
	s := stubServer(t, newStub())
	for _, tt := range []struct {
		host, origin string
		refused      bool
	}{
		{"tracecar.lan:8421", "", false},
		{"192.0.2.7:8421", "", false},
		{"192.0.2.7:8421", "http://192.0.2.7:8421", false},
		{"evil.example:8421", "http://evil.example:8421", true},
		{"192.0.2.7:8421", "http://evil.example", true},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://192.0.2.7:8421/mcp", nil)
		r.Host = tt.host
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		if why := s.refuseOrigin(r); (why != "") != tt.refused {
			t.Errorf("host %q, origin %q: %q", tt.host, tt.origin, why)
		}
	}
}
