//go:build !light

package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"tracecar/collector/executor/executortest"
	"tracecar/config"
)

const stackProbes = `
bpftrace: {path: %s}
probes:
  - name: cpu
    script: 'profile:hz:99 { @s[kstack(3), comm] = count(); @t[kstack] = sum(1); @n = count(); }'
  - name: later
    every: 1h
    duration: 1s
    script: 'profile:hz:99 { @s[kstack] = count(); }'
    enabled: false
`

// A live probe's stacks are there for folded text, for pprof as a URL, and as
// a picture; what cannot be is refused in words.
func TestStacksOverHTTP(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		file := filepath.Join(t.TempDir(), "tracecar.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(stackProbes, "%s", p.Path, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(file, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		d, err := newDaemon(t.Context(), cfg, slog.New(slog.DiscardHandler), new(slog.LevelVar))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.server.Close(context.Background()); _ = d.close() })
		server := httptest.NewServer(d.server.Handler())
		t.Cleanup(server.Close)
		get := func(probe, query string) (int, string, http.Header) {
			t.Helper()
			resp, err := http.Get(server.URL + "/api/probes/" + probe + "/stacks?" + query)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, string(body), resp.Header
		}

		status, body, _ := get("cpu", "map=@s")
		for deadline := time.Now().Add(time.Minute); status != 200 || body == ""; status, body, _ = get("cpu", "map=@s") {
			if time.Now().After(deadline) {
				t.Fatalf("no stacks: %d %s", status, body)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if !strings.Contains(body, ";") || strings.Contains(body, "@n") {
			t.Errorf("folded: %s", body)
		}
		status, body, head := get("cpu", "map=s&format=flamegraph")
		if status != 200 || !strings.HasPrefix(body, "<svg ") || head.Get("Content-Type") != "image/svg+xml" || head.Get("Content-Security-Policy") == "" {
			t.Errorf("picture: %d %v %.100s", status, head, body)
		}
		status, body, _ = get("cpu", "map=@t&format=pprof")
		prof, err := profile.ParseData([]byte(body))
		if status != 200 || err != nil || len(prof.Sample) == 0 || prof.TimeNanos == 0 {
			t.Errorf("pprof: %d %v %v", status, err, prof)
		}
		for _, c := range []struct {
			probe, query string
			status       int
			says         string
		}{
			{"cpu", "", 400, "choose one: @s, @t"},
			{"cpu", "map=@n", 400, "holds no kstack or ustack"},
			{"cpu", "map=@s&format=svg", 400, "want folded, pprof or flamegraph"},
			{"cpu", "map=@s&offsets=some", 400, "want true or false"},
			{"later", "", 404, `probe "later" has no run with data yet`},
			{"nope", "", 404, `there is no probe "nope"`},
		} {
			if status, body, head := get(c.probe, c.query); status != c.status || !strings.Contains(body, c.says) || !strings.HasPrefix(head.Get("Content-Type"), "text/plain") {
				t.Errorf("%s?%s: %d %s", c.probe, c.query, status, body)
			}
		}

		// The tool itself, on the URL.
		cmd := exec.Command("go", "tool", "pprof", "-top", server.URL+"/api/probes/cpu/stacks?"+url.Values{"map": {"@s"}, "format": {"pprof"}}.Encode())
		cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Showing nodes accounting for") || !strings.Contains(string(out), "Type: cpu") {
			t.Errorf("go tool pprof: %v\n%s", err, out)
		}
	})
}
