package backend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Client is an MCP client over streamable HTTP, as thin as one can be.
type Client struct {
	tb      testing.TB
	url     string
	session string
	id      int
}

// NewClient opens an MCP session.
func NewClient(tb testing.TB, t *Tracecar) *Client {
	tb.Helper()
	c := &Client{tb: tb, url: t.URL + "/mcp"}
	c.call("initialize", map[string]any{
		"protocolVersion": "2025-06-18", "capabilities": map[string]any{},
		"clientInfo": map[string]any{"name": "e2e", "version": "1"},
	}, nil)
	return c
}

// Session is the session's id.
func (c *Client) Session() string { return c.session }

// Tool calls a tool and returns its structured content. meta becomes _meta;
// header is added to the HTTP request.
func (c *Client) Tool(name string, args, meta map[string]any, header http.Header) map[string]any {
	c.tb.Helper()
	params := map[string]any{"name": name, "arguments": args}
	if meta != nil {
		params["_meta"] = meta
	}
	result := c.call("tools/call", params, header)
	out, ok := result["structuredContent"].(map[string]any)
	if !ok {
		c.tb.Fatalf("%s: no structured content: %v", name, result)
	}
	return out
}

// Request sends any request and returns its result, or the error in the answer.
func (c *Client) Request(method string, params map[string]any) (map[string]any, error) {
	c.tb.Helper()
	return c.send(method, params, nil)
}

func (c *Client) call(method string, params map[string]any, header http.Header) map[string]any {
	c.tb.Helper()
	result, err := c.send(method, params, header)
	if err != nil {
		c.tb.Fatalf("%s: %v", method, err)
	}
	return result
}

func (c *Client) send(method string, params map[string]any, header http.Header) (map[string]any, error) {
	c.tb.Helper()
	c.id++
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": method, "params": params})
	if err != nil {
		c.tb.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		c.tb.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if c.session != "" {
		req.Header.Set("Mcp-Session-Id", c.session)
		req.Header.Set("MCP-Protocol-Version", "2025-06-18")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer resp.Body.Close()
	if s := resp.Header.Get("Mcp-Session-Id"); s != "" {
		c.session = s
	}
	result, err := c.answer(resp)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", resp.Status, err)
	}
	return result, nil
}

// answer finds the response with our id in a JSON body or an event stream.
func (c *Client) answer(resp *http.Response) (map[string]any, error) {
	type message struct {
		ID     int
		Result map[string]any
		Error  json.RawMessage
	}
	lines := bufio.NewReader(resp.Body)
	sse := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
	for {
		line, err := lines.ReadString('\n')
		if err != nil && (line == "" || err != io.EOF) {
			return nil, err
		}
		data, isData := strings.CutPrefix(line, "data:")
		if sse && !isData {
			continue
		}
		var m message
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		if m.ID == c.id && (m.Result != nil || m.Error != nil) {
			if m.Error != nil {
				return nil, fmt.Errorf("%s", m.Error)
			}
			return m.Result, nil
		}
	}
}
