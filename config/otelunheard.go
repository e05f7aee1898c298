package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// samplers are those of OTEL_TRACES_SAMPLER that the SDK has.
var samplers = []string{
	"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
}

// Unheard tells which standard variables of OpenTelemetry were set when the
// Config was loaded and change nothing, or not all that they say: none is a
// mistake, as other programs may have them too. The spans' sampler is left to
// the SDK, which honours OTEL_TRACES_SAMPLER.
func (c *Config) Unheard() Errors {
	vars := lookup(c.src.env)
	var out Errors
	say := func(name, message, hint string) {
		out = append(out, &Error{Position: Position{File: "$" + name}, Message: message, Hint: hint})
	}
	value := func(name string) string { return strings.TrimSpace(vars[name]) }
	if strings.EqualFold(value("OTEL_SDK_DISABLED"), "true") {
		return nil
	}
	for _, queue := range []struct{ prefix, what string }{{"OTEL_BSP_", "spans"}, {"OTEL_BLRP_", "log records"}} {
		for _, name := range []string{"SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE"} {
			if value(queue.prefix+name) == "" {
				continue
			}
			hint := ""
			if name == "EXPORT_TIMEOUT" {
				hint = "otlp.timeout bounds one export"
			}
			say(queue.prefix+name, "is not honoured: tracecar queues "+queue.what+" its own way", hint)
		}
	}
	if value("OTEL_METRIC_EXPORT_TIMEOUT") != "" {
		say("OTEL_METRIC_EXPORT_TIMEOUT", "is not honoured", "otlp.timeout bounds one export")
	}
	const metrics = "OTEL_EXPORTER_OTLP_METRICS_"
	if v := value(metrics + "TEMPORALITY_PREFERENCE"); v != "" && !strings.EqualFold(v, "cumulative") {
		say(metrics+"TEMPORALITY_PREFERENCE", fmt.Sprintf("%q is not honoured: metrics are cumulative", v), "a collector makes deltas: its processor is cumulativetodelta")
	}
	if v := value(metrics + "DEFAULT_HISTOGRAM_AGGREGATION"); v != "" && !strings.EqualFold(v, "explicit_bucket_histogram") {
		say(metrics+"DEFAULT_HISTOGRAM_AGGREGATION", fmt.Sprintf("%q is not honoured for maps", v), "buckets: exponential of a map is")
	}
	sampler := strings.ToLower(value("OTEL_TRACES_SAMPLER"))
	if sampler != "" && !slices.Contains(samplers, sampler) {
		hint := "want one of " + strings.Join(samplers, ", ")
		if near := nearest(sampler, samplers); near != "" {
			hint = "did you mean " + near + "?"
		}
		say("OTEL_TRACES_SAMPLER", fmt.Sprintf("%q is not known: spans are sampled by parentbased_always_on", sampler), hint)
	}
	if arg := value("OTEL_TRACES_SAMPLER_ARG"); arg != "" && strings.HasSuffix(sampler, "traceidratio") {
		if ratio, err := strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			say("OTEL_TRACES_SAMPLER_ARG", fmt.Sprintf("%q is not honoured", arg), "want a number from 0 to 1")
		}
	}
	return out
}
