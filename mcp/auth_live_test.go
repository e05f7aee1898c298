package mcp

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
	"tracecar/mcp/auth"
)

// A token that is taken away takes its bpftrace with it, the gentle way.
func TestLiveRevokedToken(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		r := collector.NewRunner(collector.Options{Bpftrace: p.Path})
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
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/mcp",
			strings.NewReader(api("execute_bpftrace_script", `{"script":"BEGIN { @ticks = count(); printf(\"up\"); } interval:s:99 { }","timeout":60}`)))
		req.Header.Set("Authorization", "Bearer "+annToken)
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			if res, err := http.DefaultClient.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		}()
		var live *collector.Run
		for end := time.Now().Add(time.Minute); live == nil || live.Progress().Events == 0; time.Sleep(10 * time.Millisecond) {
			if list := r.List(); len(list) > 0 {
				live = list[0]
			}
			if time.Now().After(end) {
				t.Fatal("the run has printed nothing")
			}
		}
		if c := live.Script().Caller; c.Name != "ann" || c.Role != "caller" {
			t.Errorf("caller %+v", c)
		}
		if err := cfg.Auth.SetTokens([]auth.Token{{Name: "bob", SHA256: auth.Hash(bobToken)}}); err != nil {
			t.Fatal(err)
		}
		within(t, live.Done(), "end of the run")
		within(t, answered, "end of the request")
		if res, _ := live.Result(0); res.Status != collector.StatusCancelled || len(res.Maps) != 1 || res.Maps[0].Name != "@ticks" {
			t.Errorf("%s, maps %+v, %+v", res.Status, res.Maps, res.Diagnostics)
		}
	})
}
