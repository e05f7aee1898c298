package otlp

import (
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tracecar/collector"
	"tracecar/parser"
	"tracecar/parser/script"
)

// BenchmarkCollect100k is one collection of 100,000 series, from rows to
// metricdata.
func BenchmarkCollect100k(b *testing.B) {
	parsed := script.Parse("tracepoint:a:b { @c[pid, comm] = count(); }")
	m := &collector.Map{Name: "@c", Kind: "count", Keys: []string{"pid", "comm"}}
	for i := range 100_000 {
		m.Rows = append(m.Rows, collector.Row{Key: []parser.Value{parser.Int(int64(i)), parser.Text("worker")}, Value: parser.Int(int64(i))})
	}
	mm := newMapMetric("p", base, m, &parsed.Maps[0], false, nil, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		mm.update(m, nil, at(0), at(5), true)
		if n := len(mm.metrics()[0].Data.(metricdata.Sum[int64]).DataPoints); n != len(m.Rows) {
			b.Fatal(n)
		}
	}
}
