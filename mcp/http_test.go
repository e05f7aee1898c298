package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
)

// listen serves s on a loopback port and returns its URL.
func listen(t *testing.T, s *Server) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := within(t, served, "end of Serve"); err != nil {
			t.Errorf("serve: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + ln.Addr().String()
}

// rawClient speaks streamable HTTP by hand, to see what is on the wire.
type rawClient struct {
	t       *testing.T
	url     string
	session string
	version string
	token   string
}

func rawConnect(t *testing.T, base string) *rawClient { return rawConnectAs(t, base, "") }

// end ends the session.
func (c *rawClient) end() {
	c.t.Helper()
	req := c.request(c.t.Context(), "")
	req.Method = http.MethodDelete
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("delete: %s", res.Status)
	}
}

func rawConnectAs(t *testing.T, base, token string) *rawClient {
	t.Helper()
	c := &rawClient{t: t, url: base + "/mcp", version: "2025-06-18", token: token}
	res := c.post(t.Context(), `{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	defer res.Body.Close()
	c.session = res.Header.Get(sessionHeader)
	if res.StatusCode != 200 || c.session == "" {
		t.Fatalf("initialize: %s, session %q", res.Status, c.session)
	}
	return c
}

func (c *rawClient) request(ctx context.Context, body string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.session != "" {
		req.Header.Set(sessionHeader, c.session)
		req.Header.Set(versionHeader, c.version)
	}
	return req
}

func (c *rawClient) post(ctx context.Context, body string) *http.Response {
	c.t.Helper()
	res, err := http.DefaultClient.Do(c.request(ctx, body))
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

// messages reads a response's JSON-RPC messages, from a stream or a single JSON.
func messages(t *testing.T, res *http.Response) []map[string]any {
	t.Helper()
	defer res.Body.Close()
	var list []map[string]any
	add := func(b []byte) {
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("message %q: %v", b, err)
		}
		list = append(list, m)
	}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		add(b)
		return list
	}
	sc := bufio.NewScanner(res.Body)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		if data, ok := bytes.CutPrefix(sc.Bytes(), []byte("data: ")); ok {
			add(data)
		}
	}
	return list
}

func call(id, tool, args, meta string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{%s}}}`, id, tool, args, meta)
}

func TestHTTPCallWithoutProgressIsPlainJSON(t *testing.T) {
	stub := newStub()
	stub.start = ends(collector.StatusCompleted)
	c := rawConnect(t, listen(t, stubServer(t, stub)))
	res := c.post(t.Context(), call("1", "execute_bpftrace_script", `{"script":"x"}`, ""))
	if ct := res.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("content type %q", ct)
	}
	got := messages(t, res)[0]["result"].(map[string]any)
	if got["structuredContent"].(map[string]any)["status"] != "completed" {
		t.Errorf("got %v", got)
	}
}

// Two calls of one session at once: each must see its own progress, and only
// that, before its own answer. (The SDK's session channel mixes them.)
func TestHTTPProgressStaysWithItsCall(t *testing.T) {
	stub := newStub()
	c := rawConnect(t, listen(t, stubServer(t, stub)))
	type outcome struct {
		token string
		got   []map[string]any
	}
	done := make(chan outcome, 2)
	for i, token := range []string{"one", "two"} {
		go func() {
			res, err := http.DefaultClient.Do(c.request(t.Context(), call(fmt.Sprint(i+1), "execute_bpftrace_script", `{"script":"`+token+`","timeout":30}`, `"progressToken":"`+token+`"`)))
			if err != nil {
				t.Error(err)
				done <- outcome{}
				return
			}
			done <- outcome{token, messages(t, res)}
		}()
	}
	a, b := within(t, stub.began, "run"), within(t, stub.began, "run")
	time.AfterFunc(100*time.Millisecond, func() {
		a.finish(collector.StatusCompleted)
		b.finish(collector.StatusCompleted)
	})
	for range 2 {
		o := within(t, done, "answer")
		if len(o.got) < 2 {
			t.Fatalf("%s: %d messages, want progress and an answer", o.token, len(o.got))
		}
		for i, m := range o.got[:len(o.got)-1] {
			p, ok := m["params"].(map[string]any)
			if !ok || m["method"] != "notifications/progress" || p["progressToken"] != o.token {
				t.Fatalf("%s: message %d is %v", o.token, i, m)
			}
			if msg := p["message"].(string); !strings.Contains(msg, "attached 2 probes, 120 events") || !strings.HasSuffix(msg, "of 30 s") || p["total"] != 30.0 {
				t.Fatalf("progress %v", p)
			}
		}
		if o.got[len(o.got)-1]["result"] == nil {
			t.Errorf("%s: the last message is %v", o.token, o.got[len(o.got)-1])
		}
	}
}

func TestHTTPCancellationStopsTheRunAndKeepsTheResult(t *testing.T) {
	stub := newStub()
	c := rawConnect(t, listen(t, stubServer(t, stub)))
	done := make(chan []map[string]any, 1)
	go func() {
		res, err := http.DefaultClient.Do(c.request(t.Context(), call(`77`, "execute_bpftrace_script", `{"script":"x"}`, "")))
		if err != nil {
			t.Error(err)
			return
		}
		done <- messages(t, res)
	}()
	r := within(t, stub.began, "run")
	res := c.post(t.Context(), `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77,"reason":"enough"}}`)
	res.Body.Close()
	within(t, r.stopped, "stop of the run")
	got := within(t, done, "answer")
	if s := got[0]["result"].(map[string]any)["structuredContent"].(map[string]any); s["status"] != "cancelled" {
		t.Errorf("got %v", s)
	}
}

func TestHTTPDisconnectEndsForegroundButNotBackground(t *testing.T) {
	stub := newStub()
	c := rawConnect(t, listen(t, stubServer(t, stub)))
	messages(t, c.post(t.Context(), call("1", "start_run", `{"script":"bg"}`, "")))
	bg := within(t, stub.began, "background run")

	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if res, err := http.DefaultClient.Do(c.request(ctx, call("2", "execute_bpftrace_script", `{"script":"fg"}`, ""))); err == nil {
			res.Body.Close()
		}
	}()
	fg := within(t, stub.began, "foreground run")
	cancel()
	within(t, fg.stopped, "stop of the foreground run")
	within(t, gone, "end of the call")
	select {
	case <-bg.stopped:
		t.Error("the background run was stopped too")
	default:
	}
}

func TestHTTPDeleteEndsTheSessionsRuns(t *testing.T) {
	stub := newStub()
	c := rawConnect(t, listen(t, stubServer(t, stub)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := http.DefaultClient.Do(c.request(t.Context(), call("2", "execute_bpftrace_script", `{"script":"fg"}`, ""))); err == nil {
			res.Body.Close()
		}
	}()
	r := within(t, stub.began, "run")
	c.end()
	within(t, r.stopped, "stop of the run")
	within(t, done, "end of the call")
	if res := c.post(t.Context(), call("3", "list_runs", `{}`, "")); res.StatusCode != 404 {
		t.Errorf("an ended session gets %s", res.Status)
	}
}

func TestHTTPUnknownSessionsAreRefused(t *testing.T) {
	base := listen(t, stubServer(t, newStub()))
	c := &rawClient{t: t, url: base + "/mcp", version: "2025-06-18", session: "mcp-session-9b2f3b66-2f0e-4a53-9f6e-6a1c7b1f0a11"}
	if res := c.post(t.Context(), call("1", "list_runs", `{}`, "")); res.StatusCode != 404 {
		t.Errorf("POST: %s", res.Status)
	}
	req := c.request(t.Context(), "")
	req.Method = http.MethodGet
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 404 {
		t.Errorf("GET: %s", res.Status)
	}
}

func TestHTTPSessionsAreBounded(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), func(c *Config) { c.MaxSessions = 2 }))
	first := rawConnect(t, base)
	rawConnect(t, base)
	one := &rawClient{t: t, url: base + "/mcp"}
	init := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	res := one.post(t.Context(), init)
	if got := messages(t, res); res.StatusCode != 503 || !strings.Contains(fmt.Sprint(got), "busy: too many sessions") {
		t.Errorf("%s %v", res.Status, got)
	}
	if status, m := getJSON(t, base+"/sse"); status != 503 || !strings.Contains(fmt.Sprint(m["error"]), "busy: too many sessions") {
		t.Errorf("SSE: %d %v", status, m)
	}
	first.end()
	if res := one.post(t.Context(), init); res.StatusCode != 200 {
		t.Errorf("after one left: %s", res.Status)
	}
}

// Protocol version 2026-07-28 has no sessions: the SDK would cancel whichever
// call has the id.
func TestHTTPModernCancellationOfOthersIsRefused(t *testing.T) {
	stub := newStub()
	base := listen(t, stubServer(t, stub))
	c := &rawClient{t: t, url: base + "/mcp"}
	meta := `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}`
	done := make(chan []map[string]any, 1)
	go func() {
		req := c.request(t.Context(), call("1", "execute_bpftrace_script", `{"script":"x"}`, meta))
		req.Header.Set(versionHeader, "2026-07-28")
		req.Header.Set("Mcp-Method", "tools/call")
		req.Header.Set("Mcp-Name", "execute_bpftrace_script")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		done <- messages(t, res)
	}()
	r := within(t, stub.began, "run")
	for _, header := range []string{"2026-07-28", ""} {
		req := c.request(t.Context(), `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"_meta":{`+meta+`}}}`)
		if header != "" {
			req.Header.Set(versionHeader, header)
			req.Header.Set("Mcp-Method", "notifications/cancelled")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 400 {
			t.Errorf("cancellation gets %s", res.Status)
		}
	}
	select {
	case <-r.stopped:
		t.Fatal("the call of another was cancelled")
	default:
	}
	r.finish(collector.StatusCompleted)
	got := within(t, done, "answer")
	if got[0]["result"] == nil {
		t.Errorf("got %v", got)
	}
}

// A call with a task member would, with the SDK's task support, be cancelled
// when its first answer is flushed. Tasks are not offered: it runs to its end.
func TestHTTPTaskAugmentedCallRunsToItsEnd(t *testing.T) {
	stub := newStub()
	stub.start = func(r *stubRun) {
		time.AfterFunc(50*time.Millisecond, func() { r.finish(collector.StatusCompleted) })
	}
	c := rawConnect(t, listen(t, stubServer(t, stub)))
	res := c.post(t.Context(), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_bpftrace_script","arguments":{"script":"x"},"task":{"ttl":60000}}}`)
	got := messages(t, res)[0]["result"].(map[string]any)
	if s, ok := got["structuredContent"].(map[string]any); !ok || s["status"] != "completed" {
		t.Errorf("got %v", got)
	}
}

func TestServeStopsForegroundRunsAtTheEnd(t *testing.T) {
	stub := newStub()
	s := stubServer(t, stub)
	base := listen(t, s)
	c := rawConnect(t, base)
	done := make(chan []map[string]any, 2)
	go func() {
		res, err := http.DefaultClient.Do(c.request(t.Context(), call("1", "execute_bpftrace_script", `{"script":"x"}`, "")))
		if err != nil {
			t.Error(err)
			return
		}
		done <- messages(t, res)
	}()
	go func() {
		res, err := http.Post(base+"/api/mcp", "application/json", strings.NewReader(`{"method":"execute_bpftrace_script","params":{"script":"x"}}`))
		if err != nil {
			t.Error(err)
			return
		}
		done <- messages(t, res)
	}()
	first, second := within(t, stub.began, "run"), within(t, stub.began, "run of the JSON API")
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	within(t, first.stopped, "stop of the run")
	within(t, second.stopped, "stop of the run")
	// The clients still get what was measured.
	for range 2 {
		if got := fmt.Sprint(within(t, done, "answer")); !strings.Contains(got, "cancelled") {
			t.Errorf("got %s", got)
		}
	}
}
