package otlp

import (
	"strings"

	"tracecar/collector"
)

// adHoc is the name space of metrics of runs that no scheduled probe made.
const adHoc = "bpftrace"

// metricName infers a metric's name: the probe's and the map's, joined by a
// dot. Names of probes hold no underscores and those of maps no dots, so that
// different pairs give different names. The anonymous map is named like its
// probe.
func metricName(probe, mapName string) string {
	prefix := adHoc
	if probe != "" {
		prefix = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return '_'
		}, probe)
		if c := prefix[0]; c >= '0' && c <= '9' || c == '_' {
			prefix = "probe_" + prefix // a metric's name begins with a letter
		}
	}
	name := strings.TrimPrefix(mapName, "@")
	switch {
	case name != "":
		return prefix + "." + name
	case probe != "":
		return prefix
	}
	return prefix + ".map"
}

// unitOf infers a unit from the last word of a map's name, as scripts name
// their maps: @usecs, @lat_us, @bytes. "" where it does not say. Counts have
// the unit of what is counted, which no name tells for sure.
func unitOf(mapName, kind string) string {
	if kind == "count" {
		return ""
	}
	name := strings.ToLower(strings.TrimPrefix(mapName, "@"))
	word := name[strings.LastIndexByte(name, '_')+1:]
	switch word {
	case "ns", "nsec", "nsecs", "nanoseconds", "nanosecs":
		return "ns"
	case "us", "usec", "usecs", "microseconds", "microsecs":
		return "us"
	case "ms", "msec", "msecs", "milliseconds", "millisecs":
		return "ms"
	case "secs", "seconds":
		return "s"
	case "bytes":
		return "By"
	case "kb", "kib", "kbytes":
		return "KiBy"
	case "mb", "mib":
		return "MiBy"
	}
	return ""
}

// describe says what a metric is where nobody did.
func describe(m *collector.Map) string {
	over := ""
	if len(m.Keys) > 0 {
		over = " by " + strings.Join(m.Keys, ", ")
	}
	kind := m.Kind
	switch kind {
	case "value", "unknown":
		return "Value of " + m.Name + over
	default:
		return m.Name + ", " + kind + "()" + over
	}
}
