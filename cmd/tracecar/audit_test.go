//go:build !light

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tracecar/collector/audit"
	"tracecar/collector/executor/executortest"
	"tracecar/config"
)

// TestAudit has the real daemon decide, run and turn away, and reads what the
// log says of it: who, what, the rule, the outcome, the cost, and no secret.
func TestAudit(t *testing.T) {
	p := executortest.Newest(t)
	const token = "the-token-of-the-agent-1234"
	dir := t.TempDir()
	file := filepath.Join(dir, "audit.jsonl")
	writeFile(t, filepath.Join(dir, "token"), token)
	d := newTestDaemon(t, p, fmt.Sprintf(`
auth: {tokens: [{name: agent, token_file: %s, role: caller}]}
audit: {file: %s}
`, filepath.Join(dir, "token"), file))
	call := serveAPI(t, d)
	ask := func(method, script string, more ...any) {
		t.Helper()
		params := map[string]any{"script": script}
		if len(more) > 0 {
			params["args"] = more
		}
		call(method, params, "Authorization", "Bearer "+token, "X-Secret", "header-secret")
	}
	ask("execute_bpftrace_script", `BEGIN { printf("%s\n", str($1)); @text_secret = 1; exit(); }`, "arg-secret")
	ask("execute_bpftrace_script", "BEGIN {\n cat(\"/text-secret\"); }")
	ask("execute_bpftrace_script", "tracepoint:$1:x { @ = count(); }", "arg-secret!")
	ask("validate_bpftrace_script", "kprobe:text_secret { @++; }")
	call("execute_bpftrace_script", map[string]any{"script": "BEGIN { exit(); }"}, "Authorization", "Bearer wrong-secret")

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{token, "arg-secret", "text_secret", "text-secret", "header-secret", "wrong-secret"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is in the log:\n%s", secret, text)
		}
	}
	var got []string
	if _, err := audit.Read(file, audit.Filter{}, func(e audit.Entry) error {
		line := fmt.Sprintf("%s %s %s/%s/%s run %v args %d", e.Event, e.Outcome, e.Who.Token, e.Who.Role, e.Who.Trigger, e.Run != "", e.Script.Args)
		for _, b := range e.Broken {
			line += fmt.Sprintf(", %s at %d:%d %v", b.Rule, b.Line, b.Column, b.Reason != "")
		}
		if e.Event != audit.EventAuth && (e.Script.SHA256 == "" || e.Cost.Duration <= 0) {
			t.Errorf("%+v", e)
		}
		if e.Event == audit.EventRun && (e.Cost.Output == 0 || e.Cost.AttachPoints != 1 || e.Cost.Events != 1 || e.Cost.BpftraceCPU == 0) {
			t.Errorf("the run's cost: %+v", e.Cost)
		}
		if e.Event == audit.EventAuth && (e.Reason == "" || e.Who.Remote == "") {
			t.Errorf("%+v", e)
		}
		got = append(got, line)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"decision allowed agent/caller/http run true args 1",
		"run completed agent/caller/http run true args 1",
		"decision refused agent/caller/http run true args 0, function at 2:2 true",
		"decision refused agent/caller/http run true args 1, attach_point at 1:1 true",
		"decision refused agent/caller/http run false args 0, provider at 1:1 true",
		"auth refused // run false args 0",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestAuditClosed: a daemon that cannot begin leaves no file open.
func TestAuditClosed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	conf := filepath.Join(t.TempDir(), "tracecar.yaml")
	writeFile(t, conf, "audit: {file: "+file+"}")
	cfg, err := config.Load(conf, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.OTLP.Endpoint = "http://collector:4317"
	cfg.OTLP.TLS.CA = filepath.Join(t.TempDir(), "nothing.pem")
	log, level := newLogger(&lockedBuffer{}, &cfg.Log)
	if d, err := newDaemon(t.Context(), cfg, log, level); err == nil {
		t.Fatal("it began", d.close())
	}
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); to == file {
			t.Errorf("%s is open", file)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("it was not opened at all: %v", err)
	}
}
