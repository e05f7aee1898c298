package otlp

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

// BenchmarkExport100k is one export of 100,000 series over http/protobuf, the
// receiver throwing away what it gets; bytes and CPU are of one export.
func BenchmarkExport100k(b *testing.B) {
	var got atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		n, _ := io.Copy(io.Discard, req.Body)
		got.Add(n)
	}))
	b.Cleanup(s.Close)
	e := newTestExporter(b, "", func(c *Config) {
		c.Metrics, c.Traces, c.Logs = Target{URL: s.URL + "/v1/metrics", Protocol: HTTPProtobuf}, Target{}, Target{}
		c.MaxSeries, c.Timeout = 1<<20, time.Minute
	})
	m := countMap(100_000)
	cpu := func() time.Duration {
		var u syscall.Rusage
		if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
			return 0
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := cpu()
	for b.Loop() {
		ended(e, collector.Script{Source: countScript, Probe: "p"}, m)
		if err := e.Flush(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu()-before).Milliseconds())/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(got.Load())/float64(b.N), "sent-B/op")
}
