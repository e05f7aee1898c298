package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tracecar/config"
)

func TestDiff(t *testing.T) {
	const base = `
log: {level: info}
otlp: {headers: {a: b}}
probes:
  - {name: a, script: one, metrics: {"@m": {unit: us}}}
  - {name: b, script: two, args: []}
`
	for _, test := range []struct {
		name, text string
		want       config.Changes
	}{
		{"comments and order", "# new\nprobes:\n  - {name: b, script: two}\n  - {name: a, enabled: true, script: one, metrics: {'@m': {unit: us}}}\notlp: {headers: {a: b}}", config.Changes{}},
		{"script moved to a file", "otlp: {headers: {a: b}}\nprobes:\n  - {name: a, file: one.bt, metrics: {'@m': {unit: us}}}\n  - {name: b, script: two}", config.Changes{}},
		{"a map", "otlp: {headers: {a: b}}\nprobes:\n  - {name: a, script: one, metrics: {'@m': {unit: ms}}}\n  - {name: b, script: two}", config.Changes{Changed: []string{"a"}}},
		{"probes", "otlp: {headers: {a: b}}\nprobes:\n  - {name: c, script: one}\n  - {name: b, enabled: false, script: two}", config.Changes{Added: []string{"c"}, Changed: []string{"b"}, Removed: []string{"a"}}},
		{"keys", "log: {level: debug, format: json}\nlisten: localhost:1\nlimits: {max_runs: 3, queue: 2}\nguard: {window: 1s, total_cpu_percent: 9}\nauth: {hosts: [a.example], default_role: caller}\nprometheus: {enabled: false}\nprobes:\n  - {name: a, script: one, metrics: {'@m': {unit: us}}}\n  - {name: b, script: two}",
			config.Changes{
				Sections: []string{"auth", "guard", "limits", "listen", "log", "otlp", "prometheus"},
				Restart: []string{
					"auth.default_role", "auth.hosts", "limits.max_runs", "limits.queue", "listen", "log.format", "otlp.headers", "prometheus.enabled",
				},
			}},
		{"live keys", "log: {level: debug}\notlp: {headers: {a: b}}\nlibrary: {dirs: [.]}\nbpftrace: {sudo: true}\nroles: {r: {max_runs: 1}}\nprobes:\n  - {name: a, script: one, metrics: {'@m': {unit: us}}}\n  - {name: b, script: two}",
			config.Changes{Sections: []string{"bpftrace", "library", "log", "roles"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.text)
			put(t, filepath.Join(filepath.Dir(path), "one.bt"), "one")
			got := config.Diff(load(t, write(t, base), nil, nil), load(t, path, nil, nil))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if got.Empty() != cmp.Equal(test.want, config.Changes{}) {
				t.Errorf("Empty() is %v", got.Empty())
			}
		})
	}
}

// A new token in the same file is a change of auth.
func TestDiffToken(t *testing.T) {
	path := write(t, "auth: {tokens: [{name: a, token_file: token}]}")
	token := filepath.Join(filepath.Dir(path), "token")
	put(t, token, "0123456789abcdef0123456789abcdef\n")
	before := load(t, path, nil, nil)
	must(t, os.WriteFile(token, []byte("fedcba9876543210fedcba9876543210\n"), 0o600))
	got := config.Diff(before, load(t, path, nil, nil))
	if diff := cmp.Diff(config.Changes{Sections: []string{"auth"}}, got); diff != "" {
		t.Error(diff)
	}
}
