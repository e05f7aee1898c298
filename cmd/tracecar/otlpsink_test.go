//go:build !light

package main

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	colmetricpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// otlpSink is an OTLP collector over gRPC that counts and throws away. As
// others do, it refuses messages beyond 4 MiB.
type otlpSink struct {
	url     string
	metrics atomic.Pointer[received]
	looks   chan look
}

// received is what came so far, and the newest of what tracecar says of itself.
type received struct {
	bytes, points   int
	snapshotSeconds float64 // on average
	lost            float64
}

// look is the points of one metric that are of one time.
type look struct {
	name   string
	points int
}

func newOTLPSink(tb testing.TB) *otlpSink {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &otlpSink{url: "http://" + ln.Addr().String(), looks: make(chan look, 1<<16)}
	s.metrics.Store(&received{})
	server := grpc.NewServer(grpc.UnknownServiceHandler(s.take))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(ln)
	}()
	tb.Cleanup(func() {
		server.Stop()
		<-done
	})
	return s
}

// take answers any call: whatever a message is, it is a message.
func (s *otlpSink) take(_ any, stream grpc.ServerStream) error {
	var raw emptypb.Empty
	if err := stream.RecvMsg(&raw); err != nil {
		return err
	}
	if method, _ := grpc.MethodFromServerStream(stream); method == colmetricpb.MetricsService_Export_FullMethodName {
		b, err := proto.Marshal(&raw)
		var m colmetricpb.ExportMetricsServiceRequest
		if err == nil {
			err = proto.Unmarshal(b, &m)
		}
		if err != nil {
			return err
		}
		s.count(&m, len(b))
	}
	return stream.SendMsg(&emptypb.Empty{})
}

func (s *otlpSink) count(m *colmetricpb.ExportMetricsServiceRequest, size int) {
	now := *s.metrics.Load()
	now.bytes += size
	var looks []look
	for _, rm := range m.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, metric := range sm.Metrics {
				n := len(metric.GetSum().GetDataPoints()) + len(metric.GetGauge().GetDataPoints()) + len(metric.GetHistogram().GetDataPoints())
				now.points += n
				looks = append(looks, look{metric.Name, n})
				now.self(metric)
			}
		}
	}
	s.metrics.Store(&now)
	for _, l := range looks {
		select {
		case s.looks <- l:
		default:
		}
	}
}

// self takes what tracecar tells of its own doing.
func (r *received) self(m *metricpb.Metric) {
	switch m.Name {
	case "tracecar.snapshot.duration":
		for _, p := range m.GetHistogram().GetDataPoints() {
			if p.Count > 0 {
				r.snapshotSeconds = p.GetSum() / float64(p.Count)
			}
		}
	case "tracecar.export.lost", "tracecar.rows.lost":
		for _, p := range m.GetSum().GetDataPoints() {
			r.lost = max(r.lost, float64(p.GetAsInt()))
		}
	}
}

// next waits for the next n points of a metric; they come in several messages.
func (s *otlpSink) next(tb testing.TB, name string, n int) {
	tb.Helper()
	deadline := time.After(3 * time.Minute)
	for got := 0; got < n; {
		select {
		case l := <-s.looks:
			if l.name == name {
				got += l.points
			}
		case <-deadline:
			tb.Fatalf("%d points of %s came, not %d", got, name, n)
		}
	}
}

// quiet waits until nothing has come for a while, and forgets what did.
func (s *otlpSink) quiet() {
	for {
		select {
		case <-s.looks:
		case <-time.After(3 * time.Second):
			return
		}
	}
}
