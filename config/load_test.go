package config_test

import (
	"testing"
	"time"

	"tracecar/config"
)

func TestLoadIssueExample(t *testing.T) {
	c, err := config.Load("testdata/good/issue.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := c.Probe("slow-opens")
	if !ok || p.Every != 5*time.Minute || p.Spans[0].Printf.Index != 1 || p.Source == "" || !p.Enabled || p.Restart.Min != time.Second {
		t.Errorf("%+v", p)
	}
	if got := c.Probes[1].Metrics["@usecs"].Unit; got != "us" {
		t.Errorf("unit %q", got)
	}
}
