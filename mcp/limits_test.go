package mcp

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/parser"
)

func dial(t *testing.T, base string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func TestBodyThatNeverComes(t *testing.T) {
	s := stubServer(t, newStub())
	s.bodyTimeout = 20 * time.Millisecond
	conn := dial(t, listen(t, s))
	fmt.Fprintf(conn, "POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
	answer, err := io.ReadAll(conn) // until the server closes
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408") {
		t.Errorf("answer %q, %v", answer, err)
	}
}

// The deadline for the body must not end the call that follows.
func TestBodyTimeoutDoesNotEndTheCall(t *testing.T) {
	stub := newStub()
	s := stubServer(t, stub)
	s.bodyTimeout = 20 * time.Millisecond
	base := listen(t, s)
	done := make(chan int, 1)
	go func() {
		res, err := http.Post(base+"/api/mcp", "application/json", strings.NewReader(`{"method":"execute_bpftrace_script","params":{"script":"x"}}`))
		if err != nil {
			t.Error(err)
			done <- 0
			return
		}
		res.Body.Close()
		done <- res.StatusCode
	}()
	r := within(t, stub.began, "run")
	select {
	case <-r.stopped:
		t.Error("the call was ended by the deadline of its body")
	case <-time.After(10 * s.bodyTimeout):
	}
	r.finish(collector.StatusCompleted)
	if status := within(t, done, "answer"); status != 200 {
		t.Errorf("status %d", status)
	}
}

// A client that asks for much and does not read it is let go.
func TestClientThatDoesNotRead(t *testing.T) {
	stub := newStub()
	stub.start = func(r *stubRun) {
		big := parser.Text(strings.Repeat("x", 1<<20))
		for range 24 { // more than the sockets hold
			r.res.Events = append(r.res.Events, collector.Event{Type: "printf", Data: big})
		}
		r.finish(collector.StatusCompleted)
	}
	s := stubServer(t, stub)
	s.writeTimeout = 50 * time.Millisecond
	srv := s.HTTPServer()
	closed := make(chan struct{}, 1)
	srv.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	conn := dial(t, "http://"+ln.Addr().String())
	body := `{"method":"execute_bpftrace_script","params":{"script":"x"}}`
	fmt.Fprintf(conn, "POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	within(t, closed, "close by the server")
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	within(t, served, "end of Serve")
}

func TestHeaderTooLarge(t *testing.T) {
	base := listen(t, stubServer(t, newStub()))
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/healthz", nil)
	req.Header.Set("X", strings.Repeat("x", 100<<10))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %s", res.Status)
	}
}

func TestIdleSessionsEnd(t *testing.T) {
	stub := newStub()
	if got := stubServer(t, stub).sessionIdle(); got <= stub.opts.MaxTimeout {
		t.Errorf("a session would end after %s, in the midst of a run of %s", got, stub.opts.MaxTimeout)
	}
	stub.opts.MaxTimeout = -time.Hour // so that the configured time counts
	s := stubServer(t, stub, func(c *Config) { c.SessionIdle = 10 * time.Millisecond })
	c := rawConnect(t, listen(t, s))
	deadline := time.Now().Add(20 * time.Second)
	for s.sessions.get(c.session) != nil {
		if time.Now().After(deadline) {
			t.Fatal("the session lives on")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if res := c.post(t.Context(), call("1", "list_runs", "{}", "")); res.StatusCode != 404 {
		t.Errorf("status %s", res.Status)
	}
}

func TestLookupsAreBounded(t *testing.T) {
	stub := newStub()
	stub.validate = make(chan struct{})
	base := listen(t, stubServer(t, stub))
	ask := func() string {
		res, err := http.Post(base+"/api/mcp", "application/json", strings.NewReader(`{"method":"validate_bpftrace_script","params":{"script":"x"}}`))
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b)
	}
	answers := make(chan string, 100)
	const most = maxLookups + maxWaiting
	for range most + 3 {
		go func() { answers <- ask() }()
	}
	for range 3 {
		if a := within(t, answers, "busy answer"); !strings.Contains(a, "busy: too many checks") {
			t.Errorf("answer %s", a)
		}
	}
	close(stub.validate)
	for range most {
		if a := within(t, answers, "answer"); !strings.Contains(a, `"valid":true`) {
			t.Errorf("answer %s", a)
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	under, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := newBoundedListener(under, 2, 2)
	conns := make(chan net.Conn, 10)
	ended := make(chan error, 1)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				ended <- err
				return
			}
			conns <- conn
		}
	}()
	for range 3 {
		dial(t, under.Addr().String())
	}
	first, second := within(t, conns, "connection"), within(t, conns, "connection")
	select {
	case <-conns:
		t.Error("a third connection was accepted")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close() // gives one place back, not two
	third := within(t, conns, "connection in the free place")
	ln.Close() // also while it waits for a place
	if err := within(t, ended, "end of Accept"); err == nil {
		t.Error("Accept ended without an error")
	}
	second.Close()
	third.Close()
}
