package mcp

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tracecar/collector"
)

// badArguments are calls of tools that must fail the same on every face: the
// tool, its arguments, and what the error says.
var badArguments = []struct{ what, tool, args, want string }{
	{"no script", "execute_bpftrace_script", `{}`, `"script": is required`},
	{"empty script", "execute_bpftrace_script", `{"script":" \n"}`, `"script": is empty`},
	{"script of another type", "execute_bpftrace_script", `{"script":{"a":1}}`, `must be a string`},
	{"NUL in the script", "execute_bpftrace_script", `{"script":"BEGIN { }\u0000 evil"}`, `holds a NUL byte, at offset 9`},
	{"NUL in an argument", "execute_bpftrace_script", `{"script":"x","args":["a","b\u0000"]}`, `element 1 holds a NUL byte`},
	{"half a surrogate", "execute_bpftrace_script", `{"script":"\ud800"}`, `half a surrogate`},
	{"bytes that are no UTF-8", "execute_bpftrace_script", "{\"script\":\"a\xff\"}", `not UTF-8`},
	{"path for a library script", "execute_bpftrace_script", `{"script":"@library/../../etc/passwd"}`, `is no name of a script`},
	{"absolute path", "start_run", `{"script":"@library//etc/passwd"}`, `is no name of a script`},
	{"pattern for a library script", "start_run", `{"script":"@library/*"}`, `is no name of a script`},
	{"NUL in a library script", "execute_bpftrace_script", `{"script":"@library/a\u0000"}`, `NUL byte`},
	{"library script without a name", "execute_bpftrace_script", `{"script":"@library/"}`, `is no name of a script`},
	{"script too long", "start_run", `{"script":"` + strings.Repeat("x", 70<<10) + `"}`, `more than the limit of 65536`},
	{"unknown argument", "execute_bpftrace_script", `{"script":"x","unsafe":true}`, `"unsafe": unknown`},
	{"arguments of another type", "execute_bpftrace_script", `[1]`, ``},
	{"deep arguments", "execute_bpftrace_script", `{"script":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, `must be a string`},
	{"timeout of nothing", "execute_bpftrace_script", `{"script":"x","timeout":0}`, `must be more than 0`},
	{"timeout for ever", "execute_bpftrace_script", `{"script":"x","timeout":1e300}`, `must be at most`},
	{"timeout of no number", "execute_bpftrace_script", `{"script":"x","timeout":"1"}`, `must be a number`},
	{"events without end", "execute_bpftrace_script", `{"script":"x","max_events":99999999999999999999}`, `must be at most`},
	{"half an event", "execute_bpftrace_script", `{"script":"x","max_events":1.5}`, `whole number`},
	{"path for a run", "get_run", `{"id":"../../../etc/passwd"}`, `no run`},
	{"NUL for a run", "stop_run", `{"id":"\u0000"}`, `NUL byte`},
	{"id without end", "get_run", `{"id":"` + strings.Repeat("a", 10000) + `"}`, `more than the limit of 256`},
	{"cursor before the start", "get_run", `{"id":"a","cursor":-1}`, `at least 0`},
	{"cursor of nothing", "list_probes", `{"cursor":"####"}`, `not a next_cursor`},
	{"pattern without end", "list_probes", `{"pattern":"` + strings.Repeat("*", 10000) + `"}`, `more than the limit of 4096`},
	{"file for a pattern", "list_probes", `{"pattern":"/etc/shadow"}`, `a file's name`},
	{"file with a colon for a pattern", "list_probes", `{"pattern":"../../etc/a:b"}`, `a file's name`},
	{"NUL in a pattern", "list_probes", `{"pattern":"a\u0000b"}`, `NUL byte`},
}

// badServer is a server with a live run, which nothing bad may touch.
func badServer(t *testing.T) (base string, check func()) {
	t.Helper()
	stub := newStub()
	base = listen(t, stubServer(t, stub, withTokens(t)))
	if r, _ := toolAs(t, base, annToken, "start_run", `{"script":"live"}`); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	live := within(t, stub.began, "run")
	return base, func() {
		t.Helper()
		select {
		case <-live.stopped:
			t.Error("the live run was stopped")
		case r := <-stub.began:
			t.Errorf("a run was started: %+v", r.script)
		default:
		}
		if r, data := toolAs(t, base, annToken, "get_run", `{"id":"`+live.id+`"}`); r.status != 200 || data["status"] != "running" {
			t.Errorf("the live run: %d %s", r.status, r.body)
		}
	}
}

func TestBadArgumentsOnEveryFace(t *testing.T) {
	base, check := badServer(t)
	c, sse := rawConnectAs(t, base, annToken), sseConnectAs(t, base, annToken)
	stub := newStub()
	stdio := serveStdio(t, stubServer(t, stub), t.Context())
	stdio.send(stdioInit)
	stdio.next()
	for i, tt := range badArguments {
		id := fmt.Sprint(i + 1)
		// MCP: an error of the tool, or where it is no call at all, of the protocol.
		failed := func(face string, m map[string]any) {
			t.Helper()
			res, _ := m["result"].(map[string]any)
			if (m["error"] == nil && res["isError"] != true) || !strings.Contains(fmt.Sprint(m), tt.want) {
				t.Errorf("%s over %s: %.300v", tt.what, face, m)
			}
		}
		if m := messages(t, c.post(t.Context(), call(id, tt.tool, tt.args, ""))); len(m) == 1 {
			failed("HTTP", m[0])
		} else {
			t.Errorf("%s: %d messages", tt.what, len(m))
		}
		sse.send(call(id, tt.tool, tt.args, ""))
		failed("SSE", within(t, sse.events, "answer"))
		stdio.send(call(id, tt.tool, tt.args, ""))
		failed("stdio", stdio.next())
		if r := askAs(t, "POST", base+"/api/mcp", annToken, api(tt.tool, tt.args)); r.status != 400 || r.json(t)["success"] != false || !strings.Contains(r.json(t)["error"].(string), tt.want) {
			t.Errorf("%s over the API: %d %.300s", tt.what, r.status, r.body)
		}
	}
	if len(stub.runs) > 0 {
		t.Errorf("stdio: a run was started: %+v", stub.runs[0].script)
	}
	check()
}

// badMessages are bodies that no face understands, and what it answers; 0 is
// any answer but that of a broken server.
func badMessages() []badMessage {
	deep := strings.Repeat("[", 200_000)
	levels := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	return []badMessage{
		{"mcp", "/mcp", ``, 400, ""},
		{"mcp", "/mcp", `{`, 400, "not valid json"},
		{"mcp", "/mcp", `null`, 0, ""},
		{"mcp", "/mcp", `[]`, 400, ""},
		{"mcp", "/mcp", `"text"`, 400, ""},
		{"mcp", "/mcp", deep, 400, "not valid json"},
		{"mcp", "/mcp", `{"a":` + deep + strings.Repeat("]", 200_000) + `}`, 400, "not valid json"},
		{"mcp", "/mcp", `{"jsonrpc":"1.0","id":1,"method":"ping"}`, 0, "error"},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}`, 0, ""},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":7}`, 400, ""},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("m", 100_000) + `"}`, 0, "error"},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}`, 0, "error"},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"no_such_tool"}}`, 0, "error"},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"tracecar://runs/../../etc/passwd"}}`, 0, "error"},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}`, 0, "error"},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"profile_cpu","arguments":{"process":"a\u0000b"}}}`, 0, "error"},
		{"mcp", "/mcp", strings.Repeat("x", 10<<20), 413, "larger than 1048576 bytes"},
		{"message", "/message", `{}`, 404, "unknown session"},
		{"message", "/message?sessionId=../../x", `{}`, 404, "unknown session"},
		{"message", "/message?sessionId=a&sessionId=b", `{}`, 404, "unknown session"},
		{"message", "/message", strings.Repeat("x", 10<<20), 413, "larger than"},
		{"api", "/api/mcp", ``, 400, "must be a JSON object"},
		{"api", "/api/mcp", `[]`, 400, "must be a JSON object"},
		{"api", "/api/mcp", `{"method":["a"]}`, 400, "must be a JSON object"},
		{"api", "/api/mcp", deep, 400, "must be a JSON object"},
		{"api", "/api/mcp", `{"method":"` + strings.Repeat("m", 100_000) + `"}`, 400, "unknown method"},
		{"api", "/api/mcp", `{"method":"../execute_bpftrace_script"}`, 400, "unknown method"},
		{"api", "/api/mcp", api("execute_bpftrace_script", `{"script":"`+strings.Repeat("x", 10<<20)+`"}`), 413, "larger than"},
		{"api", "/api/../api/tools", ``, 405, ""},
		{"api", "/api/tools/../../etc/passwd", ``, 404, ""},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_bpftrace_script","arguments":{"script":` + levels(9_000) + `}}}`, 0, "must be a string"},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"ping","params":` + levels(10_000) + `}`, 400, "not valid json"},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_bpftrace_script","arguments":"text"}}`, 200, "must be a JSON object"},
		{"mcp", "/mcp", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\x00\"}", 400, "not valid json"},
		{"mcp", "/mcp", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}", 0, "error"},
		{"mcp", "/mcp", `[` + strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"tools/list"},`, 1000) + `{}]`, 400, ""},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"tracecar://library/..%2f..%2f..%2fetc%2fpasswd"}}`, 0, "error"},
		{"mcp", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"tracecar://library/%2e%2e/%2e%2e/etc/passwd"}}`, 0, "error"},
		{"api", "/api/mcp", api("execute_bpftrace_script", `{"script":`+levels(9_000)+`}`), 400, "must be a string"},
		{"api", "/api/mcp", `{"method":"list_runs","params":` + levels(10_000) + `}`, 400, "must be a JSON object"},
		{"api", "/api/mcp", `{"method":"list_runs","params":"text"}`, 400, ""},
		{"api", "/api/mcp", "{\"method\":\"list_runs\x00\"}", 400, "must be a JSON object"},
		{"api", "/api/mcp", `{"method":"list_runs"}{"method":"list_runs"}`, 400, "must be a JSON object"},
		{"api", "/api/mcp", `<?xml version="1.0"?>`, 400, "must be a JSON object"},
		{"api", "/api/mcp", "\x1f\x8b\x08\x00\x00\x00\x00\x00", 400, "must be a JSON object"},
		{"api", "/api/%2e%2e/api/tools", ``, 404, ""},
		{"api", "/api/mcp/..%2f..%2fetc%2fpasswd", ``, 404, ""},
	}
}

type badMessage struct {
	face, path, body string
	want             int
	says             string
}

// send sends a bad message as ann, and tells what is wrong with the answer.
func (m badMessage) send(t *testing.T, base string) {
	t.Helper()
	var headers []string
	if m.face == "mcp" {
		c := rawConnectAs(t, base, annToken)
		headers = []string{sessionHeader, c.session, versionHeader, c.version, "Accept", "application/json, text/event-stream"}
		// Ended, so that there are always some left.
		defer askAs(t, "DELETE", base+"/mcp", annToken, "", headers...)
	}
	r := askAs(t, "POST", base+m.path, annToken, m.body, headers...)
	if m.want == 0 && r.status >= 500 || m.want != 0 && r.status != m.want || !strings.Contains(r.body, m.says) || len(r.body) > 10_000 && len(r.body) > len(m.body)+1000 {
		t.Errorf("%s %.60q: %d %.200s", m.path, m.body, r.status, r.body)
	}
}

func TestBadMessages(t *testing.T) {
	base, check := badServer(t)
	for _, m := range badMessages() {
		m.send(t, base)
	}
	check()
}

// smuggled are requests that two servers would understand in two ways, or that
// are no HTTP. Each runs "evil" as ann if it is understood in the wrong one.
func smuggled() map[string]string {
	evil := "POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + annToken + "\r\nContent-Length: 65\r\n\r\n" + api("execute_bpftrace_script", `{"script":"evil"}`)
	post := func(headers, body string) string {
		return "POST /api/mcp HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body
	}
	auth := "Authorization: Bearer " + annToken + "\r\n"
	big := "POST /api/mcp HTTP/1.1\r\nHost: localhost\r\n"
	return map[string]string{
		"two lengths":                 post(auth+"Content-Length: 2\r\nContent-Length: 500\r\n", "{}"+evil),
		"length and chunks":           post(auth+"Content-Length: 500\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
		"chunks in disguise":          post(auth+"Transfer-Encoding: xchunked\r\n", "2\r\n{}\r\n0\r\n\r\n"+evil),
		"chunks twice":                post(auth+"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "2\r\n{}\r\n0\r\n\r\n"+evil),
		"space before the colon":      post("Authorization : Bearer "+annToken+"\r\nContent-Length: 2\r\n", "{}"),
		"header on the next line":     post(auth+"X: a\r\n b: c\r\nContent-Length: 2\r\n", "{}"),
		"bare newline in a header":    post("X: a\nAuthorization: Bearer "+annToken+"\r\nContent-Length: 2\r\n", "{}"),
		"NUL in a header":             post(auth+"X: a\x00b\r\nContent-Length: 2\r\n", "{}"),
		"two hosts":                   "POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n" + auth + "Content-Length: 2\r\n\r\n{}",
		"no host":                     "POST /api/mcp HTTP/1.1\r\n" + auth + "Content-Length: 2\r\n\r\n{}",
		"host in the request line":    "POST http://evil.example/api/mcp HTTP/1.1\r\nHost: localhost\r\n" + auth + "Content-Length: 2\r\n\r\n{}",
		"unauthorized, then more":     post("Content-Length: 2\r\n", "{}") + evil,
		"body of a refused request":   post("Content-Length: "+fmt.Sprint(len(evil))+"\r\n", evil),
		"headers without end":         "GET /api/tools HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 200<<10),
		"no HTTP":                     "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 100),
		"another version":             "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"bare CR in a header":         post("X: a\rAuthorization: Bearer "+annToken+"\r\nContent-Length: 2\r\n", "{}"),
		"bare CR for an end":          "POST /api/mcp HTTP/1.1\rHost: localhost\r" + auth + "\r\n\r\n",
		"length with a sign":          post(auth+"Content-Length: +2\r\n", "{}"+evil),
		"length below zero":           post(auth+"Content-Length: -2\r\n", "{}"+evil),
		"length in two words":         post(auth+"Content-Length: 2, 2\r\n", "{}"+evil),
		"length in hexadecimal":       post(auth+"Content-Length: 0x2\r\n", "{}"+evil),
		"length without end":          post(auth+"Content-Length: 99999999999999999999\r\n", "{}"+evil),
		"chunk of no number":          post(auth+"Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
		"chunk below zero":            post(auth+"Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"),
		"chunk without end":           post(auth+"Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
		"chunk with bare newlines":    post(auth+"Transfer-Encoding: chunked\r\n", "2;\n{}\r\n0\r\n\r\n"),
		"chunked as a list":           post(auth+"Transfer-Encoding: gzip, chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
		"chunked with a vertical tab": post(auth+"Transfer-Encoding: \x0bchunked\r\nContent-Length: 2\r\n", "{}"+evil),
		"trailers with a token":       post("Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n", "2\r\n{}\r\n0\r\n"+auth+"\r\n"),
		"headers without number":      big + strings.Repeat("A: b\r\n", 50_000) + auth + "\r\n",
		"token in two headers":        post(auth+auth+"Content-Length: 2\r\n", "{}"),
		"colon before the name":       post(": x\r\n"+auth+"Content-Length: 2\r\n", "{}"),
		"space before the headers":    "POST /api/mcp HTTP/1.1\r\n Host: localhost\r\n" + auth + "Content-Length: 2\r\n\r\n{}",
		"spaces in the path":          "POST /api/mcp HTTP/1.1 HTTP/1.1\r\nHost: localhost\r\n" + auth + "Content-Length: 2\r\n\r\n{}",
		"HTTP/0.9":                    "GET /api/tools\r\n\r\n",
		"HTTP/9.9":                    "GET /api/tools HTTP/9.9\r\nHost: localhost\r\n" + auth + "\r\n",
		"CONNECT":                     "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n" + auth + "\r\n",
		"HTTP/2 in the clear":         "GET /api/mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n" + auth + "\r\n",
		"web socket":                  "GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + auth + "\r\n",
	}
}

// sendRaw sends bytes and returns all that comes back.
func sendRaw(t *testing.T, base, raw string) string {
	t.Helper()
	conn := dial(t, base)
	defer conn.Close()
	// The server may hang up before it has read all.
	_, _ = io.WriteString(conn, raw)
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

func TestSmuggledRequests(t *testing.T) {
	base, check := badServer(t)
	for what, raw := range smuggled() {
		if answer := sendRaw(t, base, raw); strings.Contains(answer, "HTTP/1.1 2") || strings.Contains(answer, "HTTP/1.1 1") || strings.Count(answer, "HTTP/1.") > 1 {
			t.Errorf("%s: %q", what, answer)
		}
	}
	check()
}

// Many big requests at once: memory is bounded by connections times MaxBody,
// and bodies of strangers are not read at all.
func TestBigRequestsAtOnce(t *testing.T) {
	base, check := badServer(t)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			token := annToken
			if i%2 == 0 {
				token = ""
			}
			body := io.LimitReader(endless{}, 50<<20)
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/mcp", body)
			req.Header.Set("Content-Type", "application/json")
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return // hung up on while it still sent
			}
			res.Body.Close()
			if want := map[string]int{"": 401, annToken: 413}[token]; res.StatusCode != want {
				t.Errorf("token %q: %s", token, res.Status)
			}
		})
	}
	wg.Wait()
	http.DefaultClient.CloseIdleConnections()
	if after := heap(); after > before+32<<20 {
		t.Errorf("%d MiB are kept", (after-before)>>20)
	}
	check()
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '['
	}
	return len(b), nil
}

// Clients that send a byte now and then hold up nobody, and no place for long.
func TestSlowClients(t *testing.T) {
	stub := newStub()
	stub.start = ends(collector.StatusCompleted)
	s := stubServer(t, stub, withTokens(t))
	base := listen(t, s)
	for i := range 50 {
		conn := dial(t, base)
		_, _ = io.WriteString(conn, []string{
			"GET /api/tools HTTP/1.1\r\nHost: localhost\r\nX: ",
			"POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + annToken + "\r\nContent-Length: 1000\r\n\r\n{",
		}[i%2])
	}
	if r, _ := toolAs(t, base, annToken, "execute_bpftrace_script", `{"script":"x"}`); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if srv := s.HTTPServer(); srv.ReadHeaderTimeout <= 0 || srv.ReadHeaderTimeout > 10*time.Second || srv.MaxHeaderBytes > maxHeader || srv.IdleTimeout <= 0 {
		t.Errorf("limits %+v", srv)
	}
}
