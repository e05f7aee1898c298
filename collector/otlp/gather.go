package otlp

import "go.opentelemetry.io/otel/sdk/metric/metricdata"

// gather joins metrics of one name, unit and kind.
type gather struct {
	metrics []metricdata.Metrics
	at      map[gatherKey]int
}

type gatherKey struct{ name, unit, kind string }

func (g *gather) add(ms []metricdata.Metrics) {
	if g.at == nil {
		g.at = map[gatherKey]int{}
	}
	for _, m := range ms {
		key := gatherKey{m.Name, m.Unit, kindOf(m.Data)}
		i, ok := g.at[key]
		if !ok {
			g.at[key] = len(g.metrics)
			g.metrics = append(g.metrics, m)
			continue
		}
		g.metrics[i].Data = join(g.metrics[i].Data, m.Data)
	}
}

func kindOf(a metricdata.Aggregation) string {
	switch d := a.(type) {
	case metricdata.Sum[int64]:
		if d.IsMonotonic {
			return "counter int"
		}
		return "sum int"
	case metricdata.Sum[float64]:
		if d.IsMonotonic {
			return "counter float"
		}
		return "sum float"
	case metricdata.Gauge[int64]:
		return "gauge int"
	case metricdata.Gauge[float64]:
		return "gauge float"
	case metricdata.Histogram[float64]:
		return "histogram"
	case metricdata.ExponentialHistogram[float64]:
		return "exponential histogram"
	}
	return "" // none that runs give
}

// join appends the points of b to those of a, which is of the same kind.
func join(a, b metricdata.Aggregation) metricdata.Aggregation {
	switch x := a.(type) {
	case metricdata.Sum[int64]:
		x.DataPoints = append(x.DataPoints, b.(metricdata.Sum[int64]).DataPoints...)
		return x
	case metricdata.Sum[float64]:
		x.DataPoints = append(x.DataPoints, b.(metricdata.Sum[float64]).DataPoints...)
		return x
	case metricdata.Gauge[int64]:
		x.DataPoints = append(x.DataPoints, b.(metricdata.Gauge[int64]).DataPoints...)
		return x
	case metricdata.Gauge[float64]:
		x.DataPoints = append(x.DataPoints, b.(metricdata.Gauge[float64]).DataPoints...)
		return x
	case metricdata.Histogram[float64]:
		x.DataPoints = append(x.DataPoints, b.(metricdata.Histogram[float64]).DataPoints...)
		return x
	case metricdata.ExponentialHistogram[float64]:
		x.DataPoints = append(x.DataPoints, b.(metricdata.ExponentialHistogram[float64]).DataPoints...)
		return x
	}
	return a
}
