package promcheck

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"tracecar/e2e/dashboard"
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
			found, err := dashboard.Queries(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 {
				t.Error("no panel asks anything")
			}
			for _, q := range found {
				if _, err := queries.ParseExpr(dashboard.Fill(q, "1m")); err != nil {
					t.Errorf("%s\n%v", q, err)
				}
			}
		})
	}
}
