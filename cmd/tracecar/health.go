//go:build !light

package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"tracecar/mcp/auth/oauth"
)

// health is what operators must mend. It has a lock of its own: a collection
// of metrics must not wait for a reload.
type health struct {
	mu    sync.Mutex
	oauth *oauth.Verifier // nil: no access tokens
}

func (h *health) setOAuth(v *oauth.Verifier) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.oauth = v
}

// faults are what cannot be renewed at the moment, and why: then what was
// there before stays in force.
func (d *daemon) faults() map[string]error {
	d.health.mu.Lock()
	verifier := d.health.oauth
	d.health.mu.Unlock()
	faults := map[string]error{}
	if d.tls != nil {
		faults["tls"] = d.tls.Err()
	}
	if verifier != nil {
		faults["oauth"] = verifier.Err()
	}
	return faults
}

// watchHealth makes metrics of it.
func (d *daemon) watchHealth(m metric.Meter) error {
	refused, err1 := m.Int64ObservableGauge("tracecar.tls.refused", metric.WithUnit("{file}"),
		metric.WithDescription("1 while the server's certificates on disk are not good and older ones are in force, else 0"))
	left, err2 := m.Float64ObservableGauge("tracecar.tls.certificate.remaining", metric.WithUnit("s"),
		metric.WithDescription("Time until the server's certificate in force expires"))
	failing, err3 := m.Int64ObservableGauge("tracecar.oauth.failing", metric.WithUnit("{issuer}"),
		metric.WithDescription("1 while the keys of an OAuth issuer cannot be fetched, else 0"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	_, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		gauges := map[string]metric.Int64Observable{"tls": refused, "oauth": failing}
		for what, err := range d.faults() {
			var is int64
			if err != nil {
				is = 1
			}
			o.ObserveInt64(gauges[what], is)
		}
		if d.tls != nil {
			o.ObserveFloat64(left, time.Until(d.tls.NotAfter()).Seconds())
		}
		return nil
	}, refused, left, failing)
	return err
}
