//go:build !light

package main

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"tracecar/collector/executor/executortest"
)

// A role's rates hold on every face that takes calls, in words that its
// clients read.
func TestCallsPerMinuteOfARole(t *testing.T) {
	s := serveConfig(t, `
auth: {tokens: [{name: agent, token_env: TOKEN, role: slow}]}
roles: {slow: {max_calls_per_minute: 1}}`)
	const burst = 5
	for i := range burst {
		if status, _, body := s.ask("POST", "/api/mcp", testToken, `{"method":"list_runs"}`); status != 200 {
			t.Fatalf("call %d: %d %s", i, status, body)
		}
	}
	for _, path := range []string{"/mcp", "/message?sessionId=x", "/api/mcp", "/api/mcp/request"} {
		status, header, body := s.ask("POST", path, testToken, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_runs"}}`)
		if n, err := strconv.Atoi(header.Get("Retry-After")); status != 429 || err != nil || n < 1 || n > 60 || !strings.Contains(body, "this caller may make 1 a minute; try again in") {
			t.Errorf("%s: %d %v %s", path, status, header, body)
		}
	}
	if status, _, _ := s.ask("GET", "/api/tools", testToken, ""); status != 200 {
		t.Errorf("reading: %d", status)
	}
	// More from now on, without a restart.
	s.write("tracecar.yaml", `
auth: {tokens: [{name: agent, token_env: TOKEN, role: slow}]}
roles: {slow: {max_calls_per_minute: 60000}}`)
	eventually(t, "the new rate", func() bool {
		status, _, _ := s.ask("POST", "/api/mcp", testToken, `{"method":"list_runs"}`)
		return status == 200
	})
}

func TestCallsAtOnceOfARole(t *testing.T) {
	s := serveConfig(t, `
bpftrace: {path: `+executortest.Newest(t).Path+`}
auth: {tokens: [{name: agent, token_env: TOKEN, role: single}]}
roles: {single: {max_calls: 1}}`)
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/api/mcp", strings.NewReader(`{"method":"execute_bpftrace_script","params":{"script":"BEGIN { printf(\"up\"); }","timeout":300}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := s.httpClient.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	eventually(t, "the call is in work", func() bool { return len(s.d.runner.List()) == 1 })
	status, header, body := s.ask("POST", "/api/mcp", testToken, `{"method":"list_runs"}`)
	if status != 429 || header.Get("Retry-After") == "" || !strings.Contains(body, "busy: 1 call in work") {
		t.Errorf("over the API: %d %v %s", status, header, body)
	}
	_, header, _ = s.ask("POST", "/mcp", testToken, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	call, err := http.NewRequest(http.MethodPost, s.base+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"list_runs"}}`))
	if err != nil {
		t.Fatal(err)
	}
	call.Header = http.Header{
		"Authorization": {"Bearer " + testToken}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"Mcp-Session-Id": {header.Get("Mcp-Session-Id")},
	}
	if status, body := s.do(call); status != 200 || !strings.Contains(body, `"isError":true`) || !strings.Contains(body, "busy: 1 call in work") {
		t.Errorf("over MCP: %d %s", status, body)
	}
	cancel()
	<-ended
	eventually(t, "room for the next", func() bool {
		status, _, _ := s.ask("POST", "/api/mcp", testToken, `{"method":"list_runs"}`)
		return status == 200
	})
}

func (s *served) do(req *http.Request) (status int, body string) {
	s.t.Helper()
	res, err := s.httpClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}
