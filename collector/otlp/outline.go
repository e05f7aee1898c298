package otlp

import (
	"fmt"
	"slices"
	"strings"

	"tracecar/collector"
	"tracecar/parser/script"
)

// Outline says in words what a scheduled probe would export, one line per map
// and per declared span: for people who write a configuration.
func Outline(probe, source string, decl Probe) []string {
	parsed := script.Parse(source)
	var lines []string
	for i := range parsed.Maps {
		sm := &parsed.Maps[i]
		m := &collector.Map{Name: sm.Name, Kind: string(sm.Kind), Keys: collector.KeyNames(sm)}
		var declared *Metric
		if d, ok := decl.Metrics[sm.Name]; ok {
			declared = &d
		} else if owner := ownerOf(parsed, decl.Metrics, sm.Name); owner != "" {
			lines = append(lines, fmt.Sprintf("%s is not exported by itself: it is the sum of %s", sm.Name, owner))
			continue
		}
		mm := newMapMetric(probe, nil, m, sm, isScratch(parsed, sm.Name), declared, 1)
		if mm.leftOut != "" || mm.shape == shapeNone {
			why := mm.leftOut
			if why == "" {
				why = "no number"
			}
			lines = append(lines, fmt.Sprintf("%s is not exported: %s", sm.Name, strings.ReplaceAll(why, "_", " ")))
			continue
		}
		line := fmt.Sprintf("%s → %s %s", sm.Name, mm.metricKind(), mm.name)
		if mm.unit != "" {
			line += " in " + mm.unit
		}
		names := m.Keys
		if declared != nil && len(declared.Attributes) > 0 {
			names = append(slices.Clone(declared.Attributes), names[min(len(declared.Attributes), len(names)):]...)
		}
		if len(names) > 0 {
			line += " by " + strings.Join(names, ", ")
		}
		if sum := sumOf(parsed, decl.Metrics, sm.Name); sum != "" {
			line += " with the sum of " + sum
		}
		lines = append(lines, line)
	}
	for _, s := range decl.Spans {
		lines = append(lines, fmt.Sprintf("span %q", s.Name))
	}
	return lines
}

var shapeNames = map[shape]string{
	shapeCounter: "counter", shapeUpDown: "up-down counter", shapeGauge: "gauge",
	shapeHistogram: "histogram", shapeStats: "histogram of count and sum", shapeSeries: "gauge at its own times",
}
