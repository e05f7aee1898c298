package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"tracecar/collector"
)

// stdio is a client at the other end of a ServeStdio.
type stdio struct {
	t     *testing.T
	in    *io.PipeWriter
	out   *io.PipeReader
	lines chan map[string]any
	ended chan error
}

func serveStdio(t *testing.T, s *Server, ctx context.Context) *stdio {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &stdio{t: t, in: inW, out: outR, lines: make(chan map[string]any, 1000), ended: make(chan error, 1)}
	go func() {
		err := s.ServeStdio(ctx, inR, outW)
		outW.Close()
		c.ended <- err
	}()
	go func() {
		defer close(c.lines)
		sc := bufio.NewScanner(outR)
		sc.Buffer(nil, 16<<20)
		for sc.Scan() {
			var m map[string]any
			if err := json.Unmarshal(sc.Bytes(), &m); err != nil {
				t.Errorf("line %q: %v", sc.Text(), err)
			}
			c.lines <- m
		}
	}()
	t.Cleanup(func() { inW.Close(); outR.Close() })
	return c
}

func (c *stdio) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *stdio) next() map[string]any { c.t.Helper(); return within(c.t, c.lines, "line") }

const stdioInit = `{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

func TestStdioCall(t *testing.T) {
	stub := newStub()
	stub.start = ends(collector.StatusCompleted)
	c := serveStdio(t, stubServer(t, stub), t.Context())
	c.send(stdioInit)
	if m := c.next(); m["id"] != "init" || !strings.Contains(fmt.Sprint(m["result"]), "list_probes") {
		t.Fatalf("initialize: %v", m)
	}
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, ""))
	if m := c.next(); m["id"] != 1.0 || m["result"] == nil {
		t.Fatalf("call: %v", m)
	}
	// The last line may lack its newline.
	if _, err := io.WriteString(c.in, `{"jsonrpc":"2.0","id":2,"method":"ping"}`); err != nil {
		t.Fatal(err)
	}
	c.in.Close()
	if m := c.next(); m["id"] != 2.0 {
		t.Errorf("ping: %v", m)
	}
	if err := within(t, c.ended, "end"); err != nil {
		t.Errorf("end: %v", err)
	}
}

// More calls at once than the five of the SDK's pool, and the reading goes on.
func TestStdioManyCallsAtOnce(t *testing.T) {
	stub := newStub()
	c := serveStdio(t, stubServer(t, stub), t.Context())
	for i := range 20 {
		c.send(call(fmt.Sprint(i), "execute_bpftrace_script", `{"script":"x"}`, ""))
	}
	for range 20 {
		within(t, stub.began, "run")
	}
	c.send(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)
	if m := c.next(); m["id"] != "p" {
		t.Fatalf("ping behind 20 calls: %v", m)
	}
	c.in.Close()
	for range 20 {
		if m := c.next(); m["result"] == nil {
			t.Errorf("got %v", m)
		}
	}
	if err := within(t, c.ended, "end"); err != nil {
		t.Errorf("end: %v", err)
	}
	for _, r := range stub.runs {
		within(t, r.stopped, "stop of every run")
	}
}

func TestStdioTooManyCalls(t *testing.T) {
	stub := newStub()
	c := serveStdio(t, stubServer(t, stub), t.Context())
	for i := range maxStdioCalls + 1 {
		c.send(call(fmt.Sprint(i), "execute_bpftrace_script", `{"script":"x"}`, ""))
	}
	m := c.next()
	if e, ok := m["error"].(map[string]any); !ok || m["id"] != float64(maxStdioCalls) || !strings.Contains(e["message"].(string), "busy") {
		t.Errorf("got %v", m)
	}
	c.send(call("0", "list_runs", `{}`, ""))
	if m := c.next(); !strings.Contains(fmt.Sprint(m["error"]), "id is in work") {
		t.Errorf("a second request of the same id: %v", m)
	}
	c.in.Close()
	within(t, c.ended, "end")
}

func TestStdioProgressComesBeforeTheAnswer(t *testing.T) {
	stub := newStub()
	c := serveStdio(t, stubServer(t, stub), t.Context())
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, `"progressToken":9007199254740993`))
	r := within(t, stub.began, "run")
	last := -1.0
	for i := range 3 {
		p, ok := c.next()["params"].(map[string]any)
		if !ok || p["progress"].(float64) <= last {
			t.Fatalf("progress %d: %v after %v", i, p, last)
		}
		last = p["progress"].(float64)
	}
	r.finish(collector.StatusCompleted)
	for m := c.next(); m["result"] == nil; m = c.next() {
		if m["method"] != "notifications/progress" {
			t.Fatalf("got %v", m)
		}
	}
	c.in.Close()
	for m := range c.lines {
		t.Errorf("after the answer: %v", m)
	}
	within(t, c.ended, "end")
}

func TestStdioCancellation(t *testing.T) {
	stub := newStub()
	c := serveStdio(t, stubServer(t, stub), t.Context())
	// Right behind the call: it must not get lost.
	c.send(call(`"a"`, "execute_bpftrace_script", `{"script":"x"}`, ""))
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}`)
	m := c.next()
	s := m["result"].(map[string]any)["structuredContent"].(map[string]any)
	if m["id"] != "a" || s["status"] != "cancelled" {
		t.Errorf("got %v", m)
	}
	// Of what is not there, and of nothing.
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"zz"}}`)
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled"}`)
	c.send(`{"jsonrpc":"2.0","id":5,"method":"ping"}`)
	if m := c.next(); m["id"] != 5.0 {
		t.Errorf("got %v", m)
	}
	c.in.Close()
	within(t, c.ended, "end")
}

func TestStdioForeignInput(t *testing.T) {
	c := serveStdio(t, stubServer(t, newStub(), func(c *Config) { c.MaxBody = 100000 }), t.Context())
	for _, tt := range []struct{ line, want string }{
		{"garbage", "not valid JSON"},
		{"\xff\xfe", "not valid JSON"},
		{`{"jsonrpc":"2.0","id":1,"method":"nope"}`, "-32601"},
		{`{"jsonrpc":"1.0","id":1,"method":"ping"}`, "-32600"},
		{`[1,2]`, "error"},
		{`7`, "error"},
		{strings.Repeat("x", 300000), "longer than 100000 bytes"},
		{`{"jsonrpc":"2.0","id":3,"result":{}}`, "not a request"},
	} {
		c.send("") // blank lines are nothing
		c.send(tt.line)
		if m := c.next(); !strings.Contains(fmt.Sprint(m), tt.want) {
			t.Errorf("%.40q: %v", tt.line, m)
		}
	}
	c.send(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	if m := c.next(); m["id"] != 2.0 {
		t.Errorf("after all that: %v", m)
	}
	c.in.Close()
	within(t, c.ended, "end")
}

func TestStdioClientThatDies(t *testing.T) {
	stub := newStub()
	c := serveStdio(t, stubServer(t, stub), t.Context())
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, `"progressToken":1`))
	r := within(t, stub.began, "run")
	// Nobody reads any more, but standard input stays open.
	c.out.CloseWithError(errors.New("gone"))
	within(t, r.stopped, "stop of the run")
	if err := within(t, c.ended, "end"); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("end: %v", err)
	}
}

func TestStdioEndsWithItsContext(t *testing.T) {
	stub := newStub()
	ctx, cancel := context.WithCancel(t.Context())
	c := serveStdio(t, stubServer(t, stub), ctx)
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, ""))
	r := within(t, stub.began, "run")
	cancel()
	within(t, r.stopped, "stop of the run")
	if m := c.next(); m["result"] == nil {
		t.Errorf("got %v", m)
	}
	if err := within(t, c.ended, "end"); !errors.Is(err, context.Canceled) {
		t.Errorf("end: %v", err)
	}
}

func TestStdioPanicInACall(t *testing.T) {
	stub := newStub()
	stub.start = func(*stubRun) { panic("a bug") }
	c := serveStdio(t, stubServer(t, stub), t.Context())
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, ""))
	if m := c.next(); m["id"] != 1.0 || m["error"] == nil {
		t.Errorf("got %v", m)
	}
	c.in.Close()
	within(t, c.ended, "end")
}
