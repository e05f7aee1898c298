package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tracecar/collector"
)

// sseClient speaks the legacy transport by hand.
type sseClient struct {
	t      *testing.T
	post   string
	token  string
	events chan map[string]any
	close  context.CancelFunc
}

func sseConnect(t *testing.T, base string) *sseClient { return sseConnectAs(t, base, "") }

func sseConnectAs(t *testing.T, base, token string) *sseClient {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, base+"/sse", nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if ao := res.Header.Get("Access-Control-Allow-Origin"); ao != "" {
		t.Errorf("the stream is open to origin %q", ao)
	}
	c := &sseClient{t: t, token: token, events: make(chan map[string]any, 1000), close: cancel}
	endpoint := make(chan string, 1)
	go func() {
		defer close(c.events)
		defer res.Body.Close()
		sc := bufio.NewScanner(res.Body)
		sc.Buffer(nil, 16<<20)
		for sc.Scan() {
			data, ok := strings.CutPrefix(sc.Text(), "data:")
			if !ok {
				continue
			}
			data = strings.TrimSpace(data)
			if strings.HasPrefix(data, "/") {
				endpoint <- data
				continue
			}
			var m map[string]any
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				t.Errorf("event %q: %v", data, err)
			}
			c.events <- m
		}
	}()
	c.post = base + within(t, endpoint, "endpoint")
	c.send(stdioInit)
	if m := within(t, c.events, "answer"); m["id"] != "init" {
		t.Fatalf("initialize: %v", m)
	}
	return c
}

func (c *sseClient) send(body string) {
	c.t.Helper()
	if status := c.try(c.token, body); status != http.StatusAccepted {
		c.t.Fatalf("message: %d", status)
	}
}

// try posts to the session with a token, and returns the status.
func (c *sseClient) try(token, body string) int {
	c.t.Helper()
	return askAs(c.t, http.MethodPost, c.post, token, body).status
}

func TestSSEProgressComesBeforeTheAnswer(t *testing.T) {
	stub := newStub()
	c := sseConnect(t, listen(t, stubServer(t, stub)))
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, `"progressToken":"p"`))
	r := within(t, stub.began, "run")
	if m := within(t, c.events, "progress"); m["method"] != "notifications/progress" {
		t.Fatalf("got %v", m)
	}
	r.finish(collector.StatusCompleted)
	for m := within(t, c.events, "answer"); m["result"] == nil; m = within(t, c.events, "answer") {
		if m["method"] != "notifications/progress" {
			t.Fatalf("got %v", m)
		}
	}
	c.send(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	if m := within(t, c.events, "pong"); m["id"] != 2.0 {
		t.Errorf("after the answer: %v", m)
	}
}

func TestSSECancellation(t *testing.T) {
	stub := newStub()
	base := listen(t, stubServer(t, stub))
	c, other := sseConnect(t, base), sseConnect(t, base)
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, ""))
	r := within(t, stub.began, "run")
	// The same id in another session is another call.
	other.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	other.send(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	within(t, other.events, "pong")
	select {
	case <-r.stopped:
		t.Fatal("another session cancelled the call")
	default:
	}
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	within(t, r.stopped, "stop of the run")
	if m := within(t, c.events, "answer"); m["result"] == nil {
		t.Errorf("got %v", m)
	}
}

// The SDK detaches a legacy call from its client; the session's end must
// reach it all the same.
func TestSSEDisconnectEndsForegroundRuns(t *testing.T) {
	stub := newStub()
	c := sseConnect(t, listen(t, stubServer(t, stub)))
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, ""))
	r := within(t, stub.began, "run")
	c.close()
	within(t, r.stopped, "stop of the run")
}

func TestSSEEndsWithTheServer(t *testing.T) {
	stub := newStub()
	s := stubServer(t, stub)
	c := sseConnect(t, listen(t, s))
	c.send(call("1", "execute_bpftrace_script", `{"script":"x"}`, ""))
	r := within(t, stub.began, "run")
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	within(t, r.stopped, "stop of the run")
	for range c.events { // until the stream ends
	}
}
