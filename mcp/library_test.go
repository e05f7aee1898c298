package mcp

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tracecar/collector"
)

// oneScript is a library of one.
type oneScript struct{}

func (oneScript) Scripts() []LibraryScript {
	return []LibraryScript{{
		Name: "disk", Title: "Disks", Question: "Are the disks slow?", Params: []LibraryParam{}, Tags: []string{"block"},
		Maps: []LibraryMap{{Name: "@us", Kind: "hist", Keys: []string{}, Description: "latency"}}, Requires: []string{},
	}}
}

func (oneScript) Script(_ context.Context, name string, args []string) (string, []string, error) {
	if name != "disk" {
		return "", nil, errors.New("no script " + name)
	}
	return "BEGIN { exit(); }", append(args, "filled"), nil
}

func TestLibrary(t *testing.T) {
	stub := newStub()
	stub.start = ends(collector.StatusCompleted)
	s := newServer(Config{Library: oneScript{}}, stub)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	c := connect(t, s)
	for query, want := range map[string]float64{"": 1, "SLOW latency": 1, "block": 1, "network": 0} {
		res := callTool(t, c, "list_scripts", map[string]any{"query": query})
		if err := validates(t, compileSchema(t, schemaScripts), []byte(text(t, res))); err != nil {
			t.Error(err)
		}
		if got := structured(t, res)["total"]; got != want {
			t.Errorf("%q finds %v, want %v", query, got, want)
		}
	}
	if res := callTool(t, c, "execute_bpftrace_script", map[string]any{"script": "@library/disk", "args": []any{"a"}}); res.IsError {
		t.Errorf("got %s", text(t, res))
	}
	if got := stub.List()[0].Script(); got.Source != "BEGIN { exit(); }" || strings.Join(got.Args, ",") != "a,filled" || got.Name != "@library/disk" {
		t.Errorf("ran %+v", got)
	}
	for _, bad := range []string{"@library/none", "@library/../../etc/passwd", "@library/"} {
		res := callTool(t, c, "start_run", map[string]any{"script": bad})
		if !res.IsError || !strings.Contains(text(t, res), "script") {
			t.Errorf("%s: %s", bad, text(t, res))
		}
	}
}
