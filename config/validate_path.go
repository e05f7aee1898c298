package config

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// scrapable is a path as net/http's patterns and every scraper read it alike:
// no braces, which are wildcards there, no query, no escapes.
var scrapable = regexp.MustCompile(`^(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$`)

// ownPaths are those that serve answers itself, ownFolders with all below them.
var (
	ownPaths   = []string{"/mcp", "/sse", "/message", "/healthz", "/readyz"}
	ownFolders = []string{"/api", "/.well-known"}
)

// scrapePath checks where the metrics are served: a pattern that net/http
// cannot take, or that another route has, would end tracecar when it starts.
func (k *check) scrapePath() {
	const key, hint = "prometheus.path", "write /metrics"
	p := k.c.Prometheus.Path
	switch {
	case !scrapable.MatchString(p):
		k.fail(key, fmt.Sprintf("%q is not a path", p), hint)
	case path.Clean(p) != p:
		better := hint
		if clean := path.Clean(p); clean != "/" && !ownPath(clean) {
			better = "write " + clean
		}
		k.fail(key, fmt.Sprintf("%q is not a clean path", p), better)
	case ownPath(p):
		k.fail(key, fmt.Sprintf("%s is a path of tracecar's own", p), hint)
	}
}

func ownPath(p string) bool {
	for _, own := range ownPaths {
		if p == own {
			return true
		}
	}
	for _, own := range ownFolders {
		if p == own || strings.HasPrefix(p, own+"/") {
			return true
		}
	}
	return false
}
