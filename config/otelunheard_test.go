package config_test

import (
	"strings"
	"testing"
)

func TestUnheardVariables(t *testing.T) {
	for env, want := range map[string]string{ // one variable a line
		"": "",
		"OTEL_EXPORTER_OTLP_TIMEOUT=1000\nOTEL_BSP_SCHEDULE_DELAY=\nOTEL_BLRP_MAX_QUEUE_SIZE=": "",
		"OTEL_BSP_SCHEDULE_DELAY=1000":                                            "$OTEL_BSP_SCHEDULE_DELAY: is not honoured: tracecar queues spans its own way",
		"OTEL_BLRP_EXPORT_TIMEOUT=1":                                              "$OTEL_BLRP_EXPORT_TIMEOUT: is not honoured: tracecar queues log records its own way (otlp.timeout bounds one export)",
		"OTEL_METRIC_EXPORT_TIMEOUT=1":                                            "$OTEL_METRIC_EXPORT_TIMEOUT: is not honoured (otlp.timeout bounds one export)",
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=Cumulative":            "",
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta":                 `$OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta" is not honoured: metrics are cumulative (a collector makes deltas: its processor is cumulativetodelta)`,
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=base2":          `$OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: "base2" is not honoured for maps (buckets: exponential of a map is)`,
		"OTEL_TRACES_SAMPLER=nonsense":                                            `$OTEL_TRACES_SAMPLER: "nonsense" is not known: spans are sampled by parentbased_always_on (want one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio)`,
		"OTEL_TRACES_SAMPLER=always-on":                                           `$OTEL_TRACES_SAMPLER: "always-on" is not known: spans are sampled by parentbased_always_on (did you mean always_on?)`,
		"OTEL_TRACES_SAMPLER=ALWAYS_OFF\nOTEL_TRACES_SAMPLER_ARG=x":               "",
		"OTEL_TRACES_SAMPLER=traceidratio\nOTEL_TRACES_SAMPLER_ARG=0.5":           "",
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio\nOTEL_TRACES_SAMPLER_ARG=2": `$OTEL_TRACES_SAMPLER_ARG: "2" is not honoured (want a number from 0 to 1)`,
		"OTEL_BSP_SCHEDULE_DELAY=1\nOTEL_SDK_DISABLED=true":                       "",
	} {
		c := load(t, "", strings.Split(env, "\n"), nil)
		if got := c.Unheard().Error(); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", env, got, want)
		}
	}
}
