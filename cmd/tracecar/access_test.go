//go:build !light

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
	"tracecar/collector/policy"
	"tracecar/config"
)

// serveAPI is the HTTP face of a daemon: a call of the JSON API.
func serveAPI(t *testing.T, d *testDaemon) func(method string, params any, header ...string) (int, map[string]any) {
	t.Helper()
	srv := httptest.NewServer(d.server.Handler())
	t.Cleanup(srv.Close)
	return func(method string, params any, header ...string) (int, map[string]any) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"method": method, "params": params})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/api/mcp", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer map[string]any
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatalf("%d: %v", res.StatusCode, err)
		}
		data, _ := answer["data"].(map[string]any)
		return res.StatusCode, data
	}
}

// TestDefaultRole: who is not asked for a name is a caller, unless the
// configuration says otherwise; what the operator wrote and typed is his.
func TestDefaultRole(t *testing.T) {
	for text, want := range map[string]string{
		"": "caller", "listen: 127.0.0.1:9": "caller", "auth: {default_role: operator}": "operator",
		"auth: {default_role: mine}\nroles: {mine: {read_only: true}}":                    "mine",
		"auth: {allow_insecure_bind: true}\nlisten: 0.0.0.0:9":                            "caller",
		"auth: {tokens: [{name: a, token_env: T}]}":                                       "caller",
		"auth: {default_role: operator, tokens: [{name: a, token_env: T, role: caller}]}": "operator",
	} {
		file := filepath.Join(t.TempDir(), "tracecar.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(file, []string{"T=" + strings.Repeat("x", 20)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		lookup := roles(cfg)
		for _, trigger := range []string{"mcp", "http", ""} {
			if got := lookup(collector.Script{Trigger: trigger}).Name; got != want {
				t.Errorf("%q, %q: role %s, want %s", text, trigger, got, want)
			}
		}
		for _, trigger := range []string{"cli", "schedule"} {
			if got := lookup(collector.Script{Trigger: trigger}); got.Name != "operator" || !got.Trusted {
				t.Errorf("%q, %s: role %s", text, trigger, got.Name)
			}
		}
		if got := lookup(collector.Script{Caller: collector.Caller{Role: "nobody"}}); len(got.Providers.Allow) > 0 || got.Trusted {
			t.Errorf("an unknown role allows %v", got.Providers)
		}
	}
}

// TestPolicyRole: each key of a role changes what it names.
func TestPolicyRole(t *testing.T) {
	for words, want := range map[config.Memory]policy.UserMemory{"": "arguments", "none": "none", "arguments": "arguments", "all": "all"} {
		if got := policyRole("x", &config.Role{UserMemory: words}).UserMemory; got != want {
			t.Errorf("user_memory %q is %q", words, got)
		}
	}
	if got := policyRole("x", &config.Role{}); len(got.LibraryProviders) == 0 || len(got.Binaries.Allow) != 0 {
		t.Errorf("%+v", got)
	}
	if got := policyRole("x", &config.Role{Providers: config.Rule{Allow: []string{"tracepoint"}}}); len(got.LibraryProviders) != 0 {
		t.Error("the library has more kinds of probes than the configuration allows")
	}
}

// TestCallers has the real daemon hold callers that nobody asks for a token to
// the role caller, and tell them its bounds.
func TestCallers(t *testing.T) {
	p := executortest.Newest(t)
	call := serveAPI(t, newTestDaemon(t, p, ""))
	_, info := call("get_bpftrace_info", map[string]any{})
	limits, _ := info["limits"].(map[string]any)
	if info["role"] != "caller" || info["max_timeout"] != 300.0 || limits["max_attach_points"] != 100.0 || limits["max_runs"] != 8.0 {
		t.Errorf("%v", info)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := call("list_probes", map[string]any{"pattern": "uprobe:" + exe + ":main.main"}); status != http.StatusBadRequest {
		t.Error("a caller may read a program's names")
	}
	if status, _ := call("list_probes", map[string]any{"pattern": "software:*"}); status != http.StatusOK {
		t.Error("a caller may not list the kernel's probes")
	}
	run := func(script string) map[string]any {
		t.Helper()
		_, res := call("execute_bpftrace_script", map[string]any{"script": script, "timeout": 0.2})
		return res
	}
	if res := run(`BEGIN { cat("/etc/hostname"); exit(); }`); res["status"] != "refused" {
		t.Errorf("%v", res)
	}
	for _, script := range []string{
		"tracepoint:syscalls:sys_enter_openat { @[str(args->filename)] = count(); }", "@library/proc-exits", "@library/file-opens",
	} {
		if res := run(script); res["status"] != "timed_out" && res["status"] != "killed" { // killed: over its budget
			t.Errorf("%s: %v", script, res)
		}
	}
	refused := run("tracepoint:syscalls:sys_enter_openat {\n  @[str(args->filename + 1)] = count(); }")
	d, _ := refused["diagnostics"].([]any)[0].(map[string]any)
	if d["rule"] != "user_memory" || d["line"] != 2.0 || !strings.Contains(d["hint"].(string), "args.filename") {
		t.Errorf("%v", refused)
	}
}

// TestRoleKeys: each key of a role changes its own part of the policy, and
// nothing else does.
func TestRoleKeys(t *testing.T) {
	list := config.Rule{Allow: []string{"a"}, Deny: []string{"d"}}
	set := map[string]struct {
		role  config.Role
		check func(r policy.Role) bool
	}{
		"ReadOnly":          {config.Role{ReadOnly: true}, func(r policy.Role) bool { return r.ReadOnly }},
		"LibraryOnly":       {config.Role{LibraryOnly: true}, func(r policy.Role) bool { return r.LibraryOnly }},
		"Unsafe":            {config.Role{Unsafe: true}, func(r policy.Role) bool { return r.Unsafe }},
		"Includes":          {config.Role{Includes: true}, func(r policy.Role) bool { return r.Includes }},
		"Imports":           {config.Role{Imports: true}, func(r policy.Role) bool { return r.Imports }},
		"UserMemory":        {config.Role{UserMemory: "all"}, func(r policy.Role) bool { return r.UserMemory == policy.MemoryAll }},
		"Providers":         {config.Role{Providers: list}, func(r policy.Role) bool { return reflect.DeepEqual(r.Providers, policy.Globs(list)) }},
		"Probes":            {config.Role{Probes: list}, func(r policy.Role) bool { return reflect.DeepEqual(r.Probes, policy.Globs(list)) }},
		"Functions":         {config.Role{Functions: list}, func(r policy.Role) bool { return reflect.DeepEqual(r.Functions, policy.Globs(list)) }},
		"Binaries":          {config.Role{Binaries: list}, func(r policy.Role) bool { return reflect.DeepEqual(r.Binaries, policy.Globs(list)) }},
		"ConfigKeys":        {config.Role{ConfigKeys: []string{"a"}}, func(r policy.Role) bool { return len(r.ConfigKeys) == 1 }},
		"MaxAttachPoints":   {config.Role{MaxAttachPoints: 7}, func(r policy.Role) bool { return r.MaxAttachPoints == 7 }},
		"MaxRate":           {config.Role{MaxRate: 7}, func(r policy.Role) bool { return r.MaxRate == 7 }},
		"MaxMapKeys":        {config.Role{MaxMapKeys: 7}, func(r policy.Role) bool { return r.MaxMapKeys == 7 }},
		"MaxTimeout":        {config.Role{MaxTimeout: 7}, func(r policy.Role) bool { return r.MaxTimeout == 7 }},
		"MaxEvents":         {config.Role{MaxEvents: 7}, func(r policy.Role) bool { return r.MaxEvents == 7 }},
		"MaxOutput":         {config.Role{MaxOutput: 7}, func(r policy.Role) bool { return r.MaxOutput == 7 }},
		"MaxScript":         {config.Role{MaxScript: 7}, func(r policy.Role) bool { return r.MaxScript == 7 }},
		"MaxRuns":           {config.Role{MaxRuns: 7}, func(r policy.Role) bool { return r.MaxRuns == 7 }},
		"MaxCalls":          {config.Role{MaxCalls: 7}, func(r policy.Role) bool { return r.MaxCalls == 7 }},
		"MaxCallsPerMinute": {config.Role{MaxCallsPerMinute: 7}, func(r policy.Role) bool { return r.MaxCallsPerMinute == 7 }},
		"CompileTimeout":    {config.Role{CompileTimeout: 7}, func(r policy.Role) bool { return r.CompileTimeout == 7 }},
		"Memory":            {config.Role{Memory: 7}, func(r policy.Role) bool { return r.Memory == 7 }},
		"CPUPercent":        {config.Role{CPUPercent: 7}, func(r policy.Role) bool { return r.CPUPercent == 7 }},
	}
	for i := range reflect.TypeFor[config.Role]().NumField() {
		name := reflect.TypeFor[config.Role]().Field(i).Name
		c, ok := set[name]
		if !ok {
			t.Errorf("%s is not tested", name)
			continue
		}
		if !c.check(policyRole("x", &c.role)) {
			t.Errorf("%s changes nothing", name)
		}
		if c.check(policyRole("x", &config.Role{})) {
			t.Errorf("%s is so in any case", name)
		}
	}
}
