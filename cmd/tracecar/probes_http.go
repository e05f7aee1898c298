//go:build !light

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"tracecar/collector"
)

// serveProbes answers GET /api/probes with the state of each scheduled probe
// and its newest Result; ?name=NAME chooses one.
func (d *daemon) serveProbes(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	probes := d.schedule.Now(ctx, r.URL.Query()["name"]...)
	if probes == nil {
		probes = []collector.ProbeStatus{}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"probes": probes}) // the client has gone
}

// ready adds to /readyz what the configuration and the probes lack. It is
// not a failure: what runs goes on.
func (d *daemon) ready() map[string]any {
	d.mu.Lock()
	refused, restart := d.refused, d.restart
	d.mu.Unlock()
	detail := map[string]any{}
	for what, err := range d.faults() {
		if err != nil {
			detail[what+"_error"] = err.Error()
		}
	}
	if refused != nil {
		detail["config_error"] = refused.Error()
	}
	if len(restart) > 0 {
		detail["config_restart"] = restart
	}
	if probes := d.schedule.Status(); len(probes) > 0 {
		states := map[collector.ProbeState][]string{}
		for _, p := range probes {
			states[p.State] = append(states[p.State], p.Name)
		}
		detail["probes"] = states
	}
	return detail
}
