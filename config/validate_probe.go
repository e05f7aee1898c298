package config

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"tracecar/collector/versions"
)

var (
	dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	mapName  = regexp.MustCompile(`^@([A-Za-z_][A-Za-z0-9_]*)?$`)
	// metricName is OpenTelemetry's rule for instrument names.
	metricName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.\-/]{0,254}$`)
	decoders   = regexp.MustCompile(`^[a-z][a-z0-9_]*(\|[a-z][a-z0-9_]*)*(:.*)?$`) // which there are, package decode knows
)

func (k *check) probes() {
	names := map[string]int{}
	for i := range k.c.Probes {
		p, path := &k.c.Probes[i], joinIndex("probes", i)
		if first, twice := names[p.Name]; twice && p.Name != "" {
			k.fail(join(path, "name"), fmt.Sprintf("duplicate probe name %q", p.Name), k.already(join(joinIndex("probes", first), "name")))
		} else {
			names[p.Name] = i
		}
		k.probe(path, p)
	}
}

func (k *check) probe(path string, p *Probe) {
	if p.Name != "" && !dnsLabel.MatchString(p.Name) {
		hint := "lower-case letters, digits and hyphens, at most 63"
		if better := strings.ReplaceAll(plain(p.Name), "_", "-"); dnsLabel.MatchString(better) {
			hint = "write " + better
		}
		k.fail(join(path, "name"), fmt.Sprintf("%q is not a probe's name", p.Name), hint)
	}
	if p.Script+p.File+p.Library != "" || len(p.Versions) == 0 {
		k.oneOf(path, "script", p.Script, "file", p.File, "library", p.Library)
	}
	for i := range p.Versions {
		v, inner := &p.Versions[i], joinIndex(join(path, "versions"), i)
		k.oneOf(inner, "script", v.Script, "file", v.File, "library", v.Library)
		if _, err := versions.Parse(v.Bpftrace); err != nil && v.Bpftrace != "" {
			k.fail(join(inner, "bpftrace"), err.Error(), `write ">=0.22", "<0.21", ">=0.17, <0.23" or "0.23"`)
		}
	}
	k.timing(path, p)
	if r := p.Restart; r.Min > r.Max && r.Max > 0 {
		key := path + ".restart.min"
		if !k.given(key) {
			key = path + ".restart.max"
		}
		k.failf(key, "restart.min (%v) is longer than restart.max (%v)", r.Min, r.Max)
	}
	k.metrics(path, p)
	for i := range p.Spans {
		k.span(joinIndex(join(path, "spans"), i), &p.Spans[i])
	}
}

// timing checks continuous, periodic and scheduled probes against what they
// may have.
func (k *check) timing(path string, p *Probe) {
	every := p.Every > 0 || k.given(join(path, "every"))
	schedule := p.Schedule != "" || !every && k.given(join(path, "schedule"))
	switch {
	case every && schedule:
		k.fail(join(path, "schedule"), "every and schedule exclude each other", "keep one")
	case schedule:
		k.cron(join(path, "schedule"), p)
	}
	periodic := every || schedule
	switch {
	case periodic && p.Duration == 0:
		k.fail(path, "duration is missing: how long each window traces", "")
	case !periodic && k.given(join(path, "duration")), !periodic && p.Duration != 0:
		k.fail(join(path, "duration"), "a continuous probe has no windows", "every or schedule makes it periodic")
	case p.Every > 0 && !schedule && p.Duration > p.Every:
		k.failf(join(path, "duration"), "duration (%v) is longer than every (%v)", p.Duration, p.Every)
	}
	switch {
	case !periodic && p.Jitter > 0:
		k.fail(join(path, "jitter"), "a continuous probe has no windows to delay", "every or schedule makes it periodic")
	case every && p.Every > 0 && p.Jitter > p.Every:
		k.failf(join(path, "jitter"), "jitter (%v) is longer than every (%v)", p.Jitter, p.Every)
	}
	if periodic && p.Interval > 0 {
		k.fail(join(path, "interval"), "a periodic probe is read at the end of its window", "interval is for continuous ones")
	}
	if periodic && k.given(join(path, "restart")) {
		k.fail(join(path, "restart"), "a periodic probe starts with its next window", "restart is for continuous ones")
	}
}

func (k *check) cron(key string, p *Probe) {
	if p.Schedule == "" {
		k.fail(key, "must not be empty", "")
		return
	}
	if strings.HasPrefix(strings.TrimSpace(p.Schedule), "@every") {
		k.fail(key, fmt.Sprintf("%q is not a time of day", p.Schedule), "every: 5m says that")
		return
	}
	s, err := p.Cron()
	if err != nil {
		fields := strings.Fields(p.Schedule)
		hint := ""
		switch {
		case len(fields) > 0 && strings.Contains(fields[0], "TZ="):
		case len(fields) == 6:
			hint = "five fields: there are no seconds"
		case len(fields) != 5:
			hint = `five fields: minute, hour, day of month, month, day of week; "*/5 * * * *" is every five minutes`
		}
		k.fail(key, fmt.Sprintf("%q is not a cron line: %v", p.Schedule, err), hint)
	} else if s.Next(time.Now()).IsZero() {
		k.fail(key, fmt.Sprintf("%q never comes", p.Schedule), "")
	}
}

func (k *check) metrics(path string, p *Probe) {
	names, sums := map[string]string{}, map[string]string{}
	for _, m := range slices.Sorted(maps.Keys(p.Metrics)) {
		metric, key := p.Metrics[m], join(join(path, "metrics"), m)
		if !mapName.MatchString(m) {
			hint := ""
			if mapName.MatchString("@" + m) {
				hint = `write "@` + m + `"`
			}
			k.fail(key, fmt.Sprintf("%q is not a map's name", m), hint)
		}
		if metric.Name != "" && !metricName.MatchString(metric.Name) {
			k.fail(join(key, "name"), fmt.Sprintf("%q is not a metric's name", metric.Name), "a letter, then letters, digits and _ . - /")
		} else if other, twice := names[metric.Name]; twice && metric.Name != "" {
			k.failf(join(key, "name"), "the map %s has this metric name too", other)
		}
		names[metric.Name] = m
		k.unit(join(key, "unit"), metric.Unit)
		seen := map[string]bool{}
		for i, a := range metric.Attributes {
			if a == "" || seen[a] {
				k.failf(joinIndex(join(key, "attributes"), i), "the attribute name %q is empty or there twice", a)
			}
			seen[a] = true
		}
		for _, label := range slices.Sorted(maps.Keys(metric.Decode)) {
			at := join(join(key, "decode"), label)
			if len(metric.Attributes) > 0 && !seen[label] {
				k.fail(at, fmt.Sprintf("there is no attribute %q", label), "attributes are "+strings.Join(metric.Attributes, ", "))
			}
			if !decoders.MatchString(metric.Decode[label]) {
				k.failf(at, "%q is not a decoder", metric.Decode[label])
			}
		}
		k.shape(key, m, metric)
		if metric.Sum != "" {
			if other, twice := sums[metric.Sum]; twice {
				k.failf(join(key, "sum"), "%s is the sum of %s already", metric.Sum, other)
			}
			sums[metric.Sum] = m
		}
	}
}

// shape checks the keys that only some types of metrics have.
func (k *check) shape(key, name string, m Metric) {
	if s := m.ValueScale; s < 0 || math.IsNaN(s) || math.IsInf(s, 0) || s == 0 && k.given(join(key, "value_scale")) {
		k.failf(join(key, "value_scale"), "must be a number above 0, got %v", s)
	}
	if m.Sum != "" && (!mapName.MatchString(m.Sum) || m.Sum == name) {
		k.failf(join(key, "sum"), "%q is not the name of another map", m.Sum)
	}
	if m.Type != "" && m.Type != "histogram" {
		for _, hist := range []struct{ key, value string }{{"buckets", m.Buckets}, {"sum", m.Sum}} {
			if hist.value != "" {
				k.failf(join(key, hist.key), "a %s has none, only a histogram", m.Type)
			}
		}
	}
	if m.Drop {
		for _, other := range []string{"name", "unit", "description", "attributes", "type", "buckets", "value_scale", "sum", "decode"} {
			if k.given(join(key, other)) {
				k.fail(join(key, other), "drop exports nothing of this map", "remove one of both")
				return
			}
		}
	}
}

func (k *check) unit(key, unit string) {
	if len(unit) > 63 {
		k.fail(key, "a unit has at most 63 characters", "")
	}
	for _, r := range unit {
		if r <= ' ' || r > '~' {
			k.fail(key, fmt.Sprintf("%q is not a unit", unit), "UCUM: us, ms, s, By, %, {call}")
			return
		}
	}
}

// span wants enough to tell when the span began and ended.
func (k *check) span(path string, s *Span) {
	if _, err := s.NameParts(); err != nil {
		k.fail(join(path, "name"), err.Error(), "a field of the printf is written {{.path}}, or {{1}}")
	}
	fields := map[string]Field{"start": s.Start, "end": s.End, "duration": s.Duration, "trace_parent": s.TraceParent}
	for i, f := range s.Key {
		fields[fmt.Sprintf("key[%d]", i)] = f
	}
	for name, f := range s.Attributes {
		fields[join("attributes", name)] = f
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fields[name]
		if n, ok := f.Index(); ok && n < 1 {
			k.failf(path+"."+name, "fields count from 1, got %d", n)
		} else if f == "" && k.given(path+"."+name) {
			k.fail(path+"."+name, "must not be empty", "")
		}
	}
	pair := !s.EndPrintf.IsZero()
	switch {
	case pair && s.EndPrintf == s.Printf:
		k.fail(join(path, "end_printf"), "is the same printf", "")
	case pair && (s.Start == "" || s.End == ""):
		k.fail(path, "start and end are missing: which field of printf is the start, and which of end_printf the end", "")
	case pair && len(s.Key) == 0:
		k.fail(path, "key is missing: which fields tell that an end belongs to a start", "")
	case pair && s.Duration != "":
		k.fail(join(path, "duration"), "is what lies between printf and end_printf", "remove it")
	case !pair && (len(s.Key) > 0 || k.given(join(path, "timeout"))):
		k.fail(path, "key and timeout are for a start and an end that are printed apart: end_printf is missing", "")
	case !pair:
		k.oneSpan(path, s)
	}
	if s.Unit != "" && s.Duration == "" {
		k.fail(join(path, "unit"), "there is no duration whose unit it is", "start and end have time_unit")
	}
}

func (k *check) oneSpan(path string, s *Span) {
	given := 0
	for _, f := range []Field{s.Start, s.End, s.Duration} {
		if f != "" {
			given++
		}
	}
	switch {
	case given < 2:
		k.fail(path, "a span wants two of start, end and duration", "end_printf takes the end from another printf")
	case given > 2:
		k.fail(join(path, "duration"), "start and end tell the duration", "keep two of the three")
	}
}
