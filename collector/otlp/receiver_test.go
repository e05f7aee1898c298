package otlp

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collogpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logpb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// receiver is an OTLP collector that keeps what it gets.
type receiver struct {
	mu      sync.Mutex
	metrics []*metricpb.ResourceMetrics
	spans   []*tracepb.Span
	logs    []*logpb.LogRecord
	largest int
	calls   int
	// fail, if set, answers a request instead.
	fail func(call int) error
}

func (r *receiver) take(m proto.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.fail != nil {
		if err := r.fail(r.calls); err != nil {
			return err
		}
	}
	r.largest = max(r.largest, proto.Size(m))
	switch m := m.(type) {
	case *colmetricpb.ExportMetricsServiceRequest:
		r.metrics = append(r.metrics, m.ResourceMetrics...)
	case *coltracepb.ExportTraceServiceRequest:
		for _, rs := range m.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				r.spans = append(r.spans, ss.Spans...)
			}
		}
	case *collogpb.ExportLogsServiceRequest:
		for _, rl := range m.ResourceLogs {
			for _, sl := range rl.ScopeLogs {
				r.logs = append(r.logs, sl.LogRecords...)
			}
		}
	}
	return nil
}

type metricService struct {
	colmetricpb.UnimplementedMetricsServiceServer
	r *receiver
}

func (s metricService) Export(_ context.Context, m *colmetricpb.ExportMetricsServiceRequest) (*colmetricpb.ExportMetricsServiceResponse, error) {
	return &colmetricpb.ExportMetricsServiceResponse{}, s.r.take(m)
}

type traceService struct {
	coltracepb.UnimplementedTraceServiceServer
	r *receiver
}

func (s traceService) Export(_ context.Context, m *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	return &coltracepb.ExportTraceServiceResponse{}, s.r.take(m)
}

type logService struct {
	collogpb.UnimplementedLogsServiceServer
	r *receiver
}

func (s logService) Export(_ context.Context, m *collogpb.ExportLogsServiceRequest) (*collogpb.ExportLogsServiceResponse, error) {
	return &collogpb.ExportLogsServiceResponse{}, s.r.take(m)
}

// serveGRPC serves r at addr ("" is any port) until the test ends or stop is
// called.
func serveGRPC(t testing.TB, r *receiver, addr string) (url string, stop func()) {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	colmetricpb.RegisterMetricsServiceServer(s, metricService{r: r})
	coltracepb.RegisterTraceServiceServer(s, traceService{r: r})
	collogpb.RegisterLogsServiceServer(s, logService{r: r})
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(ln)
	}()
	stop = sync.OnceFunc(func() {
		s.Stop()
		<-done
	})
	t.Cleanup(stop)
	return "http://" + ln.Addr().String(), stop
}

// serveHTTP serves r over http/protobuf.
func serveHTTP(t testing.TB, r *receiver) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body := io.Reader(req.Body)
		if req.Header.Get("Content-Encoding") == "gzip" {
			gz, err := gzip.NewReader(req.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			body = gz
		}
		raw, _ := io.ReadAll(body)
		var m proto.Message
		switch req.URL.Path {
		case "/v1/metrics":
			m = &colmetricpb.ExportMetricsServiceRequest{}
		case "/v1/traces":
			m = &coltracepb.ExportTraceServiceRequest{}
		case "/v1/logs":
			m = &collogpb.ExportLogsServiceRequest{}
		}
		if m == nil || proto.Unmarshal(raw, m) != nil {
			http.Error(w, "not OTLP", http.StatusBadRequest)
			return
		}
		if r.take(m) != nil {
			http.Error(w, "busy", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

var errAway = status.Error(codes.Unavailable, "away")

// points gives all points of a metric that were received, as text, in order.
func (r *receiver) points(name string) (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range r.metrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if m.Name == name {
					out = append(out, metricText(m)...)
				}
			}
		}
	}
	return out
}

// times gives the times of all points of a gauge that were received, in order.
func (r *receiver) times(name string) (out []uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range r.metrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if m.Name != name {
					continue
				}
				for _, p := range m.GetGauge().GetDataPoints() {
					out = append(out, p.TimeUnixNano)
				}
			}
		}
	}
	return out
}

// clear forgets the metrics received.
func (r *receiver) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.metrics = nil
}

// names gives the names of the metrics received.
func (r *receiver) names() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range r.metrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if !slices.Contains(out, m.Name) {
					out = append(out, m.Name)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func metricText(m *metricpb.Metric) (out []string) {
	number := func(kind string, ps []*metricpb.NumberDataPoint) {
		for _, p := range ps {
			v := fmt.Sprint(p.GetAsInt())
			if d, ok := p.Value.(*metricpb.NumberDataPoint_AsDouble); ok {
				v = fmt.Sprintf("%v (double)", d.AsDouble)
			}
			out = append(out, fmt.Sprintf("%s{%s} %s", kind, keyValues(p.Attributes), v))
		}
	}
	switch d := m.Data.(type) {
	case *metricpb.Metric_Gauge:
		number("gauge", d.Gauge.DataPoints)
	case *metricpb.Metric_Sum:
		kind := "sum"
		if d.Sum.IsMonotonic {
			kind = "counter"
		}
		if d.Sum.AggregationTemporality != metricpb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
			kind += " not cumulative"
		}
		number(kind, d.Sum.DataPoints)
	case *metricpb.Metric_ExponentialHistogram:
		for _, p := range d.ExponentialHistogram.DataPoints {
			out = append(out, fmt.Sprintf("exponential{%s} count=%d", keyValues(p.Attributes), p.Count))
		}
	case *metricpb.Metric_Histogram:
		for _, p := range d.Histogram.DataPoints {
			sum := "none"
			if p.Sum != nil {
				sum = fmt.Sprint(*p.Sum)
			}
			var bars []string
			for i, n := range p.BucketCounts {
				if n == 0 {
					continue
				}
				low, high := math.Inf(-1), math.Inf(1)
				if i > 0 {
					low = p.ExplicitBounds[i-1]
				}
				if i < len(p.ExplicitBounds) {
					high = p.ExplicitBounds[i]
				}
				bars = append(bars, fmt.Sprintf("(%v,%v]=%d", low, high, n))
			}
			out = append(out, fmt.Sprintf("histogram{%s} count=%d sum=%s %s", keyValues(p.Attributes), p.Count, sum, strings.Join(bars, " ")))
		}
	}
	return out
}

func keyValues(kvs []*commonpb.KeyValue) string {
	var out []string
	for _, kv := range kvs {
		out = append(out, kv.Key+"="+anyValue(kv.Value))
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

func anyValue(v *commonpb.AnyValue) string {
	switch x := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return x.StringValue
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(x.IntValue)
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprint(x.BoolValue)
	}
	return fmt.Sprint(v)
}

// hangGuard is longer than anything takes.
const hangGuard = 60 * time.Second

func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hangGuard); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for: %s", hangGuard, what)
		}
	}
}
