package mcp

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
	"tracecar/collector/policy"
)

// onEach runs test with a real Runner on every bpftrace there is; it skips
// where the host has none or cannot trace.
func onEach(t *testing.T, test func(t *testing.T, s *Server, r *collector.Runner)) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := collector.NewRunner(collector.Options{Bpftrace: p.Path})
		s := New(Config{Runner: r, Version: "test", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		s.progressEvery = 50 * time.Millisecond
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := s.Close(ctx); err != nil {
				t.Errorf("close the server: %v", err)
			}
			if err := r.Close(ctx); err != nil {
				t.Errorf("close the runner: %v", err)
			}
		})
		test(t, s, r)
	})
}

// scriptsIn returns the scripts of a text: fenced ones, or in the description
// of a tool, the paragraphs that begin with a probe.
func scriptsIn(text string) []string {
	var scripts []string
	for _, m := range regexp.MustCompile("(?s)```\n(.*?)\n```").FindAllStringSubmatch(text, -1) {
		scripts = append(scripts, m[1])
	}
	_, examples, ok := strings.Cut(text, "Examples:\n")
	if !ok {
		return scripts
	}
	for _, p := range strings.Split(examples, "\n\n") {
		if _, script, ok := strings.Cut(p, ":\n"); ok && strings.Contains(script, "{") {
			scripts = append(scripts, script)
		}
	}
	return scripts
}

// What a model is told to run must run, on every version.
func TestLiveScriptsOfTheTexts(t *testing.T) {
	texts := map[string]string{"description": describeExecute}
	for _, p := range prompts() {
		for i, args := range []map[string]string{{}, {"process": `a"b\c`, "syscall": "read", "probe": "tracepoint:sched:sched_switch"}} {
			known := map[string]string{}
			for _, a := range p.args {
				if v, ok := args[a.Name]; ok {
					known[a.Name] = v
				}
			}
			if p.check(known) != nil {
				continue // a required argument, given in the second round
			}
			plan, err := p.plan(known)
			if err != nil {
				t.Fatal(err)
			}
			texts[fmt.Sprint(p.name, i)] = plan
		}
	}
	if n := len(scriptsIn(describeExecute)); n != 4 {
		t.Fatalf("%d examples found in the description, want 4", n)
	}
	onEach(t, func(t *testing.T, s *Server, r *collector.Runner) {
		// As a caller that nobody gave another role.
		r = collector.NewRunner(collector.Options{Bpftrace: r.Options().Bpftrace, Roles: func(collector.Script) policy.Role { return policy.Caller() }})
		for name, text := range texts {
			scripts := scriptsIn(text)
			if len(scripts) == 0 {
				t.Errorf("%s has no script", name)
			}
			for _, script := range scripts {
				if v := r.Validate(t.Context(), collector.Script{Source: script}); !v.Valid {
					t.Errorf("%s: %+v\n%s", name, v.Diagnostics, script)
				}
			}
		}
	})
}

func TestLiveCalls(t *testing.T) {
	onEach(t, func(t *testing.T, s *Server, r *collector.Runner) {
		c := connect(t, s)
		schemas := map[string]any{}
		ask := func(tool string, args any) map[string]any {
			t.Helper()
			res := callTool(t, c, tool, args)
			if res.IsError {
				t.Fatalf("%s: %s", tool, text(t, res))
			}
			if err := validates(t, compileSchema(t, s.byName[tool].output), []byte(text(t, res))); err != nil {
				t.Errorf("%s: %v", tool, err)
			}
			schemas[tool] = true
			return structured(t, res)
		}
		if info := ask("get_bpftrace_info", nil); info["available"] != true {
			t.Fatalf("info: %v", info)
		}
		got := ask("execute_bpftrace_script", map[string]any{
			"script": `BEGIN { printf("hi %s\n", str($1)); @a[1, "x y"] = count(); @h = hist(5); exit(); }`, "args": []any{"you"}})
		if got["status"] != "completed" || !strings.Contains(fmt.Sprint(got["events"]), "hi you") || len(got["maps"].([]any)) != 2 {
			t.Errorf("got %v", got)
		}
		got = ask("execute_bpftrace_script", map[string]any{"script": "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }", "timeout": 0.5})
		if got["status"] != "timed_out" || got["exit_code"] != 124.0 || len(got["maps"].([]any)[0].(map[string]any)["rows"].([]any)) == 0 {
			t.Errorf("got %v", got)
		}
		failed := callTool(t, c, "execute_bpftrace_script", map[string]any{"script": "BEGIN { nosuch(); }"})
		if !failed.IsError || structured(t, failed)["status"] != "failed" {
			t.Errorf("got %s", text(t, failed))
		}
		ask("validate_bpftrace_script", map[string]any{"script": "BEGIN { @[pid] = count(); }"})
		if got := ask("validate_bpftrace_script", map[string]any{"script": "BEGIN {"}); got["valid"] != false {
			t.Errorf("got %v", got)
		}
		page := ask("list_probes", map[string]any{"pattern": "tracepoint:syscalls:sys_enter_*", "limit": 3})
		if page["total"].(float64) < 100 || page["next_cursor"] == nil {
			t.Errorf("got %v", page)
		}
		one := ask("list_probes", map[string]any{"pattern": "tracepoint:syscalls:sys_enter_openat", "details": true})
		if !strings.Contains(fmt.Sprint(one["probes"]), "filename") {
			t.Errorf("got %v", one)
		}
		id := ask("start_run", map[string]any{"script": `interval:ms:50 { printf("tick\n"); @n = count(); }`})["id"]
		cursor := 0.0
		for deadline := time.Now().Add(20 * time.Second); cursor < 3; {
			if time.Now().After(deadline) {
				t.Fatal("no events of a live run")
			}
			cursor = ask("get_run", map[string]any{"id": id, "cursor": cursor, "wait": 0.1})["cursor"].(float64)
		}
		ask("list_runs", nil)
		ask("list_scripts", map[string]any{"query": "disk"})
		stopped := ask("stop_run", map[string]any{"id": id})
		if stopped["status"] != "cancelled" || !strings.Contains(fmt.Sprint(stopped["maps"]), "@n") {
			t.Errorf("got %v", stopped)
		}
		if len(schemas) != 9 {
			t.Errorf("%d of 9 tools were called", len(schemas))
		}
	})
}

// The answer to a cancelled call holds what was printed, and bpftrace is gone.
func TestLiveCancellation(t *testing.T) {
	onEach(t, func(t *testing.T, s *Server, r *collector.Runner) {
		c := serveStdio(t, s, t.Context())
		c.send(call("1", "execute_bpftrace_script", `{"script":"BEGIN { @x = 7; } interval:ms:50 { printf(\"tick\\n\"); }","timeout":600}`, `"progressToken":1`))
		for m := c.next(); !strings.Contains(fmt.Sprint(m), "attached") || strings.Contains(fmt.Sprint(m), " 0 events"); m = c.next() {
			if m["result"] != nil {
				t.Fatalf("it ended: %v", m)
			}
		}
		c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		m := c.next()
		for m["result"] == nil {
			m = c.next()
		}
		got := m["result"].(map[string]any)["structuredContent"].(map[string]any)
		if got["status"] != "cancelled" || len(got["events"].([]any)) == 0 || !strings.Contains(fmt.Sprint(got["maps"]), "@x") {
			t.Errorf("got %v", got)
		}
		c.in.Close()
		within(t, c.ended, "end")
		noRuns(t, r)
	})
}

func TestLiveDisconnect(t *testing.T) {
	onEach(t, func(t *testing.T, s *Server, r *collector.Runner) {
		c := rawConnect(t, listen(t, s))
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			res, err := http.DefaultClient.Do(c.request(ctx, call("1", "execute_bpftrace_script", `{"script":"tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }","timeout":600}`, `"progressToken":1`)))
			if err != nil {
				return
			}
			defer res.Body.Close()
			// Once probes are attached the client goes without a word.
			buf := make([]byte, 4096)
			for {
				n, err := res.Body.Read(buf)
				if err != nil {
					t.Errorf("the call ended: %v", err)
					return
				}
				if strings.Contains(string(buf[:n]), "attached") {
					cancel()
					return
				}
			}
		}()
		within(t, gone, "attached probes")
		cancel()
		noRuns(t, r)
	})
}

// noRuns waits until no run is live: a run is live as long as its bpftrace.
func noRuns(t *testing.T, r *collector.Runner) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		live := 0
		for _, run := range r.List() {
			if run.Progress().Status == collector.StatusRunning {
				live++
			}
		}
		if live == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d runs are live", live)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
