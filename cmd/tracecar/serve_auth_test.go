//go:build !light

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tracecar/config"
	"tracecar/mcp/auth/authtest"
)

const testToken = "0123456789abcdef0123456789abcdef"

// served is a daemon that serves on loopback, and follows its configuration.
type served struct {
	d          *daemon
	dir, base  string
	t          *testing.T
	httpClient *http.Client
}

// serveConfig serves what the YAML says until the test ends. %DIR% in it is
// the folder that it is in.
func serveConfig(t *testing.T, yaml string, files ...string) *served {
	t.Helper()
	s := &served{t: t, dir: t.TempDir(), httpClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	for i := 0; i < len(files); i += 2 {
		s.write(files[i], files[i+1])
	}
	s.write("tracecar.yaml", yaml)
	cfg, err := config.Load(filepath.Join(s.dir, "tracecar.yaml"), []string{"TOKEN=" + testToken}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if s.d, err = newDaemon(ctx, cfg, slog.New(slog.DiscardHandler), new(slog.LevelVar)); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.base = "http://" + ln.Addr().String()
	if s.d.tls != nil {
		s.base = "https://" + ln.Addr().String()
	}
	following, stop := s.d.background(ctx)
	done := make(chan error, 1)
	go func() { done <- s.d.server.Serve(following, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		stop()
		if err := s.d.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// write replaces a file at once, as a deployment would.
func (s *served) write(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.WriteFile(file+".new", []byte(strings.ReplaceAll(text, "%DIR%", s.dir)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		s.t.Fatal(err)
	}
}

// trust makes the client that of a CA's servers, with its own certificates.
func (s *served) trust(ca *authtest.CA, own ...tls.Certificate) *served {
	c := *s
	c.httpClient = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), Certificates: own},
	}}
	return &c
}

// ask sends a request; of a stream the answer is its header.
func (s *served) ask(method, path, token, body string) (status int, header http.Header, answer string) {
	s.t.Helper()
	status, header, answer, err := s.try(method, path, token, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, header, answer
}

func (s *served) try(method, path, token, body string) (status int, header http.Header, answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.httpClient.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return res.StatusCode, res.Header, "", nil
	}
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(b), err
}

// eventually waits until what is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// entries reads the audit log.
func (s *served) entries() []map[string]any {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "audit.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	var out []map[string]any
	for line := range strings.Lines(string(b)) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// refused asks for a script that no caller may run, and returns who the audit
// log says has asked: NAME/ROLE.
func (s *served) refused(token string) string {
	s.t.Helper()
	if status, _, answer := s.ask("POST", "/api/mcp", token, `{"method":"execute_bpftrace_script","params":{"script":"BEGIN { system(\"id\"); }"}}`); status != 400 || !strings.Contains(answer, `"refused"`) {
		s.t.Fatalf("%d %s", status, answer)
	}
	list := s.entries()
	last := list[len(list)-1]
	who, _ := last["who"].(map[string]any)
	if last["event"] != "decision" || last["outcome"] != "refused" {
		s.t.Errorf("%v", last)
	}
	return fmt.Sprint(who["token"], "/", who["role"])
}
