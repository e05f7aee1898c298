package promcheck

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/rulefmt"

	"tracecar/e2e/backend"
)

// example is the path of one of the examples; those are written by others and
// one that is missing is a failure.
func example(t *testing.T, name ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{backend.Root(t), "examples", "otel"}, name...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPrometheusConfig loads what Prometheus is started with, and the rules it
// names.
func TestPrometheusConfig(t *testing.T) {
	cfg, err := config.LoadFile(example(t, "prometheus.yaml"), false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.StorageConfig.TSDBConfig == nil || cfg.StorageConfig.TSDBConfig.OutOfOrderTimeWindow == 0 {
		t.Error("no out_of_order_time_window: points of tseries() come late, and their whole message would be refused")
	}
	for _, pattern := range cfg.RuleFiles {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Errorf("rule_files: %s: no file (%v)", pattern, err)
		}
		for _, file := range files {
			if _, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, queries, slog.New(slog.DiscardHandler)); len(errs) > 0 {
				t.Errorf("%s: %v", file, errs)
			}
		}
	}
}

// TestCollectorConfig has the collector itself check its configuration.
func TestCollectorConfig(t *testing.T) {
	program := backend.Program(t, "otelcol")
	out, err := exec.Command(program, "validate", "--config", example(t, "collector.yaml")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "deprecated") {
		t.Errorf("a deprecated name:\n%s", out)
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("receivers: {otlp: {protocol: grpc}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if exec.Command(program, "validate", "--config", bad).Run() == nil {
		t.Error("the collector takes anything")
	}
}

// TestCompose loads docker-compose.yaml as docker compose does, and looks for
// what it mounts.
func TestCompose(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(backend.Root(t), "docker-compose.yaml")},
		cli.WithWorkingDirectory(backend.Root(t)), cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := project.ServiceNames()
	for _, name := range []string{"tracecar", "prometheus", "tempo", "grafana"} {
		if !slices.Contains(names, name) {
			t.Errorf("no service %s among %v", name, names)
		}
	}
	for _, service := range project.Services {
		for _, v := range service.Volumes {
			if v.Type != "bind" || strings.HasPrefix(v.Source, "/sys/") {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts %v", service.Name, err)
			}
		}
	}
}

// TestScrape reads /metrics of a tracecar with Prometheus's own parsers.
func TestScrape(t *testing.T) {
	version := backend.Bpftraces(t)[0]
	tracecar := backend.NewTracecar(t, version, "probes: [{name: p, script: 'BEGIN { @h[\"a b\"] = hist(5); @c = count(); } interval:s:60 { exit(); }'}]\n")
	for _, accept := range []string{"text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"} {
		t.Run(accept, func(t *testing.T) {
			backend.Until(t, "the probe's metrics", func() error {
				samples, err := scrape(tracecar.URL+"/metrics", accept)
				if err != nil && err != io.EOF {
					return err
				}
				for series, want := range map[string]float64{
					`{__name__="p_c_total", tracecar_probe="p"}`:                         1,
					`{__name__="p_h_bucket", key0="a b", le="7.0", tracecar_probe="p"}`:  1,
					`{__name__="p_h_bucket", key0="a b", le="+Inf", tracecar_probe="p"}`: 1,
				} {
					if got, ok := samples[series]; !ok || got != want {
						return missing(series, samples)
					}
				}
				return nil
			})
		})
	}
}
