package mcp

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"tracecar/collector"
)

// tools asks the JSON API as the holder of token.
func toolAs(t *testing.T, base, token, method, params string) (reply, map[string]any) {
	t.Helper()
	r := askAs(t, "POST", base+"/api/mcp", token, api(method, params))
	m := r.json(t)
	data, _ := m["data"].(map[string]any)
	return r, data
}

func TestRunsBelongToTheirToken(t *testing.T) {
	stub := newStub()
	base := listen(t, stubServer(t, stub, withTokens(t)))
	_, data := toolAs(t, base, annToken, "start_run", `{"script":"x"}`)
	anns := data["id"].(string)
	probe := stub.Start(collector.Script{Source: "y", Probe: "disk", Trigger: "schedule"}).ID()
	cli := stub.Start(collector.Script{Source: "z", Trigger: "cli"}).ID()

	listed := func(token string) string {
		t.Helper()
		_, data := toolAs(t, base, token, "list_runs", `{}`)
		var ids []string
		for _, r := range data["runs"].([]any) {
			ids = append(ids, r.(map[string]any)["id"].(string))
		}
		return strings.Join(ids, " ")
	}
	resource := func(token, id string) bool {
		t.Helper()
		c := rawConnectAs(t, base, token)
		m := messages(t, c.post(t.Context(), `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"tracecar://runs/`+id+`"}}`))
		return m[0]["result"] != nil
	}
	completed := func(token string) string {
		t.Helper()
		c := rawConnectAs(t, base, token)
		m := messages(t, c.post(t.Context(), `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"tracecar://runs/{id}"},"argument":{"name":"id","value":""}}}`))
		b, _ := json.Marshal(m[0]["result"])
		return string(b)
	}
	for _, tt := range []struct {
		token             string
		anns, probes, cli bool // may read
		stops             bool // may stop ann's
		stopsProbe        bool
	}{
		{bobToken, false, true, false, false, false},
		{annToken, true, true, false, true, false},
		{rootToken, true, true, true, true, true},
	} {
		list, complete := listed(tt.token), completed(tt.token)
		for id, may := range map[string]bool{anns: tt.anns, probe: tt.probes, cli: tt.cli} {
			if strings.Contains(list, id) != may {
				t.Errorf("%s: list %q, %s", tt.token, list, id)
			}
			if strings.Contains(complete, id) != may {
				t.Errorf("%s: completion %q, %s", tt.token, complete, id)
			}
			if got := resource(tt.token, id); got != may {
				t.Errorf("%s: resource %s: %v", tt.token, id, got)
			}
			r, _ := toolAs(t, base, tt.token, "get_run", `{"id":"`+id+`"}`)
			if (r.status == 200) != may {
				t.Errorf("%s: get_run %s: %d %s", tt.token, id, r.status, r.body)
			}
			if !may && !strings.Contains(r.body, "it never existed") {
				t.Errorf("%s: get_run %s tells that it is there: %s", tt.token, id, r.body)
			}
		}
		if r, _ := toolAs(t, base, tt.token, "stop_run", `{"id":"`+probe+`"}`); (r.status == 200) != tt.stopsProbe {
			t.Errorf("%s: stop_run of a probe's: %d %s", tt.token, r.status, r.body)
		}
	}
	if r, _ := toolAs(t, base, bobToken, "stop_run", `{"id":"`+anns+`"}`); r.status != 400 {
		t.Errorf("bob stops ann's run: %d", r.status)
	}
	if r, _ := toolAs(t, base, annToken, "stop_run", `{"id":"`+anns+`"}`); r.status != 200 {
		t.Errorf("ann stops her run: %d", r.status)
	}
}

func limited(l Limits) func(*Config) {
	return func(c *Config) {
		c.RoleLimits = func(role string) Limits {
			if role == "caller" {
				return l
			}
			return Limits{}
		}
	}
}

func TestRatePerToken(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), withTokens(t), limited(Limits{PerMinute: 1, Burst: 3})))
	for i := range 3 {
		if r := askAs(t, "POST", base+"/api/mcp", annToken, api("list_runs", "{}")); r.status != 200 {
			t.Fatalf("call %d: %d %s", i, r.status, r.body)
		}
	}
	for _, path := range []string{"/mcp", "/message", "/api/mcp"} {
		r := askAs(t, "POST", base+path, annToken, api("list_runs", "{}"))
		seconds, err := strconv.Atoi(r.header.Get("Retry-After"))
		if r.status != 429 || err != nil || seconds < 1 || seconds > 60 || !strings.Contains(r.body, "may make 1 a minute") {
			t.Errorf("%s: %d %v %s", path, r.status, r.header, r.body)
		}
	}
	// Reading is free, and so are the others.
	if r := askAs(t, "GET", base+"/api/tools", annToken, ""); r.status != 200 {
		t.Errorf("GET: %d", r.status)
	}
	for range 10 {
		if r := askAs(t, "POST", base+"/api/mcp", bobToken, api("list_runs", "{}")); r.status != 200 {
			t.Fatalf("bob: %d %s", r.status, r.body)
		}
	}
}

// The bounds hold without tokens, too: then all callers are one.
func TestRateWithoutAuth(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), limited(Limits{PerMinute: 1, Burst: 1})))
	if r := askAs(t, "POST", base+"/api/mcp", "", api("list_runs", "{}")); r.status != 200 {
		t.Errorf("first: %d", r.status)
	}
	if r := askAs(t, "POST", base+"/api/mcp", "", api("list_runs", "{}")); r.status != 429 {
		t.Errorf("second: %d", r.status)
	}
}

func TestCallsPerToken(t *testing.T) {
	stub := newStub()
	base := listen(t, stubServer(t, stub, withTokens(t), limited(Limits{Calls: 2})))
	sse := sseConnectAs(t, base, annToken)
	for id := range 2 { // answered later: the transport takes them and detaches
		sse.send(call(fmt.Sprint(id+1), "execute_bpftrace_script", `{"script":"x"}`, ""))
	}
	first, second := within(t, stub.began, "run"), within(t, stub.began, "run")
	r, _ := toolAs(t, base, annToken, "list_runs", "{}")
	if r.status != 429 || r.header.Get("Retry-After") == "" || !strings.Contains(r.body, "busy: 2 calls") {
		t.Errorf("third: %d %v %s", r.status, r.header, r.body)
	}
	c := rawConnectAs(t, base, annToken)
	got := messages(t, c.post(t.Context(), call("9", "list_runs", "{}", "")))[0]["result"].(map[string]any)
	if got["isError"] != true || !strings.Contains(fmt.Sprint(got["content"]), "busy: 2 calls") {
		t.Errorf("third over MCP: %v", got)
	}
	if r, _ := toolAs(t, base, bobToken, "list_runs", "{}"); r.status != 200 {
		t.Errorf("bob: %d", r.status)
	}
	first.finish(collector.StatusCompleted)
	second.finish(collector.StatusCompleted)
	within(t, sse.events, "answer")
	within(t, sse.events, "answer")
	if r, _ := toolAs(t, base, annToken, "list_runs", "{}"); r.status != 200 {
		t.Errorf("after the end: %d %s", r.status, r.body)
	}
}

func TestRunsPerToken(t *testing.T) {
	stub := newStub()
	s := stubServer(t, stub, withTokens(t), limited(Limits{Runs: 2}))
	base := listen(t, s)
	for range 2 {
		if r, _ := toolAs(t, base, annToken, "start_run", `{"script":"x"}`); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	for _, method := range []string{"start_run", "execute_bpftrace_script"} {
		if r, _ := toolAs(t, base, annToken, method, `{"script":"x"}`); r.status != 429 || !strings.Contains(r.body, "busy: 2 runs") {
			t.Errorf("%s: %d %s", method, r.status, r.body)
		}
	}
	if r, _ := toolAs(t, base, bobToken, "start_run", `{"script":"x"}`); r.status != 200 {
		t.Errorf("bob: %d", r.status)
	}
	stub.runs[0].finish(collector.StatusCompleted)
	if r, _ := toolAs(t, base, annToken, "start_run", `{"script":"x"}`); r.status != 200 {
		t.Errorf("after one has ended: %d %s", r.status, r.body)
	}
	if len(s.limits.calls) != 0 {
		t.Errorf("calls are counted still: %v", s.limits.calls)
	}
}

// One token cannot open so many sessions that the others have none.
func TestSessionsPerToken(t *testing.T) {
	base := listen(t, stubServer(t, newStub(), withTokens(t), func(c *Config) { c.MaxSessions = 4 }))
	rawConnectAs(t, base, annToken)
	rawConnectAs(t, base, annToken)
	if r := askAs(t, "POST", base+"/mcp", annToken, stdioInit, "Accept", "application/json, text/event-stream"); r.status != 503 {
		t.Errorf("third: %d %s", r.status, r.body)
	}
	if r := askAs(t, "GET", base+"/sse", annToken, ""); r.status != 503 {
		t.Errorf("SSE: %d %s", r.status, r.body)
	}
	rawConnectAs(t, base, bobToken)
	sseConnectAs(t, base, bobToken)
}
