package otlp

import (
	"fmt"
	"strings"

	"tracecar/collector"
	"tracecar/parser/script"
)

// Declared is a scheduled probe, as Clashes takes it.
type Declared struct {
	Name string
	// Sources are the scripts it may run, of which one is taken.
	Sources []string
	Probe   Probe
}

// Clash is a mistake of one of several probes, that of an index.
type Clash struct {
	Probe int
	Mistake
}

// Clashes tells which maps would be one metric and cannot: two of one probe,
// whose points nothing tells apart, or those of two probes that are different
// kinds of metrics, or have different units. Names count as Prometheus has
// them. What it finds at run time gets another name, and is counted.
func Clashes(probes []Declared) []Clash {
	var found []Clash
	first := map[string]named{}
	for i := range probes {
		p := &probes[i]
		told := map[string]bool{} // by map: variants of a script have much in common
		for _, source := range p.Sources {
			own := map[string]named{} // only one of the scripts runs
			for _, m := range namedMaps(p, source) {
				m.probe = i
				message, hint := m.clash(own, first)
				if message == "" || told[m.key] {
					continue
				}
				told[m.key] = true
				found = append(found, Clash{i, Mistake{Key: m.key, Message: message, Hint: hint}})
			}
		}
	}
	return found
}

// named is a map that is a metric.
type named struct {
	probe int
	of    string // the probe's name
	key   string // where its name is declared
	mm    *mapMetric
}

// namedMaps are the maps of a script that would be metrics.
func namedMaps(p *Declared, source string) (out []named) {
	parsed := script.Parse(source)
	for i := range parsed.Maps {
		sm := &parsed.Maps[i]
		key := "name"
		var decl *Metric
		if d, ok := p.Probe.Metrics[sm.Name]; ok {
			decl, key = &d, inKey("metrics", sm.Name)
		} else if ownerOf(parsed, p.Probe.Metrics, sm.Name) != "" {
			continue
		}
		m := &collector.Map{Name: sm.Name, Kind: string(sm.Kind), Keys: collector.KeyNames(sm)}
		mm := newMapMetric(p.Name, nil, m, sm, isScratch(parsed, sm.Name), decl, 1)
		told := sm.Kind != script.KindUnknown || decl != nil && decl.Type != ""
		if mm.leftOut == "" && told {
			out = append(out, named{of: p.Name, key: key, mm: mm})
		}
	}
	return out
}

// clash says why a map cannot have its name, and takes it where it can: own
// are those of the script's maps, first those of all probes.
func (m named) clash(own, first map[string]named) (message, hint string) {
	name, family := m.mm.name, familyOf(m.mm)
	if isOwn(name, family) {
		return fmt.Sprintf("%s would be the metric %s: names like this are tracecar's own", m.mm.mapName, name), "another name, of the metric or of the probe"
	}
	same := func(at named) string {
		if at.mm.name == name {
			return ""
		}
		return fmt.Sprintf(" (%s, for Prometheus the same)", at.mm.name)
	}
	names := textNames(m.mm)
	if at, taken := find(own, names); taken {
		return fmt.Sprintf("%s and %s would both be the metric %s%s: nothing tells their points apart", at.mm.mapName, m.mm.mapName, name, same(at)),
			"give each a name"
	}
	at, taken := find(first, names)
	for _, one := range names {
		own[one] = m
		if _, taken := first[one]; !taken {
			first[one] = m
		}
	}
	switch {
	case !taken, at.probe == m.probe:
	case at.mm.metricKind() != m.mm.metricKind():
		return fmt.Sprintf("the metric %s is a %s here, and a %s%s in probe %s", name, m.mm.metricKind(), at.mm.metricKind(), same(at), at.of),
			"another name, or one type"
	case at.mm.unit != m.mm.unit:
		return fmt.Sprintf("the metric %s is in %q here, and in %q%s in probe %s", name, m.mm.unit, at.mm.unit, same(at), at.of),
			"another name, or one unit"
	}
	return "", ""
}

func find(in map[string]named, names []string) (named, bool) {
	for _, name := range names {
		if m, ok := in[name]; ok {
			return m, true
		}
	}
	return named{}, false
}

// isOwn tells whether a name is one of those that tracecar, the MCP server or
// ad hoc runs have.
func isOwn(name, family string) bool {
	return family == "target_info" || strings.HasPrefix(family, "tracecar_") ||
		strings.HasPrefix(name, adHoc+".") || strings.HasPrefix(name, "mcp.")
}
