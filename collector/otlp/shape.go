package otlp

import (
	"strconv"
	"strings"
	"time"

	"tracecar/collector"
	"tracecar/parser"
	"tracecar/parser/script"
)

// shape is the kind of metric that a map becomes.
type shape uint8

const (
	shapeNone    shape = iota
	shapeCounter       // cumulative monotonic Sum
	shapeUpDown        // cumulative Sum
	shapeGauge
	shapeHistogram // of hist(), lhist()
	shapeStats     // Histogram with count and sum
	shapeSeries    // Gauge points at their own times, of tseries()
)

// shapeOf is the table of the package's doc.
func shapeOf(m *collector.Map, sm *script.Map, declared string) shape {
	switch script.MapKind(m.Kind) {
	case script.KindHist, script.KindLhist:
		return shapeHistogram
	case script.KindStats:
		return shapeStats
	case script.KindTSeries:
		return shapeSeries
	case script.KindUnknown:
		if len(m.Rows) > 0 {
			switch m.Rows[0].Value.Kind() {
			case parser.KindBuckets:
				return shapeHistogram
			case parser.KindStats:
				return shapeStats
			case parser.KindPoints:
				return shapeSeries
			}
		}
	}
	switch declared {
	case "counter":
		return shapeCounter
	case "updowncounter":
		return shapeUpDown
	case "gauge":
		return shapeGauge
	}
	switch script.MapKind(m.Kind) {
	case script.KindCount:
		return shapeCounter
	case script.KindSum:
		if sm != nil && sm.Value.Kind == script.TypeInt && sm.Value.Bits > 0 && !sm.Value.Signed {
			return shapeCounter
		}
		return shapeUpDown
	}
	return shapeGauge
}

func stackKeyed(m *collector.Map, sm *script.Map) bool {
	if sm != nil {
		for _, k := range sm.Keys {
			if k.Type.Kind == script.TypeKernelStack || k.Type.Kind == script.TypeUserStack {
				return true
			}
		}
	}
	for _, r := range m.Rows {
		for _, p := range r.Key {
			if p.Kind() == parser.KindFrames {
				return true
			}
		}
	}
	return false
}

// seriesInterval reads the interval of tseries(x, 10s, 60): a literal with a
// unit, or of nanoseconds.
func seriesInterval(sm *script.Map) (d time.Duration) {
	if sm == nil {
		return 0
	}
	for _, a := range sm.Assigns {
		if len(a.Args) < 2 {
			return 0
		}
		one, err := time.ParseDuration(a.Args[1])
		if n, bare := strconv.ParseInt(a.Args[1], 0, 64); bare == nil {
			one, err = time.Duration(n), nil
		}
		if err != nil || d != 0 && one != d {
			return 0
		}
		d = one
	}
	return d
}

// Why a map or a row is not exported.
const (
	leftDropped = "dropped" // as declared
	leftStack   = "stack"   // keyed by a stack: a flame graph, not series
	leftName    = "name"    // each name for it is another metric's
	leftScratch = "scratch" // values that the script itself takes away again, like start times
)

// isScratch tells whether the script takes values out of a map again, as it
// does with start times.
func isScratch(parsed *script.Script, name string) bool {
	if parsed == nil {
		return false
	}
	for _, c := range parsed.Calls {
		if (c.Name == "delete" || c.Name == "clear") && len(c.Args) > 0 {
			arg, _, _ := strings.Cut(c.Args[0], "[")
			if strings.TrimSpace(arg) == name {
				return true
			}
		}
	}
	return false
}
