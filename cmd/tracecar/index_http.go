//go:build !light

package main

import (
	"fmt"
	"net/http"

	"tracecar/config"
)

// index answers GET / for whoever opens the address in a browser, or asks it
// with curl: what there is, and where.
func index(cfg *config.Config) http.Handler {
	text := `tracecar

/mcp          MCP for AI agents, over streamable HTTP; /sse is the older transport
/api/mcp      the same as a JSON API: POST {"method": …, "params": …}
/api/tools    its methods
/api/probes   the scheduled probes with their newest Results; ?name=NAME chooses one
/healthz      is it alive
/readyz       is it ready, and what does it lack
`
	if cfg.Scrape() {
		text += fmt.Sprintf("%-13s for Prometheus\n", cfg.Prometheus.Path)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprint(w, text) // the client has gone
	})
}
