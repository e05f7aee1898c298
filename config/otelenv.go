package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// openTelemetry reads the standard variables of OpenTelemetry's SDKs into the
// layer below the file. Where a key of otlp is given by the file, a TRACECAR_
// variable or a flag, its variables are not looked at, those for single
// signals included: they would win over it otherwise.
//
// Unheard tells of those that are not read.
//
// Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
// …/configuration/sdk-environment-variables/.
func openTelemetry(env []string, cwd string, at map[string]Position) (map[string]any, Errors) {
	o := otelEnv{
		vars:     lookup(env),
		keys:     settable(),
		explicit: at,
		layer:    overlay{at: map[string]Position{}, base: cwd, tree: map[string]any{}},
	}
	o.exporter("OTEL_EXPORTER_OTLP_", "otlp.")
	o.milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT", "otlp.timeout")
	o.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", "otlp.interval")
	o.copy("OTEL_EXPORTER_OTLP_COMPRESSION", "otlp.compression")
	o.copy("OTEL_EXPORTER_OTLP_CERTIFICATE", "otlp.tls.ca")
	o.copy("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "otlp.tls.cert")
	o.copy("OTEL_EXPORTER_OTLP_CLIENT_KEY", "otlp.tls.key")
	for _, s := range []string{"metrics", "traces", "logs"} {
		prefix := "OTEL_EXPORTER_OTLP_" + strings.ToUpper(s) + "_"
		o.exporter(prefix, "otlp."+s+".")
		for _, name := range []string{"TIMEOUT", "COMPRESSION", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
			if o.vars[prefix+name] != "" {
				o.refuse(prefix+name, "", "is not honoured for one signal alone", "set OTEL_EXPORTER_OTLP_"+name)
			}
		}
		o.exporters(s)
	}
	o.resource()
	for key, pos := range o.layer.at {
		if _, ok := at[key]; !ok {
			at[key] = pos
		}
	}
	return o.layer.tree, o.layer.errs
}

type otelEnv struct {
	vars     map[string]string
	keys     map[string]field
	explicit map[string]Position
	layer    overlay
}

func (o *otelEnv) refuse(name, key, message, hint string) {
	o.layer.errs = append(o.layer.errs, &Error{Position: Position{File: "$" + name}, Key: key, Message: message, Hint: hint})
}

// overridden tells whether a key, or for a signal's key the one of otlp, is
// given elsewhere.
func (o *otelEnv) overridden(key string) bool {
	_, here := o.explicit[key]
	parts := strings.Split(key, ".")
	_, above := o.explicit[parts[0]+"."+parts[len(parts)-1]]
	return here || above && len(parts) == 3 && parts[1] != "tls"
}

func (o *otelEnv) set(name, key string, value any) {
	if !o.overridden(key) {
		o.layer.set(key, o.keys[key], value, "$"+name)
	}
}

func (o *otelEnv) copy(name, key string) {
	if v := strings.TrimSpace(o.vars[name]); v != "" {
		o.set(name, key, v)
	}
}

// milliseconds reads a bare number, as OpenTelemetry has it.
func (o *otelEnv) milliseconds(name, key string) {
	v := strings.TrimSpace(o.vars[name])
	if v == "" || o.overridden(key) {
		return
	}
	d, err := time.ParseDuration(v + "ms")
	if err != nil || d < 0 {
		o.refuse(name, key, fmt.Sprintf("want a number of milliseconds, not %q", v), "")
		return
	}
	o.set(name, key, d)
}

// exporter reads what can be set for all signals and for each.
func (o *otelEnv) exporter(prefix, section string) {
	o.copy(prefix+"PROTOCOL", section+"protocol")
	if v := strings.TrimSpace(o.vars[prefix+"ENDPOINT"]); v != "" {
		// Without a scheme, which only grpc may leave out, INSECURE decides.
		if !strings.Contains(v, "://") {
			scheme := "https://"
			if insecure := o.vars[prefix+"INSECURE"]; strings.EqualFold(insecure, "true") ||
				insecure == "" && strings.EqualFold(o.vars["OTEL_EXPORTER_OTLP_INSECURE"], "true") {
				scheme = "http://"
			}
			v = scheme + v
		}
		o.set(prefix+"ENDPOINT", section+"endpoint", v)
	}
	if v := o.vars[prefix+"HEADERS"]; v != "" {
		o.pairs(prefix+"HEADERS", section+"headers", v)
	}
}

// pairs reads "key=value,key=value", percent-encoded as in W3C baggage.
func (o *otelEnv) pairs(name, key, list string) {
	if key != "resource.attributes" && o.overridden(key) {
		return
	}
	m := map[string]string{}
	for _, item := range strings.Split(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		k, v, ok := strings.Cut(item, "=")
		k, err1 := url.PathUnescape(strings.TrimSpace(k))
		v, err2 := url.PathUnescape(strings.TrimSpace(v))
		if !ok || k == "" || err1 != nil || err2 != nil {
			// The item itself may be a secret.
			o.refuse(name, key, "want key=value,key=value, percent-encoded", "")
			return
		}
		m[k] = v
	}
	o.layer.set(key, o.keys[key], m, "$"+name)
}

// exporters reads OTEL_METRICS_EXPORTER and its like: which way a signal goes.
func (o *otelEnv) exporters(signal string) {
	name := "OTEL_" + strings.ToUpper(signal) + "_EXPORTER"
	v := o.vars[name]
	if strings.EqualFold(strings.TrimSpace(o.vars["OTEL_SDK_DISABLED"]), "true") {
		name, v = "OTEL_SDK_DISABLED", "none"
	}
	if strings.TrimSpace(v) == "" {
		return
	}
	var ways []string
	for _, w := range strings.Split(v, ",") {
		w = strings.TrimSpace(w)
		if w != "otlp" && w != "none" && (w != "prometheus" || signal != "metrics") {
			o.refuse(name, "otlp."+signal+".enabled", fmt.Sprintf("exporter %q is not supported", w), "otlp and none are; for metrics prometheus too")
			return
		}
		ways = append(ways, w)
	}
	o.set(name, "otlp."+signal+".enabled", slices.Contains(ways, "otlp"))
	if slices.Contains(ways, "prometheus") {
		o.set(name, "prometheus.enabled", true)
	}
}

func (o *otelEnv) resource() {
	const key = "resource.attributes"
	if v := o.vars["OTEL_RESOURCE_ATTRIBUTES"]; v != "" {
		o.pairs("OTEL_RESOURCE_ATTRIBUTES", key, v)
	}
	if v := o.vars["OTEL_SERVICE_NAME"]; v != "" {
		attributes := map[string]any{}
		if section, ok := o.layer.tree["resource"].(map[string]any); ok {
			attributes, _ = section["attributes"].(map[string]any)
		}
		attributes["service.name"] = v
		put(o.layer.tree, key, attributes)
		o.layer.at[join(key, "service.name")] = Position{File: "$OTEL_SERVICE_NAME"}
	}
}
