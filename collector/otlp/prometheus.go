package otlp

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// PrometheusHandler serves what OTLP would get, as OpenMetrics where asked
// for and else in Prometheus's text format. Names are those that Prometheus
// gives to the same metrics when it gets them over OTLP: dots become
// underscores, units and _total are added.
//
// Samples have no timestamp, and so that of the scrape, but for those of a
// probe with an interval of its own: they have the time its maps were read.
//
// A histogram whose sum nobody knows has no _sum line. Of a tseries() the
// newest closed interval is shown. Exponential histograms have no text form:
// their maps have bpftrace's own bounds here.
func (e *Exporter) PrometheusHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var rm metricdata.ResourceMetrics
		if err := e.scrape(req.Context(), &rm); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		open := wantsOpenMetrics(req.Header)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		if open {
			w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
		}
		out := io.Writer(w)
		if wantsGzip(req.Header) {
			w.Header().Set("Content-Encoding", "gzip")
			gz := gzip.NewWriter(w)
			defer gz.Close()
			out = gz
		}
		b := bufio.NewWriterSize(out, 64<<10)
		defer b.Flush()
		page := textWriter{b: b, open: open, dated: e.dated()}
		page.all(&rm)
	})
}

// dated names the probes that are read at an interval of their own.
func (e *Exporter) dated() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	probes := map[string]bool{}
	for _, r := range e.runs {
		if r.interval() > 0 {
			probes[text(r.info.Script.Probe)] = true
		}
	}
	return probes
}

func (e *Exporter) scrape(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	e.scraping.Lock()
	defer e.scraping.Unlock()
	return e.scrapes.Collect(ctx, rm)
}

// family is all that has one name in Prometheus.
type family struct {
	name, kind, help, unit string
	metrics                []*metricdata.Metrics
}

// all writes all metrics.
func (w *textWriter) all(rm *metricdata.ResourceMetrics) {
	w.head(&family{name: "target_info", kind: "gauge", help: "Target metadata"})
	w.sample("target_info", *rm.Resource.Set(), "1", "")
	var families []*family
	byName := map[string]*family{}
	for i := range rm.ScopeMetrics {
		for j := range rm.ScopeMetrics[i].Metrics {
			m := &rm.ScopeMetrics[i].Metrics[j]
			kind := textKind(m.Data)
			if kind == "" {
				continue
			}
			name := textName(m.Name, m.Unit, kind)
			f := byName[name]
			if f == nil {
				f = &family{name: name, kind: kind, help: m.Description, unit: unitSuffix(m.Unit)}
				byName[name] = f
				families = append(families, f)
			}
			if f.kind == kind { // claim has seen to it that they do not differ
				f.metrics = append(f.metrics, m)
			}
		}
	}
	slices.SortFunc(families, func(x, y *family) int { return strings.Compare(x.name, y.name) })
	for _, f := range families {
		w.family(f)
	}
	if w.open {
		w.line("# EOF")
	}
}

func textKind(a metricdata.Aggregation) string {
	switch d := a.(type) {
	case metricdata.Sum[int64]:
		if d.IsMonotonic {
			return "counter"
		}
		return "gauge"
	case metricdata.Sum[float64]:
		if d.IsMonotonic {
			return "counter"
		}
		return "gauge"
	case metricdata.Gauge[int64], metricdata.Gauge[float64]:
		return "gauge"
	case metricdata.Histogram[int64], metricdata.Histogram[float64]:
		return "histogram"
	}
	return ""
}

// textName is the family's name: for a counter without its _total in
// OpenMetrics, with it in the older format; head sees to that.
func textName(name, unit, kind string) string {
	var b strings.Builder
	under := false // one underscore for any number of other characters
	for i, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == ':', r >= '0' && r <= '9' && i > 0:
			b.WriteRune(r)
			under = false
		case !under:
			b.WriteByte('_')
			under = true
		}
	}
	out := strings.Trim(b.String(), "_")
	if kind == "counter" {
		out = strings.TrimSuffix(out, "_total")
	}
	if s := unitSuffix(unit); s != "" && !strings.HasSuffix(out, "_"+s) && out != s {
		out += "_" + s
	}
	if unit == "1" && kind == "gauge" && !strings.HasSuffix(out, "_ratio") {
		out += "_ratio"
	}
	return out
}

// unitSuffix is what Prometheus makes of a UCUM unit, for those that metrics
// of tracecar have; annotations in braces give none.
func unitSuffix(unit string) string {
	names := map[string]string{
		"d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
		"By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes", "KBy": "kilobytes", "MBy": "megabytes",
		"m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams",
		"Cel": "celsius", "Hz": "hertz", "%": "percent",
	}
	per := map[string]string{"s": "second", "m": "minute", "h": "hour", "d": "day"}
	if i := strings.IndexByte(unit, '{'); i >= 0 {
		return ""
	}
	if top, under, ok := strings.Cut(unit, "/"); ok && per[under] != "" {
		return strings.TrimPrefix(names[top]+"_per_"+per[under], "_")
	}
	if s, ok := names[unit]; ok || unit == "1" {
		return s
	}
	return strings.Trim(labelText(unit), "_")
}

// labelText is a name as Prometheus allows it for labels.
func labelText(name string) string {
	ok := func(c byte, first bool) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= '0' && c <= '9' && !first
	}
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case ok(c, i == 0):
			b.WriteByte(c)
		case i == 0 && ok(c, false):
			b.WriteString("key_")
			b.WriteByte(c)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

// labelsText writes a set. Two names that become one have their values joined,
// as over OTLP.
func labelsText(set attribute.Set) string {
	type label struct{ name, value string }
	labels := make([]label, 0, set.Len())
	for it := set.Iter(); it.Next(); {
		kv := it.Attribute()
		labels = append(labels, label{labelText(string(kv.Key)), kv.Value.String()})
	}
	slices.SortStableFunc(labels, func(a, b label) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i < len(labels); i++ {
		l := labels[i]
		for i+1 < len(labels) && labels[i+1].name == l.name {
			i++
			l.value += ";" + labels[i].value
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(l.name)
		b.WriteString(`="`)
		b.WriteString(escapeLabel.Replace(l.value))
		b.WriteByte('"')
	}
	if b.Len() == 1 {
		return ""
	}
	b.WriteByte('}')
	return b.String()
}

var (
	escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
)
