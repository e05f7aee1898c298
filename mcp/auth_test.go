package mcp

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/mcp/auth"
)

// Tokens of the tests.
const (
	annToken  = "token-of-ann" // caller
	bobToken  = "token-of-bob" // caller
	rootToken = "token-of-root"
)

func testTokens() []auth.Token {
	return []auth.Token{
		{Name: "ann", SHA256: auth.Hash(annToken)},
		{Name: "bob", Role: "tester", SHA256: auth.Hash(bobToken)},
		{Name: "root", Role: auth.RoleOperator, SHA256: auth.Hash(rootToken)},
	}
}

func withTokens(t testing.TB, change ...func(*auth.Options)) func(*Config) {
	t.Helper()
	o := auth.Options{Tokens: testTokens()}
	for _, c := range change {
		c(&o)
	}
	a, err := auth.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Auth = a }
}

// reply is what came back for one request.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	return m
}

func askAs(t *testing.T, method, url, token, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return reply{res.StatusCode, res.Header, ""} // it may never end
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

func api(method, params string) string {
	return fmt.Sprintf(`{"method":%q,"params":%s}`, method, params)
}

func TestEveryFaceAsksForAToken(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	base := listen(t, stubServer(t, newStub(), withTokens(t), func(c *Config) {
		c.Routes = []Route{{Pattern: "GET /metrics", Handler: page}, {Pattern: "GET /ui/{$}", Handler: page, Open: true}}
	}))
	for _, face := range []string{"POST /mcp", "GET /mcp", "DELETE /mcp", "GET /sse", "POST /message", "POST /message?sessionId=x",
		"POST /api/mcp", "POST /api/mcp/request", "GET /api/tools", "GET /metrics", "GET /ui/data", "GET /nowhere", "PUT /mcp", "HEAD /mcp", "OPTIONS /mcp"} {
		method, path, _ := strings.Cut(face, " ")
		for _, token := range []string{"", "wrong"} {
			r := askAs(t, method, base+path, token, "")
			if token == "wrong" && r.status == http.StatusTooManyRequests {
				continue // so many guesses come from here
			}
			if r.status != 401 || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), `Bearer realm="tracecar"`) {
				t.Errorf("%s with token %q: %d %v", face, token, r.status, r.header)
			}
			if method != "HEAD" && r.json(t)["error"] == nil {
				t.Errorf("%s: %s", face, r.body)
			}
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/ui/"} {
		if r := askAs(t, "GET", base+path, "", ""); r.status != 200 {
			t.Errorf("%s is not open: %d %s", path, r.status, r.body)
		}
	}
	// No OAuth is configured: a client must hear 404, and no 401.
	for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
		if r := askAs(t, "GET", base+path, "", ""); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	// What the router would clean up to another path is not open.
	for _, path := range []string{"/healthz/../api/tools", "//healthz", "/healthz/", "/./healthz", "/healthz%2f..%2fapi%2ftools", "/ui/..", "/ui/../metrics", "/HEALTHZ",
		"/.well-known/oauth-protected-resource/../../api/tools"} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", base, nil)
		req.URL.Opaque = path // as it is
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode == 200 || strings.Contains(string(body), "execute_bpftrace_script") {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
}

func TestFacesWithAToken(t *testing.T) {
	stub := newStub()
	stub.start = ends(collector.StatusCompleted)
	base := listen(t, stubServer(t, stub, withTokens(t)))
	if r := askAs(t, "GET", base+"/api/tools", annToken, ""); r.status != 200 {
		t.Errorf("api: %d %s", r.status, r.body)
	}
	const run = `{"script":"x"}`
	askAs(t, "POST", base+"/api/mcp", annToken, api("execute_bpftrace_script", run))
	c := rawConnectAs(t, base, bobToken)
	messages(t, c.post(t.Context(), call("1", "execute_bpftrace_script", run, "")))
	sse := sseConnectAs(t, base, rootToken)
	sse.send(call("1", "execute_bpftrace_script", run, ""))
	modern := &rawClient{t: t, url: base + "/mcp", token: bobToken}
	req := modern.request(t.Context(), call("1", "execute_bpftrace_script", run,
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"new\u0000 client","version":"2"}`))
	req.Header.Set(versionHeader, "2026-07-28")
	req.Header.Set("Mcp-Method", "tools/call")
	req.Header.Set("Mcp-Name", "execute_bpftrace_script")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if m := messages(t, res); m[0]["result"] == nil {
		t.Errorf("modern: %v", m)
	}
	sessions := map[string]bool{}
	for _, want := range []collector.Caller{
		{Name: "ann", Role: "caller"},
		{Name: "bob", Role: "tester", Client: "t 1", Session: "some"},
		{Name: "root", Role: "operator", Client: "t 1", Session: "some"},
		{Name: "bob", Role: "tester", Client: "new client 2"},
	} {
		got := within(t, stub.began, "run").script.Caller
		if got.Session != "" {
			if sessions[got.Session] || strings.Contains(c.session, got.Session) {
				t.Errorf("session %q is another's, or the secret itself", got.Session)
			}
			sessions[got.Session] = true
			got.Session = "some"
		}
		if got != want {
			t.Errorf("caller %+v, want %+v", got, want)
		}
	}
}

func TestCallerOnStdio(t *testing.T) {
	stub := newStub()
	stub.start = ends(collector.StatusCompleted)
	c := serveStdio(t, stubServer(t, stub, func(c *Config) { c.Role = auth.RoleOperator }), t.Context())
	c.send(strings.Replace(stdioInit, `"name":"t"`, `"name":"`+strings.Repeat("long", 100)+`"`, 1))
	c.next()
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, ""))
	c.next()
	got := within(t, stub.began, "run").script.Caller
	if got.Name != "" || got.Role != "operator" || len(got.Client) > 200 || !strings.HasPrefix(got.Client, "longlong") || got.Session == "" {
		t.Errorf("%+v", got)
	}
}

func TestSessionsBelongToTheirToken(t *testing.T) {
	stub := newStub()
	base := listen(t, stubServer(t, stub, withTokens(t)))
	ann, sse := rawConnectAs(t, base, annToken), sseConnectAs(t, base, annToken)
	answer := make(chan []map[string]any, 1)
	go func() {
		res, err := http.DefaultClient.Do(ann.request(t.Context(), call("7", "execute_bpftrace_script", `{"script":"x"}`, "")))
		if err != nil {
			t.Error(err)
			answer <- nil
			return
		}
		answer <- messages(t, res)
	}()
	r := within(t, stub.began, "run")
	cancelled := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`
	for _, token := range []string{bobToken, rootToken} {
		for _, method := range []string{"POST", "GET", "DELETE"} {
			got := askAs(t, method, base+"/mcp", token, cancelled, sessionHeader, ann.session, versionHeader, ann.version)
			if got.status != 404 {
				t.Errorf("%s %s: %d %s", token, method, got.status, got.body)
			}
			// The answer is that of a session that never was.
			if none := askAs(t, method, base+"/mcp", token, cancelled, sessionHeader, newID(), versionHeader, ann.version); method != "DELETE" && none.status != 404 {
				t.Errorf("%s %s without a session: %d %s", token, method, none.status, none.body)
			}
		}
		if status := sse.try(token, cancelled); status != 404 {
			t.Errorf("%s SSE: %d", token, status)
		}
	}
	select {
	case <-r.stopped:
		t.Fatal("another token has stopped the run")
	default:
	}
	sse.send(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	if m := within(t, sse.events, "pong"); m["id"] != 2.0 {
		t.Errorf("%v", m)
	}
	// A header of two sessions is of none.
	req := ann.request(t.Context(), `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	req.Header.Add(sessionHeader, newID())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("two session headers: %s", res.Status)
	}
	ann.post(t.Context(), cancelled).Body.Close()
	within(t, r.stopped, "stop by the owner")
	within(t, answer, "answer")
}

func TestTokensAreReloaded(t *testing.T) {
	stub := newStub()
	cfg := Config{}
	withTokens(t)(&cfg)
	base := listen(t, stubServer(t, stub, func(c *Config) { c.Auth = cfg.Auth }))
	ann, bob := rawConnectAs(t, base, annToken), rawConnectAs(t, base, bobToken)
	annSSE, bobSSE := sseConnectAs(t, base, annToken), sseConnectAs(t, base, bobToken)
	const run = `{"script":"x"}`
	start := func(send func()) *stubRun {
		t.Helper()
		send()
		return within(t, stub.began, "run")
	}
	answered := make(chan string, 4)
	post := func(who string, req *http.Request) func() {
		return func() {
			go func() {
				if res, err := http.DefaultClient.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				answered <- who
			}()
		}
	}
	apiRequest := ann.request(t.Context(), api("execute_bpftrace_script", run))
	apiRequest.URL.Path = "/api/mcp"
	bobAPI := bob.request(t.Context(), api("execute_bpftrace_script", run))
	bobAPI.URL.Path = "/api/mcp"
	stay := []*stubRun{
		start(post("ann", ann.request(t.Context(), call("1", "execute_bpftrace_script", run, "")))),
		start(func() { annSSE.send(call("2", "execute_bpftrace_script", run, "")) }),
		start(post("ann", apiRequest)),
	}
	go_ := []*stubRun{
		start(post("bob", bob.request(t.Context(), call("1", "execute_bpftrace_script", run, "")))),
		start(func() { bobSSE.send(call("2", "execute_bpftrace_script", run, "")) }),
		start(post("bob", bobAPI)),
	}
	background := start(func() {
		res := bob.post(t.Context(), call("3", "start_run", run, ""))
		messages(t, res)
	})
	// bob's token is renewed.
	tokens := testTokens()
	tokens[1].SHA256 = auth.Hash("new-token-of-bob")
	if err := cfg.Auth.SetTokens(tokens); err != nil {
		t.Fatal(err)
	}
	for i, r := range go_ {
		within(t, r.stopped, fmt.Sprintf("end of bob's run %d", i))
	}
	for {
		if _, open := <-bobSSE.events; !open {
			break
		}
	}
	for i, r := range stay {
		select {
		case <-r.stopped:
			t.Errorf("ann's run %d has ended", i)
		default:
		}
		r.finish(collector.StatusCompleted)
	}
	select {
	case <-background.stopped:
		t.Error("a run of start_run has ended with its token")
	default:
	}
	for range 4 {
		within(t, answered, "answer")
	}
	if res := messages(t, ann.post(t.Context(), `{"jsonrpc":"2.0","id":9,"method":"ping"}`)); res[0]["result"] == nil {
		t.Errorf("ann's session: %v", res)
	}
	if m := within(t, annSSE.events, "answer"); m["id"] != 2.0 {
		t.Errorf("ann's SSE session: %v", m)
	}
	if r := askAs(t, "GET", base+"/api/tools", bobToken, ""); r.status != 401 {
		t.Errorf("bob's old token: %d", r.status)
	}
	// The session went with the token that opened it, the run is bob's still.
	bob.token = "new-token-of-bob"
	res := bob.post(t.Context(), `{"jsonrpc":"2.0","id":9,"method":"ping"}`)
	res.Body.Close()
	if res.StatusCode != 404 {
		t.Errorf("bob's old session: %s", res.Status)
	}
	if r := askAs(t, "POST", base+"/api/mcp", bob.token, api("stop_run", `{"id":"`+background.id+`"}`)); r.status != 200 {
		t.Errorf("bob's run: %d %s", r.status, r.body)
	}
}

// Wrong tokens from one address cut off nobody who has a session there.
func TestGuessingDoesNotCutOffSessions(t *testing.T) {
	told := make(chan auth.Refusal, 100)
	base := listen(t, stubServer(t, newStub(), withTokens(t, func(o *auth.Options) { o.Refused = func(r auth.Refusal) { told <- r } })))
	ann, sse := rawConnectAs(t, base, annToken), sseConnectAs(t, base, annToken)
	end := time.Now().Add(20 * time.Second)
	for askAs(t, "GET", base+"/api/tools", "wrong", "").status != 429 {
		if time.Now().After(end) {
			t.Fatal("guessing goes on for ever")
		}
	}
	r := askAs(t, "GET", base+"/api/tools", annToken, "")
	if r.status != 429 || r.header.Get("Retry-After") == "" {
		t.Errorf("without a session: %d %v", r.status, r.header)
	}
	if m := messages(t, ann.post(t.Context(), `{"jsonrpc":"2.0","id":9,"method":"ping"}`)); m[0]["result"] == nil {
		t.Errorf("with a session: %v", m)
	}
	sse.send(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	if first := within(t, told, "refusal"); first.Reason != "wrong token" || first.Path != "/api/tools" || !strings.HasPrefix(first.Address, "127.0.0.1:") {
		t.Errorf("%+v", first)
	}
}
