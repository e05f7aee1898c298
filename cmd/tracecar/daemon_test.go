//go:build !light

package main

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tracecar/cmd/tracecar/internal/probestatus"
	"tracecar/collector"
	"tracecar/collector/audit"
	"tracecar/collector/executor/executortest"
	"tracecar/config"
)

// hangGuard is longer than anything takes; a test past it hangs.
const hangGuard = 60 * time.Second

// testDaemon is a daemon as serve has it, which follows its file and does not
// listen.
type testDaemon struct {
	*daemon
	t    *testing.T
	path string // of the configuration
	said *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newTestDaemon(t *testing.T, p executortest.Program, yaml string, env ...string) *testDaemon {
	t.Helper()
	path := filepath.Join(t.TempDir(), "conf", "tracecar.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, yaml)
	return followTestDaemon(t, p, path, env...)
}

func followTestDaemon(t *testing.T, p executortest.Program, path string, env ...string) *testDaemon {
	t.Helper()
	cfg, err := config.Load(path, append(env, "TRACECAR_BPFTRACE_PATH="+p.Path), nil)
	if err != nil {
		t.Fatal(err)
	}
	said := &lockedBuffer{}
	log, level := newLogger(said, &cfg.Log)
	d, err := newDaemon(t.Context(), cfg, log, level)
	if err != nil {
		t.Fatal(err)
	}
	_, following := d.background(context.Background())
	t.Cleanup(func() {
		following()
		if err := d.server.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	return &testDaemon{d, t, path, said}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// get is what a path of the HTTP face answers.
func (d *testDaemon) get(path string) string {
	d.t.Helper()
	w := httptest.NewRecorder()
	req := httptest.NewRequest("GET", path, nil)
	req.Host = "127.0.0.1"
	d.server.Handler().ServeHTTP(w, req)
	if w.Code != 200 {
		d.t.Errorf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// probes is /api/probes, by name.
func (d *testDaemon) probes() map[string]collector.ProbeStatus {
	d.t.Helper()
	list, err := probestatus.Read(strings.NewReader(d.get("/api/probes")))
	if err != nil {
		d.t.Fatal(err)
	}
	byName := map[string]collector.ProbeStatus{}
	for _, p := range list {
		byName[p.Name] = p
	}
	return byName
}

// readyDetail is /readyz.
func (d *testDaemon) readyDetail() (out map[string]any) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(d.get("/readyz")), &out); err != nil {
		d.t.Fatal(err)
	}
	return out
}

func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(hangGuard)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for: %s", hangGuard, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestUnsafeProbe: the operator's file may say unsafe; who asks sees it, and
// the audit log keeps it.
func TestUnsafeProbe(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		dir := t.TempDir()
		made, log := filepath.Join(dir, "made"), filepath.Join(dir, "audit.jsonl")
		d := newTestDaemon(t, p, `
audit: {file: `+log+`}
probes:
  - {name: commands, unsafe: true, script: 'BEGIN { system("touch `+made+`"); } interval:ms:10 { @n = count(); }'}
  - {name: other, script: 'interval:ms:10 { @n = count(); }'}
`)
		waitFor(t, "what system() does", func() bool { _, err := os.Stat(made); return err == nil })
		probes := d.probes()
		if !probes["commands"].Unsafe || probes["other"].Unsafe {
			t.Errorf("%+v", probes)
		}
		writeFile(t, d.path, "audit: {file: "+log+"}\n")
		entries := map[string][]audit.Entry{}
		waitFor(t, "the entries of both runs", func() bool {
			clear(entries)
			if _, err := audit.Read(log, audit.Filter{}, func(e audit.Entry) error {
				entries[e.Script.Name] = append(entries[e.Script.Name], e)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return len(entries["commands"]) == 2 && len(entries["other"]) == 2
		})
		for name, es := range entries {
			for _, e := range es {
				if want := name == "commands"; e.Script.Unsafe != want || strings.Contains(auditLine(e), "unsafe") != want {
					t.Errorf("%+v", e)
				}
			}
		}
	})
}
