package mcp

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
)

// Everything bad at once, at a real server with a real run: each is answered,
// the run goes on to its end with all it has counted, and nothing is kept.
func TestLiveBadInput(t *testing.T) {
	r := collector.NewRunner(collector.Options{Bpftrace: executortest.Newest(t).Path})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	cfg := Config{Runner: r, Logger: slog.New(slog.DiscardHandler)}
	withTokens(t)(&cfg)
	s := New(cfg)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	base := listen(t, s)
	started, data := toolAs(t, base, rootToken, "start_run", `{"script":"BEGIN { printf(\"up\\n\"); } interval:ms:10 { @ticks++; }","timeout":600}`)
	id, _ := data["id"].(string)
	if started.status != 200 || id == "" {
		t.Fatalf("%d %s", started.status, started.body)
	}
	ticks := func() (n json.Number) {
		t.Helper()
		r := askAs(t, "POST", base+"/api/mcp", rootToken, api("get_run", `{"id":"`+id+`"}`))
		var got struct {
			Data struct {
				Maps []struct {
					Rows []struct{ Value json.Number }
				}
			}
		}
		if err := json.Unmarshal([]byte(r.body), &got); err != nil {
			t.Fatalf("%s: %v", r.body, err)
		}
		if m := got.Data.Maps; len(m) == 1 && len(m[0].Rows) == 1 {
			n = m[0].Rows[0].Value
		}
		return n
	}
	waitFor := func(what string, so func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("never: %s", what)
			}
		}
	}
	var first int64
	waitFor("the run counts", func() bool { first, _ = ticks().Int64(); return first > 0 })
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range 20 { // they hang on to the end
		_, _ = io.WriteString(dial(t, base), []string{
			"POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nX: ",
			"POST /api/mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + annToken + "\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
		}[i%2])
	}
	for _, m := range badMessages() {
		m.send(t, base)
	}
	for _, raw := range smuggled() {
		sendRaw(t, base, raw)
	}
	for _, bad := range badArguments {
		if r := askAs(t, "POST", base+"/api/mcp", annToken, api(bad.tool, bad.args)); r.status != 400 || !strings.Contains(r.body, strings.ReplaceAll(bad.want, `"`, `\"`)) {
			t.Errorf("%s: %d %.300s", bad.what, r.status, r.body)
		}
	}
	for range 30 {
		askAs(t, "POST", base+"/api/mcp", "a guess", api("stop_run", `{"id":"`+id+`"}`))
	}
	if after := heap(); after > before+32<<20 {
		t.Errorf("%d MiB are kept", (after-before)>>20)
	}
	// The token is slowed down with its address now: another face, no token.
	one, _ := r.Get(id)
	then := one.Progress()
	if then.Status != collector.StatusRunning {
		t.Errorf("the run: %+v", then)
	}
	for _, other := range r.List() {
		if other.ID() != id {
			t.Errorf("a run was started: %+v", other.Script())
		}
	}
	one.Stop()
	within(t, one.Done(), "end of the run")
	res, _ := one.Result(0)
	if res.Status != collector.StatusCancelled || res.LostEvents != 0 || len(res.Maps) != 1 || len(res.Maps[0].Rows) != 1 || len(res.Events) != 1 {
		t.Fatalf("%s, %+v, %+v", res.Status, res.Maps, res.Diagnostics)
	}
	b, err := json.Marshal(res.Maps[0].Rows[0].Value)
	if last, _ := json.Number(b).Int64(); err != nil || last <= first {
		t.Errorf("the run counted %d, then %s", first, b)
	}
}
