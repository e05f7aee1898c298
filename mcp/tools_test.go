package mcp

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"tracecar/collector"

	sdkclient "github.com/mark3labs/mcp-go/client"
	sdk "github.com/mark3labs/mcp-go/mcp"
)

// connect returns the SDK's own client, in process.
func connect(t *testing.T, s *Server) *sdkclient.Client {
	t.Helper()
	c, err := sdkclient.NewInProcessClient(s.sdk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	initialize(t, c)
	return c
}

func initialize(t *testing.T, c *sdkclient.Client) *sdk.InitializeResult {
	t.Helper()
	req := sdk.InitializeRequest{}
	req.Params.ProtocolVersion = "2025-06-18"
	req.Params.ClientInfo = sdk.Implementation{Name: "test", Version: "1"}
	res, err := c.Initialize(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func callTool(t *testing.T, c *sdkclient.Client, name string, args any) *sdk.CallToolResult {
	t.Helper()
	req := sdk.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = name, args
	res, err := c.CallTool(t.Context(), req)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return res
}

// text is the text content of a result.
func text(t *testing.T, res *sdk.CallToolResult) string {
	t.Helper()
	if len(res.Content) != 1 {
		t.Fatalf("%d contents, want 1", len(res.Content))
	}
	c, ok := res.Content[0].(sdk.TextContent)
	if !ok {
		t.Fatalf("content is %T", res.Content[0])
	}
	return c.Text
}

// structured decodes the text content, which must be the structured content.
func structured(t *testing.T, res *sdk.CallToolResult) map[string]any {
	t.Helper()
	var fromText map[string]any
	if err := json.Unmarshal([]byte(text(t, res)), &fromText); err != nil {
		t.Fatalf("text is not the JSON: %v\n%s", err, text(t, res))
	}
	if res.StructuredContent == nil {
		t.Fatal("no structured content")
	}
	return fromText
}

func TestToolsAreListed(t *testing.T) {
	c := connect(t, stubServer(t, newStub()))
	list, err := c.ListTools(t.Context(), sdk.ListToolsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]sdk.Tool{}
	for _, tool := range list.Tools {
		got[tool.Name] = tool
	}
	for name, hints := range map[string]struct{ readOnly, destructive, idempotent bool }{
		"execute_bpftrace_script":  {false, true, false},
		"get_bpftrace_info":        {true, false, true},
		"validate_bpftrace_script": {true, false, true},
		"list_probes":              {true, false, true},
		"start_run":                {false, true, false},
		"get_run":                  {true, false, true},
		"stop_run":                 {false, true, true},
		"list_runs":                {true, false, true},
		"list_scripts":             {true, false, true},
	} {
		tool, ok := got[name]
		if !ok {
			t.Errorf("%s is not listed", name)
			continue
		}
		a := tool.Annotations
		if a.ReadOnlyHint == nil || *a.ReadOnlyHint != hints.readOnly || *a.DestructiveHint != hints.destructive || *a.IdempotentHint != hints.idempotent || !*a.OpenWorldHint {
			t.Errorf("%s: hints %+v", name, a)
		}
		if tool.Title == "" || len(tool.Description) < 80 {
			t.Errorf("%s: title %q, description of %d bytes", name, tool.Title, len(tool.Description))
		}
		if tool.InputSchema.AdditionalProperties != false {
			t.Errorf("%s: additionalProperties is %v", name, tool.InputSchema.AdditionalProperties)
		}
		if tool.OutputSchema.Type != "object" {
			t.Errorf("%s: no output schema", name)
		}
	}
	if len(got) != 9 {
		t.Errorf("%d tools, want 9", len(got))
	}
}

func TestExecute(t *testing.T) {
	stub := newStub()
	stub.start = ends(collector.StatusTimedOut)
	c := connect(t, stubServer(t, stub))
	res := callTool(t, c, "execute_bpftrace_script", map[string]any{
		"script": "BEGIN { }", "timeout": 2.5, "args": []any{"a", 7}, "max_events": 5, "max_rows": 6, "use_sudo": false})
	if res.IsError {
		t.Fatalf("a timeout is an error: %s", text(t, res))
	}
	got := structured(t, res)
	if got["status"] != "timed_out" || got["exit_code"] != 124.0 || got["timed_out"] != true {
		t.Errorf("got %v", got)
	}
	sc := stub.runs[0].script
	if sc.Timeout.Seconds() != 2.5 || len(sc.Args) != 2 || sc.Args[1] != "7" || sc.MaxEvents != 5 || sc.MaxRows != 6 || sc.Sudo || sc.Trigger != "mcp" {
		t.Errorf("script is %+v", sc)
	}
}

func TestExecuteFailures(t *testing.T) {
	for _, st := range []collector.Status{collector.StatusFailed, collector.StatusRefused, collector.StatusKilled} {
		stub := newStub()
		stub.start = ends(st, collector.Diagnostic{Severity: "error", Message: "busy: 8 runs are live", Hint: "try again"})
		res := callTool(t, connect(t, stubServer(t, stub)), "execute_bpftrace_script", map[string]any{"script": "x"})
		if !res.IsError {
			t.Errorf("%s: not an error", st)
		}
		d := structured(t, res)["diagnostics"].([]any)[0].(map[string]any)
		if d["message"] != "busy: 8 runs are live" {
			t.Errorf("%s: diagnostics %v", st, d)
		}
	}
}

func TestBadArguments(t *testing.T) {
	stub := newStub()
	stub.start = ends(collector.StatusCompleted)
	c := connect(t, stubServer(t, stub))
	for _, tt := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"execute_bpftrace_script", map[string]any{}, `"script": is required`},
		{"execute_bpftrace_script", map[string]any{"script": " "}, `"script": is empty`},
		{"execute_bpftrace_script", map[string]any{"script": 7}, `"script": must be a string, got 7`},
		{"execute_bpftrace_script", map[string]any{"script": strings.Repeat("x", 70000)}, `"script": is 70000 bytes long`},
		{"execute_bpftrace_script", map[string]any{"script": "x", "timout": 3}, `"timout": unknown; execute_bpftrace_script takes script, timeout`},
		{"execute_bpftrace_script", map[string]any{"script": "x", "timeout": -1}, `"timeout": must be more than 0, got -1`},
		{"execute_bpftrace_script", map[string]any{"script": "x", "timeout": 0}, `"timeout": must be more than 0`},
		{"execute_bpftrace_script", map[string]any{"script": "x", "timeout": 1e9}, `"timeout": must be at most 3600, got 1000000000`},
		{"execute_bpftrace_script", map[string]any{"script": "x", "timeout": "5"}, `"timeout": must be a number, got "5"`},
		{"execute_bpftrace_script", map[string]any{"script": "x", "use_sudo": "yes"}, `"use_sudo": must be true or false`},
		{"execute_bpftrace_script", map[string]any{"script": "x", "args": "a"}, `"args": must be an array of strings`},
		{"execute_bpftrace_script", map[string]any{"script": "x", "args": []any{nil}}, `"args": element 0`},
		{"execute_bpftrace_script", map[string]any{"script": "x", "max_events": 1.5}, `"max_events": must be a whole number`},
		{"get_bpftrace_info", map[string]any{"x": 1}, `"x": unknown; get_bpftrace_info takes no arguments`},
		{"get_run", map[string]any{"id": "nope"}, `"id": no run "nope"`},
		{"get_run", map[string]any{"id": "nope", "cursor": -1}, `"cursor": must be at least 0`},
		{"stop_run", map[string]any{"id": "nope"}, `"id": no run`},
		{"list_probes", map[string]any{"cursor": "zz"}, `"cursor": is not a next_cursor`},
		{"list_probes", map[string]any{"pattern": "fail"}, `no such pattern`},
	} {
		res := callTool(t, c, tt.tool, tt.args)
		if !res.IsError || !strings.Contains(text(t, res), tt.want) {
			t.Errorf("%s %v: isError %v, %s", tt.tool, tt.args, res.IsError, text(t, res))
		}
	}
	if len(stub.runs) != 0 {
		t.Errorf("%d runs were started", len(stub.runs))
	}
	// What a model leaves out as null counts as left out.
	if res := callTool(t, c, "execute_bpftrace_script", map[string]any{"script": "x", "timeout": nil}); res.IsError {
		t.Errorf("null timeout: %s", text(t, res))
	}
}

func TestUnknownTool(t *testing.T) {
	c := connect(t, stubServer(t, newStub()))
	req := sdk.CallToolRequest{}
	req.Params.Name = "nope"
	if _, err := c.CallTool(context.Background(), req); err == nil || !strings.Contains(err.Error(), "nope") {
		t.Errorf("error is %v", err)
	}
}

func TestRunsByHandle(t *testing.T) {
	stub := newStub()
	c := connect(t, stubServer(t, stub))
	started := structured(t, callTool(t, c, "start_run", map[string]any{"script": "x"}))
	id := started["id"].(string)
	if started["status"] != "running" || started["cursor"] != 0.0 {
		t.Errorf("started: %v", started)
	}
	if got := structured(t, callTool(t, c, "get_run", map[string]any{"id": id})); got["status"] != "running" {
		t.Errorf("get: %v", got)
	}
	list := structured(t, callTool(t, c, "list_runs", nil))["runs"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["id"] != id {
		t.Errorf("list: %v", list)
	}
	stopped := callTool(t, c, "stop_run", map[string]any{"id": id})
	if structured(t, stopped)["status"] != "cancelled" || stopped.IsError {
		t.Errorf("stop: %v", text(t, stopped))
	}
	again := callTool(t, c, "stop_run", map[string]any{"id": id})
	if structured(t, again)["status"] != "cancelled" {
		t.Errorf("stop again: %v", text(t, again))
	}
}

func TestStartRunFailsAtOnce(t *testing.T) {
	stub := newStub()
	stub.start = ends(collector.StatusFailed, collector.Diagnostic{Severity: "error", Message: "syntax error"})
	res := callTool(t, connect(t, stubServer(t, stub)), "start_run", map[string]any{"script": "x"})
	if !res.IsError || structured(t, res)["status"] != "failed" {
		t.Errorf("got %s", text(t, res))
	}
}

func TestListProbesPages(t *testing.T) {
	stub := newStub()
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		stub.probes = append(stub.probes, collector.ProbeInfo{Name: "tracepoint:x:" + n})
	}
	c := connect(t, stubServer(t, stub))
	var names []string
	args := map[string]any{"limit": 2, "pattern": "tracepoint:x:*"}
	for {
		page := structured(t, callTool(t, c, "list_probes", args))
		for _, p := range page["probes"].([]any) {
			names = append(names, p.(map[string]any)["name"].(string))
		}
		next, ok := page["next_cursor"]
		if !ok {
			break
		}
		args["cursor"] = next
		if len(names) == 2 {
			// A probe that comes in before the next page must not shift it.
			stub.probes = append([]collector.ProbeInfo{{Name: "tracepoint:x:0"}}, stub.probes...)
		}
	}
	if got := strings.Join(names, " "); got != "tracepoint:x:a tracepoint:x:b tracepoint:x:c tracepoint:x:d tracepoint:x:e" {
		t.Errorf("got %s", got)
	}
}
