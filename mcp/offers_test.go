package mcp

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"tracecar/collector"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

func TestResources(t *testing.T) {
	stub := newStub()
	c := connect(t, stubServer(t, stub))
	list, err := c.ListResources(t.Context(), sdk.ListResourcesRequest{})
	if err != nil || len(list.Resources) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	templates, err := c.ListResourceTemplates(t.Context(), sdk.ListResourceTemplatesRequest{})
	if err != nil || len(templates.ResourceTemplates) != 1 {
		t.Fatalf("%v, %v", templates, err)
	}
	stub.Start(collector.Script{Source: "x"})
	read := func(uri string) (map[string]any, error) {
		req := sdk.ReadResourceRequest{}
		req.Params.URI = uri
		res, err := c.ReadResource(context.Background(), req)
		if err != nil {
			return nil, err
		}
		text := res.Contents[0].(sdk.TextResourceContents)
		var m map[string]any
		if err := json.Unmarshal([]byte(text.Text), &m); err != nil || text.MIMEType != "application/json" || text.URI != uri {
			t.Errorf("%s: %+v, %v", uri, text, err)
		}
		return m, nil
	}
	for uri, want := range map[string]string{"tracecar://info": "version", "tracecar://runs": "runs", "tracecar://runs/run-1": "status"} {
		if m, err := read(uri); err != nil || m[want] == nil {
			t.Errorf("%s: %v, %v", uri, m, err)
		}
	}
	if _, err := read("tracecar://runs/none"); err == nil || !strings.Contains(err.Error(), "no run") {
		t.Errorf("a run that is not there: %v", err)
	}
}

func getPrompt(s *Server, t *testing.T, name string, args map[string]string) (string, error) {
	t.Helper()
	c := connect(t, s)
	req := sdk.GetPromptRequest{}
	req.Params.Name, req.Params.Arguments = name, args
	res, err := c.GetPrompt(t.Context(), req)
	if err != nil {
		return "", err
	}
	return res.Messages[0].Content.(sdk.TextContent).Text, nil
}

func TestPrompts(t *testing.T) {
	s := stubServer(t, newStub())
	for _, tt := range []struct {
		name string
		args map[string]string
		want string // in the plan, or in the error after "!"
	}{
		{"investigate_latency", nil, "raw_syscalls"},
		{"investigate_latency", map[string]string{"syscall": "fsync", "process": "postgres", "seconds": "20"}, `sys_enter_fsync /comm == "postgres"/`},
		{"investigate_latency", map[string]string{"syscall": "read { } BEGIN"}, `!"syscall"`},
		{"count_syscalls", map[string]string{"process": `a"b\c`}, `/comm == "a\"b\\c"/`},
		{"count_syscalls", map[string]string{"process": "0123456789abcdefgh"}, `/comm == "0123456789abcde"/`},
		{"count_syscalls", map[string]string{"process": "a\nb"}, `!"process"`},
		{"count_syscalls", map[string]string{"seconds": "0"}, `!"seconds"`},
		{"count_syscalls", map[string]string{"x": "0"}, `!"x": unknown`},
		{"profile_cpu", nil, "profile:hz:99"},
		{"trace_file_access", map[string]string{"seconds": "3"}, "timeout 3"},
		{"explore_probe", nil, `!"probe": is required`},
		{"explore_probe", map[string]string{"probe": "tracepoint:sched:sched_switch"}, "tracepoint:sched:sched_switch { @"},
		{"explore_probe", map[string]string{"probe": `BEGIN { system("x") }`}, `!"probe"`},
	} {
		plan, err := getPrompt(s, t, tt.name, tt.args)
		if want, bad := strings.CutPrefix(tt.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %v: %v", tt.name, tt.args, err)
			}
		} else if err != nil || !strings.Contains(plan, want) {
			t.Errorf("%s %v: %v\n%s", tt.name, tt.args, err, plan)
		}
	}
}

func TestCompletions(t *testing.T) {
	stub := newStub()
	for _, n := range []string{"openat", "openat2", "open"} {
		stub.probes = append(stub.probes, collector.ProbeInfo{Name: "tracepoint:syscalls:sys_enter_" + n})
	}
	stub.Start(collector.Script{Source: "x"})
	c := connect(t, stubServer(t, stub))
	complete := func(ref any, name, value string) []string {
		req := sdk.CompleteRequest{}
		req.Params.Ref = ref
		req.Params.Argument = sdk.CompleteArgument{Name: name, Value: value}
		res, err := c.Complete(t.Context(), req)
		if err != nil {
			t.Fatalf("%s %q: %v", name, value, err)
		}
		return res.Completion.Values
	}
	prompt := sdk.PromptReference{Type: "ref/prompt", Name: "investigate_latency"}
	for _, tt := range []struct {
		ref               any
		name, value, want string
	}{
		{prompt, "syscall", "opena", "openat openat2"},
		{prompt, "syscall", "a*:", ""},
		{prompt, "probe", "kp", "kprobe:"},
		{prompt, "probe", "tracepoint:syscalls:sys_enter_openat2", "tracepoint:syscalls:sys_enter_openat2"},
		{prompt, "seconds", "", "5 10 30 60"},
		{prompt, "none", "x", ""},
		{sdk.ResourceReference{Type: "ref/resource", URI: runURI}, "id", "run", "run-1"},
	} {
		if got := strings.Join(complete(tt.ref, tt.name, tt.value), " "); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
	if got := complete(prompt, "process", ""); len(got) == 0 || len(got) > maxCompletions {
		t.Errorf("%d processes", len(got))
	}
}
