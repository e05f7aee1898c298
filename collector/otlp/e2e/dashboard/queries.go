// Package dashboard reads what the panels of a Grafana dashboard ask of
// Prometheus.
//
// Flows in: dashboards as JSON. Flows out: PromQL, with Grafana's variables
// filled in. Call [Queries], then [Fill].
package dashboard

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Queries are the PromQL queries of all panels of a file, each once, as they
// stand there: the "expr" of every target, however deep it lies, and those of
// the dashboard's own variables.
func Queries(file string) ([]string, error) {
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

// Fill puts a value in the place of each variable: interval, such as "1m", for
// Grafana's own times, and what matches everything for those of the dashboard.
func Fill(query, interval string) string {
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
