package promcheck

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

var queries = parser.NewParser(parser.Options{})

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
			found, err := dashboardQueries(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 {
				t.Error("no panel asks anything")
			}
			for _, q := range found {
				if _, err := queries.ParseExpr(fill(q, "1m")); err != nil {
					t.Errorf("%s\n%v", q, err)
				}
			}
		})
	}
}

// dashboardQueries are the PromQL queries of all panels of a file, each once, as they
// stand there: the "expr" of every target, however deep it lies, and those of
// the dashboard's own variables.
func dashboardQueries(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var whole any
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, err
	}
	var found []string
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
	walk(whole)
	slices.Sort(found)
	return slices.Compact(found), nil
}

// variables are Grafana's in a query: $name, ${name}, ${name:format}.
var variables = regexp.MustCompile(`\$(\w+|\{\w+(:\w+)?\})`)

// fill puts a value in the place of each variable: interval, such as "1m", for
// Grafana's own times, and what matches everything for those of the dashboard.
func fill(query, interval string) string {
	return variables.ReplaceAllStringFunc(query, func(v string) string {
		switch strings.Trim(v, "${}") {
		case "__rate_interval", "__interval", "__range":
			return interval
		case "__range_s", "__interval_ms", "__range_ms":
			return "60"
		}
		return ".*"
	})
}
