package config_test

import (
	"errors"
	"strings"
	"testing"

	"tracecar/config"
)

func TestScrapePath(t *testing.T) {
	for _, good := range []string{"/metrics", "/a/b", "/metrics.txt", "/mcp2", "/apis", "/x~y:z@1"} {
		c := config.Default()
		c.Prometheus.Path = good
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"": "not a path", "metrics": "not a path", "/": "not a path", "/x{": "not a path", "/x{...}": "not a path", "/{x}": "not a path",
		"/metrics/": "not a path", "//metrics": "not a path", "/a b": "not a path", "/a?b": "not a path", "/%2e": "not a path", "/ä": "not a path", "/a\n": "not a path",
		"/x/../y": "write /y", "/.": "write /metrics", "/a/../mcp": "write /metrics", "/a/./b": "write /a/b",
		"/healthz": "tracecar's own", "/readyz": "tracecar's own", "/mcp": "tracecar's own", "/sse": "tracecar's own", "/message": "tracecar's own",
		"/api": "tracecar's own", "/api/probes": "tracecar's own", "/api/probes/x/stacks": "tracecar's own", "/api/mcp": "tracecar's own",
		"/.well-known/oauth-protected-resource": "tracecar's own",
	} {
		c := config.Default()
		c.Prometheus.Path = bad
		err := c.Validate()
		errs, _ := errors.AsType[config.Errors](err)
		if len(errs) != 1 || errs[0].Key != "prometheus.path" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
