package promcheck

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

var queries = parser.NewParser(parser.Options{})

// variables are Grafana's in a query: $name, ${name}, ${name:format}.
var variables = regexp.MustCompile(`\$(\w+|\{\w+(:\w+)?\})`)

// substitute puts something in the place of each variable that can stand
// there, as Grafana would.
func substitute(query string) string {
	return variables.ReplaceAllStringFunc(query, func(v string) string {
		switch strings.Trim(v, "${}") {
		case "__rate_interval", "__interval", "__range":
			return "1m"
		case "__range_s", "__interval_ms", "__range_ms":
			return "60"
		}
		return ".*"
	})
}

// TestDashboards parses every query of every dashboard.
func TestDashboards(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(example(t, "grafana", "dashboards"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there is no dashboard")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			found := dashboardQueries(t, file)
			if len(found) == 0 {
				t.Error("no panel asks anything")
			}
			for _, q := range found {
				if _, err := queries.ParseExpr(substitute(q)); err != nil {
					t.Errorf("%s\n%v", q, err)
				}
			}
		})
	}
}

// dashboardQueries finds the "expr" of every target, however deep, whose data
// source is Prometheus.
func dashboardQueries(t *testing.T, file string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if expr, ok := v["expr"].(string); ok {
				found = append(found, expr)
			}
			for _, one := range v {
				walk(one)
			}
		case []any:
			for _, one := range v {
				walk(one)
			}
		}
	}
	walk(dashboard)
	return found
}
