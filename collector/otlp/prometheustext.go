package otlp

import (
	"bufio"
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// textWriter writes families, each with one line a sample.
type textWriter struct {
	b     *bufio.Writer
	open  bool            // OpenMetrics
	dated map[string]bool // probes whose samples bear their time
}

func (w *textWriter) head(f *family) {
	name := f.name
	if f.kind == "counter" && !w.open {
		name += "_total"
	}
	help := f.help
	if w.open {
		help = escapeLabel.Replace(help)
	} else {
		help = escapeHelp.Replace(help)
	}
	if help != "" {
		w.line("# HELP ", name, " ", help)
	}
	w.line("# TYPE ", name, " ", f.kind)
	if w.open && f.unit != "" {
		w.line("# UNIT ", name, " ", f.unit)
	}
}

func (w *textWriter) line(parts ...string) {
	for _, p := range parts {
		_, _ = w.b.WriteString(p) // a client that has gone shows at the flush
	}
	_ = w.b.WriteByte('\n')
}

func (w *textWriter) sample(name string, set attribute.Set, value, stamp string) {
	w.line(name, labelsText(set), " ", value, stamp)
}

// stamp is the timestamp of a point as the end of its lines, "" for none.
func (w *textWriter) stamp(set attribute.Set, at time.Time) string {
	if len(w.dated) == 0 {
		return ""
	}
	probe, _ := set.Value(attrProbe)
	switch {
	case !w.dated[probe.AsString()]:
		return ""
	case w.open:
		return " " + unixText(at)
	}
	return " " + strconv.FormatInt(at.UnixMilli(), 10)
}

// unixText is a time as OpenMetrics writes it.
func unixText(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', 3, 64) }

func (w *textWriter) family(f *family) {
	w.head(f)
	name := f.name
	if f.kind == "counter" {
		name += "_total"
	}
	for _, m := range f.metrics {
		switch d := m.Data.(type) {
		case metricdata.Sum[int64]:
			numbers(w, f, name, d.DataPoints, d.IsMonotonic)
		case metricdata.Sum[float64]:
			numbers(w, f, name, d.DataPoints, d.IsMonotonic)
		case metricdata.Gauge[int64]:
			numbers(w, f, name, newest(d.DataPoints), false)
		case metricdata.Gauge[float64]:
			numbers(w, f, name, newest(d.DataPoints), false)
		case metricdata.Histogram[int64]:
			histograms(w, f, d.DataPoints)
		case metricdata.Histogram[float64]:
			histograms(w, f, d.DataPoints)
		}
	}
}

func numbers[N int64 | float64](w *textWriter, f *family, name string, ps []metricdata.DataPoint[N], created bool) {
	for i := range ps {
		p := &ps[i]
		stamp := w.stamp(p.Attributes, p.Time)
		w.sample(name, p.Attributes, numberText(p.Value), stamp)
		if created {
			w.created(f, p.Attributes, p.StartTime, stamp)
		}
	}
}

func (w *textWriter) created(f *family, set attribute.Set, start time.Time, stamp string) {
	if w.open && !start.IsZero() {
		w.sample(f.name+"_created", set, unixText(start), stamp)
	}
}

// newest keeps the last point of each series: only those of a tseries() have
// more than one.
func newest[N int64 | float64](ps []metricdata.DataPoint[N]) []metricdata.DataPoint[N] {
	at := make(map[attribute.Distinct]int, len(ps))
	out := ps[:0:0]
	for _, p := range ps {
		d := p.Attributes.Equivalent()
		if i, ok := at[d]; ok {
			if p.Time.After(out[i].Time) {
				out[i] = p
			}
			continue
		}
		at[d] = len(out)
		out = append(out, p)
	}
	return out
}

func histograms[N int64 | float64](w *textWriter, f *family, ps []metricdata.HistogramDataPoint[N]) {
	for i := range ps {
		p := &ps[i]
		var below uint64
		stamp := w.stamp(p.Attributes, p.Time)
		bucket := f.name + "_bucket{" // the labels are the same for all of a point's lines
		if labels := labelsText(p.Attributes); labels != "" {
			bucket = f.name + "_bucket" + labels[:len(labels)-1] + ","
		}
		for j, bound := range p.Bounds {
			below += p.BucketCounts[j]
			w.line(bucket, `le="`, boundText(bound, w.open), `"} `, strconv.FormatUint(below, 10), stamp)
		}
		w.line(bucket, `le="+Inf"} `, strconv.FormatUint(p.Count, 10), stamp)
		if sum := float64(p.Sum); !math.IsNaN(sum) {
			w.sample(f.name+"_sum", p.Attributes, numberText(p.Sum), stamp)
		}
		w.sample(f.name+"_count", p.Attributes, strconv.FormatUint(p.Count, 10), stamp)
		w.created(f, p.Attributes, p.StartTime, stamp)
	}
}

// boundText writes a bound; in OpenMetrics that has a point or an exponent.
func boundText(v float64, open bool) string {
	s := numberText(v)
	if !open {
		return s
	}
	for i := range len(s) {
		if s[i] == '.' || s[i] == 'e' {
			return s
		}
	}
	return s + ".0"
}

func numberText[N int64 | float64](v N) string {
	switch x := any(v).(type) {
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		switch {
		case math.IsInf(x, 1):
			return "+Inf"
		case math.IsInf(x, -1):
			return "-Inf"
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return ""
}
