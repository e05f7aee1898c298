//go:build !light

package main

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	sdk "github.com/mark3labs/mcp-go/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tracecar/collector/executor/executortest"
)

// mcpClient is a client of a daemon's MCP over HTTP. What tools answer is held
// to their schemas.
type mcpClient struct {
	t       *testing.T
	c       *client.Client
	schemas map[string]*jsonschema.Schema
}

func newMCPClient(t *testing.T, d *testDaemon) *mcpClient {
	t.Helper()
	web := httptest.NewServer(d.server.Handler())
	t.Cleanup(web.Close)
	c, err := client.NewStreamableHttpClient(web.URL + "/mcp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var init sdk.InitializeRequest
	init.Params.ProtocolVersion = sdk.LATEST_PROTOCOL_VERSION
	if _, err := c.Initialize(t.Context(), init); err != nil {
		t.Fatal(err)
	}
	tools, err := c.ListTools(t.Context(), sdk.ListToolsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	m := &mcpClient{t, c, map[string]*jsonschema.Schema{}}
	for _, tool := range tools.Tools {
		raw, err := json.Marshal(tool)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			OutputSchema any `json:"outputSchema"`
		}
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(tool.Name, doc.OutputSchema); err != nil {
			t.Fatal(err)
		}
		if m.schemas[tool.Name], err = compiler.Compile(tool.Name); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// call is what a tool answers, as JSON reads.
func (m *mcpClient) call(tool string, args map[string]any) (out map[string]any, failed bool) {
	m.t.Helper()
	var req sdk.CallToolRequest
	req.Params.Name, req.Params.Arguments = tool, args
	res, err := m.c.CallTool(m.t.Context(), req)
	if err != nil {
		m.t.Fatal(err)
	}
	if res.StructuredContent == nil {
		return nil, res.IsError
	}
	raw, err := json.Marshal(res.StructuredContent)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		m.t.Fatal(err)
	}
	if err := m.schemas[tool].Validate(out); err != nil {
		m.t.Errorf("%s: %v", tool, err)
	}
	return out, res.IsError
}

// scheduled is the part of list_runs about the probes, by name; runs the
// other, by id.
func (m *mcpClient) scheduled() (probes, runs map[string]map[string]any) {
	m.t.Helper()
	list, _ := m.call("list_runs", nil)
	index := func(part, by string) map[string]map[string]any {
		out := map[string]map[string]any{}
		for _, one := range list[part].([]any) {
			one := one.(map[string]any)
			out[one[by].(string)] = one
		}
		return out
	}
	return index("scheduled", "name"), index("runs", "id")
}

// countOf is the number in a map of one row of a Result, -1 for none.
func countOf(res map[string]any, name string) float64 {
	maps, _ := res["maps"].([]any)
	for _, m := range maps {
		m := m.(map[string]any)
		if rows := m["rows"].([]any); m["name"] == name && len(rows) == 1 {
			n, _ := rows[0].(map[string]any)["value"].(float64)
			return n
		}
	}
	return -1
}

// TestMissingMapsOverMCP: a map that is no part of a probe's snapshots is named
// with why, in the probe's state and with its run.
func TestMissingMapsOverMCP(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		// What a script prints itself while it runs is not asked for by signal.
		d := newTestDaemon(t, p, `
probes:
  - {name: partly, script: 'profile:hz:99 { @own[kstack(3)] = count(); @n[1] = count(); } interval:ms:50 { print(@own, 1); }'}
  - {name: whole, script: 'interval:ms:10 { @n = count(); }'}
`)
		m := newMCPClient(t, d)
		missing := func(of map[string]any) (map[string]any, bool) {
			s, read := of["snapshot"].(map[string]any)
			maps, _ := s["missing"].(map[string]any)
			return maps, read && s["time"] != nil
		}
		var probes map[string]map[string]any
		waitFor(t, "both to run", func() bool {
			probes, _ = m.scheduled()
			return probes["partly"]["state"] == "running" && probes["whole"]["state"] == "running"
		})
		for name, want := range map[string][]string{"partly": {"@own"}, "whole": nil} {
			var got map[string]any
			// As long as a map holds nothing, nothing of it is missing.
			waitFor(t, "get_run of "+name, func() bool {
				res, _ := m.call("get_run", map[string]any{"id": probes[name]["run_id"]})
				var read bool
				got, read = missing(res)
				return read && slices.Equal(slices.Collect(maps.Keys(got)), want)
			})
			probes, _ = m.scheduled()
			state, read := missing(probes[name])
			if !read || !maps.Equal(state, got) {
				t.Errorf("list_runs of %s: %v, get_run: %v", name, probes[name]["snapshot"], got)
			}
		}
	})
}

// TestScheduledOverMCP: a caller sees every probe with its state, whether it
// has a run now or not, and through its runs what it sees.
func TestScheduledOverMCP(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		touched := filepath.Join(t.TempDir(), "touched")
		d := newTestDaemon(t, p, `
probes:
  - {name: always, script: 'interval:ms:10 { @n = count(); }'}
  - {name: seldom, interval: 1h, script: 'interval:ms:10 { @n = count(); }'}
  - {name: window, every: 1h, duration: 200ms, script: 'interval:ms:10 { @n = count(); }'}
  - {name: new-year, schedule: "0 0 1 1 *", duration: 1s, script: 'interval:ms:10 { @n = count(); }'}
  - {name: "off", enabled: false, script: 'interval:ms:10 { @n = count(); }'}
  - {name: broken, script: 'BEGIN { foo( }', restart: {min: 10ms, max: 10ms, give_up_after: 2}}
  - {name: misfit, versions: [{bpftrace: "<0.1", script: 'BEGIN { }'}]}
`)
		m := newMCPClient(t, d)
		want := map[string]string{
			"always": "running", "seldom": "running", "window": "waiting", "new-year": "waiting", "off": "disabled", "broken": "given-up", "misfit": "failed",
		}
		var probes, runs map[string]map[string]any
		waitFor(t, "every probe's state", func() bool {
			probes, runs = m.scheduled()
			for name, state := range want {
				if probes[name]["state"] != state || name == "window" && probes[name]["last_run_id"] == nil {
					return false
				}
			}
			return true
		})
		for _, name := range []string{"new-year", "off", "misfit"} {
			if id, last := probes[name]["run_id"], probes[name]["last_run_id"]; id != nil || last != nil {
				t.Errorf("%s has runs %v and %v", name, id, last)
			}
		}
		for _, name := range []string{"window", "new-year", "misfit"} {
			if probes[name]["next"] == nil {
				t.Errorf("%s: no next: %v", name, probes[name])
			}
		}
		for _, name := range []string{"broken", "misfit"} {
			if probes[name]["error"] == nil {
				t.Errorf("%s: no error: %v", name, probes[name])
			}
		}
		for _, name := range []string{"always", "seldom"} {
			if run := runs[probes[name]["run_id"].(string)]; run["status"] != "running" || run["name"] != name || run["trigger"] != "schedule" {
				t.Errorf("%s: %v", name, run)
			}
		}

		// A live one is seen as it is now, or as its interval has it.
		get := func(name, key string) map[string]any {
			res, _ := m.call("get_run", map[string]any{"id": probes[name][key]})
			return res
		}
		snapshotTime := func(res map[string]any) any {
			s, _ := res["snapshot"].(map[string]any)
			return s["time"]
		}
		first, slow := get("always", "run_id"), get("seldom", "run_id")
		waitFor(t, "the count to rise", func() bool {
			now := get("always", "run_id")
			return countOf(now, "@n") > max(countOf(first, "@n"), 0) && snapshotTime(now) != snapshotTime(first)
		})
		if again := get("seldom", "run_id"); snapshotTime(again) == nil || snapshotTime(again) != snapshotTime(slow) || countOf(again, "@n") != countOf(slow, "@n") {
			t.Errorf("read within its interval: %v, then %v", slow, again)
		}
		// What has ended has its Result.
		if res := get("window", "last_run_id"); res["status"] != "timed_out" || countOf(res, "@n") < 1 || res["snapshot"] != nil {
			t.Errorf("the window: %v", res)
		}
		if res := get("broken", "last_run_id"); res["status"] != "failed" || len(res["diagnostics"].([]any)) == 0 {
			t.Errorf("the broken one: %v", res)
		}
		// Nothing a caller sends makes a run unsafe.
		system := map[string]any{"script": `BEGIN { system("touch ` + touched + `"); exit(); }`}
		if res, failed := m.call("execute_bpftrace_script", system); !failed || res["status"] != "refused" {
			t.Errorf("system(): %v", res)
		}
		system["unsafe"] = true
		if res, failed := m.call("execute_bpftrace_script", system); !failed || res != nil {
			t.Errorf("unsafe: true: %v", res)
		}
		if _, err := os.Stat(touched); err == nil {
			t.Error("a caller ran a command")
		}
	})
}
