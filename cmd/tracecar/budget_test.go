//go:build !light

package main

import (
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/collector/guard"
	"tracecar/config"
)

// TestDefaultBudget: a caller's run may take 5 % of one CPU over 2 s, an
// operator's what it takes.
func TestDefaultBudget(t *testing.T) {
	cfg := config.Default()
	if cfg.Guard.CPUPercent != 5 || cfg.Guard.Window != 2*time.Second || guard.DefaultWindow != 2*time.Second {
		t.Errorf("%+v, %v", cfg.Guard, guard.DefaultWindow)
	}
	cfg.Auth.DefaultRole = "caller"
	o, err := runnerOptions(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if o.Guard.Window != 2*time.Second || o.Guard.CPUPercent != 0 {
		t.Errorf("%+v", o.Guard)
	}
	for name, want := range map[string]float64{"caller": 5, "operator": 0} {
		role, err := oneRole(cfg, name)
		if err != nil {
			t.Fatal(err)
		}
		if got := role(collector.Script{}).CPUPercent; got != want {
			t.Errorf("%s: %v %%, want %v %%", name, got, want)
		}
	}
}
