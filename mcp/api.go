package mcp

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

// apiRequest is the body of the JSON API of tracecar's first version.
type apiRequest struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// serveAPI answers {"method", "params"} with {"success", "data"} (200) or
// {"success", "error"} (400); the methods are the tools. A script that failed
// is an error, with its Result as data.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		writeError(w, r, http.StatusBadRequest, "the request has no body")
		return
	}
	var req apiRequest
	if err := json.Unmarshal(body, &req); err != nil {
		writeError(w, r, http.StatusBadRequest, `the body must be a JSON object {"method": …, "params": …}`)
		return
	}
	t, ok := s.byName[req.Method]
	if !ok {
		writeError(w, r, http.StatusBadRequest,
			fmt.Sprintf("unknown method %q; there are %s", cut(req.Method, 100), strings.Join(s.order, ", ")))
		return
	}
	ctx, stop := s.untilDisconnect(r.Context())
	defer stop()
	if s.cfg.Telemetry != nil {
		ctx = s.cfg.Telemetry.Continue(ctx, r.Header.Get("traceparent"), r.Header.Get("tracestate"))
	}
	a := s.dispatch(ctx, t, caller{trigger: "http"}, req.Params)
	if a.failed {
		status := http.StatusBadRequest
		if a.busy {
			w.Header().Set("Retry-After", "1")
			status = http.StatusTooManyRequests
		}
		answer := map[string]any{"success": false, "error": a.message}
		if len(a.json) > 0 {
			answer["data"] = a.json
		}
		writeJSON(w, status, answer)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"success": true, "data": a.json})
}

// serveTools lists the tools as MCP describes them.
func (s *Server) serveTools(w http.ResponseWriter, r *http.Request) {
	list := make([]sdk.Tool, len(s.order))
	for i, name := range s.order {
		list[i] = s.byName[name].definition()
	}
	writeJSON(w, http.StatusOK, map[string]any{"tools": list})
}

// serveHealth says that the process answers.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"status": "ok", "version": s.cfg.Version})
}

// serveReady says whether scripts can run: 503 while something is missing or
// the server is closing.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	select {
	case <-s.life.Done():
		writeJSON(w, http.StatusServiceUnavailable, map[string]any{"status": "closing"})
		return
	default:
	}
	info := completeInfo(s.ready.get(r.Context(), s.runner.Info))
	status, word := http.StatusOK, "ready"
	if !info.Available {
		status, word = http.StatusServiceUnavailable, "not ready"
	}
	for _, p := range info.Problems {
		if p.Fatal {
			status, word = http.StatusServiceUnavailable, "not ready"
		}
	}
	answer := map[string]any{
		"status": word, "bpftrace_version": info.Version, "problems": info.Problems,
		"time": time.Now().UTC().Format(time.RFC3339),
	}
	if s.cfg.Ready != nil {
		for k, v := range s.cfg.Ready() {
			answer[k] = v
		}
	}
	writeJSON(w, status, answer)
}
