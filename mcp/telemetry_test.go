package mcp

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"tracecar/collector"
	"tracecar/mcp/auth"
)

// recorder is a Telemetry that hands on each request at its end.
type recorder struct {
	ends     chan ended
	sessions chan Session
}

type ended struct {
	Call
	Outcome
}

type recordedKey struct{}

func newRecorder() *recorder { return &recorder{make(chan ended, 100), make(chan Session, 100)} }

func (r *recorder) Begin(ctx context.Context, c Call) (context.Context, func(Outcome)) {
	return context.WithValue(ctx, recordedKey{}, c.Method), func(o Outcome) { r.ends <- ended{c, o} }
}

func (r *recorder) Continue(ctx context.Context, parent, state string) context.Context {
	return context.WithValue(ctx, recordedKey{}, parent+" "+state)
}

func (r *recorder) SessionEnded(s Session) { r.sessions <- s }

func (r *recorder) config(c *Config) { c.Telemetry = r }

// next is what was told of the request with that id.
func (r *recorder) next(t *testing.T, id string) ended {
	t.Helper()
	e := within(t, r.ends, "end of request "+id)
	if e.RequestID != id {
		t.Fatalf("told of request %q, not %q: %+v", e.RequestID, id, e)
	}
	return e
}

// asked are requests of each kind, and what telemetry is told of them.
var asked = []struct {
	request string // after the id
	want    ended
}{
	{`"method":"ping"`, ended{Call: Call{Method: "ping"}}},
	{`"method":"tools/list"`, ended{Call: Call{Method: "tools/list"}}},
	{`"method":"resources/list"`, ended{Call: Call{Method: "resources/list"}}},
	{`"method":"resources/templates/list"`, ended{Call: Call{Method: "resources/templates/list"}}},
	{`"method":"resources/read","params":{"uri":"tracecar://runs"}`,
		ended{Call: Call{Method: "resources/read", Resource: "tracecar://runs"}}},
	{`"method":"resources/read","params":{"uri":"tracecar://none"}`,
		ended{Call: Call{Method: "resources/read", Resource: "tracecar://none"}, Outcome: Outcome{ErrorType: "-32002", Code: -32002}}},
	{`"method":"prompts/list"`, ended{Call: Call{Method: "prompts/list"}}},
	{`"method":"prompts/get","params":{"name":"profile_cpu"}`, ended{Call: Call{Method: "prompts/get", Prompt: "profile_cpu"}}},
	{`"method":"prompts/get","params":{"name":"mine"}`,
		ended{Call: Call{Method: "prompts/get", Prompt: "mine", UnknownTarget: true}, Outcome: Outcome{ErrorType: "-32602", Code: -32602}}},
	{`"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"profile_cpu"},"argument":{"name":"seconds","value":"1"}}`,
		ended{Call: Call{Method: "completion/complete", Prompt: "profile_cpu"}}},
	{`"method":"tools/call","params":{"name":"list_runs"}`, ended{Call: Call{Method: "tools/call", Tool: "list_runs"}}},
	{`"method":"tools/call","params":{"name":"get_run","arguments":{"id":"none"}}`,
		ended{Call: Call{Method: "tools/call", Tool: "get_run"}, Outcome: Outcome{ErrorType: "tool_error"}}},
	{`"method":"tools/call","params":{"name":"list_runs","arguments":{"nonsense":1}}`,
		ended{Call: Call{Method: "tools/call", Tool: "list_runs"}, Outcome: Outcome{ErrorType: "tool_error"}}},
	{`"method":"tools/call","params":{"name":"` + strings.Repeat("ä", 300) + `"}`,
		ended{Call: Call{Method: "tools/call", Tool: strings.Repeat("ä", maxForeign/2) + "…", UnknownTarget: true}, Outcome: Outcome{ErrorType: "-32602", Code: -32602}}},
	{`"method":"tools/call","params":{"name":7}`,
		ended{Call: Call{Method: "tools/call", UnknownTarget: true}, Outcome: Outcome{ErrorType: "-32600", Code: -32600}}},
	{`"method":"no/such"`,
		ended{Call: Call{Method: "no/such", UnknownMethod: true}, Outcome: Outcome{ErrorType: "-32601", Code: -32601}}},
	{`"method":"ping","params":{"_meta":{"traceparent":"00-a","tracestate":"x=1"}}`,
		ended{Call: Call{Method: "ping", TraceParent: "00-a", TraceState: "x=1"}}},
}

// TestTelemetryOfEachRequest has every method told of once, over each
// transport, with what the session has agreed on.
func TestTelemetryOfEachRequest(t *testing.T) {
	for _, transport := range []string{"stdio", "http", "sse"} {
		t.Run(transport, func(t *testing.T) {
			r := newRecorder()
			s := stubServer(t, newStub(), r.config)
			base := Call{Transport: "tcp", HTTPVersion: "1.1", Client: "127.0.0.1"}
			var send func(string)
			switch transport {
			case "stdio":
				base = Call{Transport: "pipe"}
				c := serveStdio(t, s, t.Context())
				send = func(line string) { c.send(line); c.next() }
				send(stdioInit)
			case "http":
				c := rawConnect(t, listen(t, s))
				send = func(body string) { messages(t, c.post(t.Context(), body)) }
			case "sse":
				c := sseConnect(t, listen(t, s))
				send = func(body string) { c.send(body); within(t, c.events, "answer") }
			}
			init := r.next(t, "init")
			if init.Method != "initialize" || init.ErrorType != "" || init.Protocol != "2025-06-18" {
				t.Errorf("%+v", init)
			}
			if init.Session == "" {
				t.Error("initialize is of no session")
			}
			for i, a := range asked {
				id := fmt.Sprint(i + 1)
				send(`{"jsonrpc":"2.0","id":` + id + `,` + a.request + `}`)
				got := r.next(t, id)
				if (got.Message != "") != (got.Code != 0) {
					t.Errorf("%s: message %q", a.request, got.Message)
				}
				want := a.want
				want.RequestID, want.Session, want.Protocol, want.Message = id, init.Session, "2025-06-18", got.Message
				want.Transport, want.HTTPVersion, want.Client = base.Transport, base.HTTPVersion, base.Client
				if got != want {
					t.Errorf("%s:\n got %+v\nwant %+v", a.request, got, want)
				}
			}
			// A notification is no request.
			if transport == "http" {
				return
			}
			select {
			case e := <-r.ends:
				t.Errorf("told of one more: %+v", e)
			default:
			}
		})
	}
}

// TestTelemetryIsAParent has a tool's run in the context of its call's span,
// and a call that is cancelled told of at its end.
func TestTelemetryIsAParent(t *testing.T) {
	r, stub := newRecorder(), newStub()
	c := serveStdio(t, stubServer(t, stub, r.config), t.Context())
	c.send(stdioInit)
	c.next()
	r.next(t, "init")
	c.send(call(`"one"`, "execute_bpftrace_script", `{"script":"x"}`, ""))
	run := within(t, stub.began, "run")
	if run.script.Context.Value(recordedKey{}) != "tools/call" {
		t.Error("the run is not in the call's context")
	}
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"one"}}`)
	if e := r.next(t, "one"); e.Tool != "execute_bpftrace_script" {
		t.Errorf("%+v", e)
	}
}

// TestTelemetryOfAPI has the runs of the JSON API below the span that the
// HTTP request names.
func TestTelemetryOfAPI(t *testing.T) {
	r, stub := newRecorder(), newStub()
	stub.start = ends(collector.StatusCompleted)
	base := listen(t, stubServer(t, stub, r.config))
	for _, tool := range []string{"execute_bpftrace_script", "start_run"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/mcp",
			strings.NewReader(`{"method":"`+tool+`","params":{"script":"x"}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Traceparent", "00-h")
		req.Header.Set("Tracestate", "x=1")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if run := within(t, stub.began, "run"); run.script.Context.Value(recordedKey{}) != "00-h x=1" {
			t.Errorf("%s: %s: the run is not below the caller's span", tool, res.Status)
		}
	}
}

// TestTelemetryOfSessions has each session told of once, however it ends, and
// what had no handshake not at all.
func TestTelemetryOfSessions(t *testing.T) {
	overHTTP := Session{Transport: "tcp", HTTPVersion: "1.1", Protocol: "2025-06-18"}
	for name, tt := range map[string]struct {
		end  func(t *testing.T, s *Server)
		want Session
	}{
		"end of input": {func(t *testing.T, s *Server) {
			c := serveStdio(t, s, t.Context())
			c.send(stdioInit)
			c.next()
			c.in.Close()
		}, Session{Transport: "pipe", Protocol: "2025-06-18"}},
		"delete": {func(t *testing.T, s *Server) {
			rawConnect(t, listen(t, s)).end()
		}, overHTTP},
		"idle": {func(t *testing.T, s *Server) {
			c := rawConnect(t, listen(t, s))
			// As the SDK's sweeper does.
			if _, err := s.sessions.ResolveSessionIdManager(nil).Terminate(c.session); err != nil {
				t.Fatal(err)
			}
		}, overHTTP},
		"end of stream": {func(t *testing.T, s *Server) { sseConnect(t, listen(t, s)).close() }, overHTTP},
		"end of server": {func(t *testing.T, s *Server) {
			rawConnect(t, listen(t, s))
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, overHTTP},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			s := stubServer(t, newStub(), r.config)
			if s.sessions.open(t.Context(), "") == "" {
				t.Fatal("no session")
			}
			tt.end(t, s)
			got := within(t, r.sessions, "session's end")
			if got.Duration <= 0 {
				t.Errorf("lasted %v", got.Duration)
			}
			tt.want.Duration = got.Duration
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if len(r.sessions) > 0 {
				t.Errorf("and %+v", <-r.sessions)
			}
		})
	}
}

// TestTelemetryOfPanic has a request that panics told of, as a failure.
func TestTelemetryOfPanic(t *testing.T) {
	r, stub := newRecorder(), newStub()
	stub.start = func(*stubRun) { panic("bug") }
	s := stubServer(t, stub, r.config)
	o := &operation{}
	o.end = func() { r.ends <- ended{Outcome: o.outcome} }
	o.End()
	if e := r.next(t, ""); e.ErrorType != "panic" {
		t.Errorf("%+v", e)
	}
	c := serveStdio(t, s, t.Context())
	c.send(stdioInit)
	c.next()
	r.next(t, "init")
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, ""))
	c.next()
	if e := r.next(t, "1"); e.Code != -32603 || e.ErrorType != "-32603" {
		t.Errorf("%+v", e)
	}
}

// TestTelemetryBehindProxy has the address that a trusted proxy names, the
// caller's parent before that of the HTTP request, and no version that a client
// made up.
func TestTelemetryBehindProxy(t *testing.T) {
	a, err := auth.New(auth.Options{
		Tokens:  []auth.Token{{Name: "one", SHA256: auth.Hash("secret")}},
		Proxies: auth.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, stub := newRecorder(), newStub()
	stub.start = ends(collector.StatusCompleted)
	c := rawConnectAs(t, listen(t, stubServer(t, stub, r.config, func(c *Config) { c.Auth = a })), "secret")
	r.next(t, "init")
	req := c.request(t.Context(), call("1", "list_runs", `{}`, `"traceparent":"00-m"`))
	req.Header.Set("X-Forwarded-For", "198.51.100.9, 192.0.2.7")
	req.Header.Set("traceparent", "00-h")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	messages(t, res)
	if e := r.next(t, "1"); e.Client != "192.0.2.7" || e.TraceParent != "00-m" || e.LinkParent != "00-h" {
		t.Errorf("%+v", e)
	}
	in := &inbound{header: http.Header{versionHeader: {"2020-01-01"}}}
	if v := protocolOf(t.Context(), in); v != "" {
		t.Errorf("version %q", v)
	}
}
