package otlp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/parser"
)

// What a printed traceparent says decides whose child a span is, and whether
// it is exported; each of them is counted once.
func TestTraceParents(t *testing.T) {
	const ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
	for printed, want := range map[string]struct {
		exported, child       bool
		unsampled, unparented int64
	}{
		"00-" + ids + "-01":                     {exported: true, child: true},
		"00-" + ids + "-00":                     {unsampled: 1},
		"":                                      {exported: true},
		"none":                                  {exported: true, unparented: 1},
		"00-" + ids:                             {exported: true, unparented: 1},
		"ff-" + ids + "-01":                     {exported: true, unparented: 1},
		"00-" + strings.Repeat("0", 49) + "-01": {exported: true, unparented: 1},
		"00-" + strings.ToUpper(ids) + "-01":    {exported: true, unparented: 1},
		"00-" + ids + "-01" + strings.Repeat("a", 20): {exported: true, unparented: 1},
	} {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		e := newTestExporter(t, url, func(c *Config) {
			c.Probes = map[string]Probe{"p": {Spans: []Span{{Printf: Output{Index: 1}, Name: "op", Start: "1", Duration: "2", TraceParent: "3"}}}}
		})
		endedAs(e, collector.Script{Source: `BEGIN { printf("%llu %llu at %s\n", nsecs, nsecs, str(arg0)); }`, Probe: "p", Timeout: time.Minute},
			collector.Result{Status: collector.StatusCompleted},
			parser.Record{Type: parser.TypePrintf, Text: fmt.Sprintf("1000000 2000 at %s\n", printed)})
		flush(t, e)
		exported, child := int64(0), false
		rec.mu.Lock()
		for _, s := range rec.spans {
			if s.Name == "op" {
				exported++
				child = fmt.Sprintf("%x-%x", s.TraceId, s.ParentSpanId) == ids
			}
		}
		rec.mu.Unlock()
		t.Run(printed, func(t *testing.T) {
			if exported == 1 != want.exported || child != want.child {
				t.Errorf("%d exported, as its child: %v", exported, child)
			}
			both(t, e, rec, "tracecar.spans.events", "", "", exported)
			both(t, e, rec, "tracecar.spans.unsampled", "", "", want.unsampled)
			both(t, e, rec, "tracecar.spans.unparented", "", "", want.unparented)
			both(t, e, rec, "tracecar.spans.unreadable", "", "", 0)
		})
	}
}
