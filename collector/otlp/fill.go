package otlp

import (
	"maps"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// fills are the metrics of how full the maps of a scheduled probe's run were
// when they were read, also of maps that are no metrics; mu is held. There are
// two points for each map of the script that has keys or buckets.
func (r *runState) fills() []metricdata.Metrics {
	if r.info.Script.Probe == "" {
		return nil
	}
	b := selfBuilder{now: r.looked}
	for _, name := range slices.Sorted(maps.Keys(r.fill)) {
		of := append(r.base[:len(r.base):len(r.base)], attribute.String(attrMap, text(name)))
		b.gauge("tracecar.map.usage", "{entry}", "Entries in a map of a scheduled probe: keys, or buckets of keys", int64(r.fill[name].Entries), of...)
		b.gauge("tracecar.map.limit", "{entry}", "Entries that a map of a scheduled probe has place for: what comes on top is not counted", int64(r.fill[name].Capacity), of...)
	}
	return b.out.metrics
}
