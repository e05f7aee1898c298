package e2e_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tracecar/e2e/backend"
)

// TestDashboardsHaveData runs the configuration of docker-compose.yaml against
// the collector and Prometheus, and asks every panel's query: each gives at
// least one number. It is for the newest bpftrace: names are those of every
// version, as TestTable shows.
func TestDashboardsHaveData(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(backend.Root(t), "examples", "otel", "grafana", "dashboards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	versions := backend.Bpftraces(t)
	prometheus := backend.NewPrometheus(t, filepath.Join(backend.Root(t), "examples", "otel", "prometheus.yaml"))
	collector := backend.NewCollector(t, prometheus)
	tracecar := backend.NewTracecar(t, versions[len(versions)-1], composeConfig(t, collector.GRPC))
	keepBusy(t)
	client := backend.NewClient(t, tracecar)
	client.Tool("execute_bpftrace_script", map[string]any{
		"script": "tracepoint:raw_syscalls:sys_enter { @calls = count(); }", "timeout": 3,
	}, nil, nil)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, p := range panels(t, file) {
				backend.Until(t, p.title+": "+p.query, func() error { return answers(prometheus, p) })
			}
		})
	}
}

// composeConfig is examples/otel/tracecar.yaml with the addresses of the test,
// and times that a test can wait for.
func composeConfig(t *testing.T, endpoint string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(backend.Root(t), "examples", "otel", "tracecar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	config := string(b)
	for _, c := range []struct{ old, new string }{
		{`(?m)^listen:.*\n`, ""},
		{`(?m)^auth:\n( .*\n)+`, ""},
		{`endpoint: "[^"]*"`, fmt.Sprintf("endpoint: %q", endpoint)},
		{`interval: 15s`, "interval: 2s"},
		{`every: 5m`, "every: 8s"},
		{`duration: 10s`, "duration: 2s"},
	} {
		re := regexp.MustCompile(c.old)
		if n := len(re.FindAllString(config, -1)); n != 1 {
			t.Fatalf("%d times %s in examples/otel/tracecar.yaml", n, c.old)
		}
		config = re.ReplaceAllLiteralString(config, c.new)
	}
	return config
}

// panel is one question of a dashboard.
type panel struct {
	title, query string
	label        string // of a variable: the label whose values it offers
}

// panels finds the queries of a dashboard, and of its variables.
func panels(t *testing.T, file string) (found []panel) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Templating struct {
			List []struct {
				Name       string
				Definition string
			}
		}
		Panels []struct {
			Title   string
			Targets []struct{ Expr, Query string }
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	for _, v := range d.Templating.List {
		query, label, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")"), ", ")
		if !ok {
			t.Fatalf("variable %s: %s", v.Name, v.Definition)
		}
		found = append(found, panel{"variable " + v.Name, query, label})
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			if target.Expr != "" {
				found = append(found, panel{title: p.Title, query: target.Expr})
			} else if target.Query == "" {
				t.Errorf("%s: a target that asks nothing", p.Title)
			}
		}
	}
	return found
}

// answers is nil where Prometheus has a number for what p asks.
func answers(prometheus *backend.Prometheus, p panel) error {
	// What Grafana puts there: All, and for points every 2 s.
	series, err := prometheus.Query(strings.NewReplacer("$__rate_interval", "20s", "$__range", "1m", "$host", ".*", "$probe", ".*").Replace(p.query))
	if err != nil {
		return err
	}
	for _, s := range series {
		if p.label != "" && s.Labels[p.label] == "" {
			return fmt.Errorf("no label %s: %v", p.label, s.Labels)
		}
		for _, v := range s.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				return nil
			}
		}
	}
	return fmt.Errorf("no number among %d series", len(series))
}
