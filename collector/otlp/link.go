package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	colmetricpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// link is the way of one signal to its collector: what the OTLP exporters of
// the SDK send passes here.
type link struct {
	signal string // metrics, traces, logs
	log    *slog.Logger
	gzip   bool
	client *http.Client // of http/protobuf

	// transient: the last attempt failed in a way that time may mend.
	transient atomic.Bool
	requests  atomic.Int64
	failures  atomic.Int64 // exports that failed for good, retries included
	bytes     atomic.Int64 // of requests, uncompressed
	// lost counts data points, spans or log records that were never taken.
	lost    atomic.Int64
	failing atomic.Bool
}

func newLink(signal string, cfg *Config, t *tls.Config) *link {
	l := &link{signal: signal, log: cfg.Logger, gzip: cfg.Compression == "gzip"}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = t.Clone() // the transport changes it
	l.client = &http.Client{Transport: &httpLink{l, transport}}
	return l
}

// done notes the outcome of one export and says when the state changes.
func (l *link) done(err error) {
	if err == nil {
		l.transient.Store(false)
		if l.failing.CompareAndSwap(true, false) {
			l.log.Info("the collector takes "+l.signal+" again", "exports failed so far", l.failures.Load(), "lost so far", l.lost.Load())
		}
		return
	}
	l.failures.Add(1)
	if l.failing.CompareAndSwap(false, true) {
		l.log.Warn("cannot export "+l.signal, "error", err)
	}
}

// intercept sees each gRPC request.
func (l *link) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if r, ok := req.(*colmetricpb.ExportMetricsServiceRequest); ok {
		dropUnknownSums(r)
	}
	l.requests.Add(1)
	if m, ok := req.(proto.Message); ok {
		l.bytes.Add(int64(proto.Size(m)))
	}
	err := invoke(ctx, method, req, reply, cc, opts...)
	switch status.Code(err) {
	case codes.OK:
		l.transient.Store(false)
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss, codes.ResourceExhausted:
		l.transient.Store(true)
	default:
		l.transient.Store(false)
	}
	return err
}

// httpLink sees each HTTP request; the exporters leave compression to it.
type httpLink struct {
	l    *link
	next http.RoundTripper
}

func (h *httpLink) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	req.Body.Close()
	if err != nil {
		return nil, err
	}
	if h.l.signal == "metrics" {
		body = withoutUnknownSums(body)
	}
	h.l.requests.Add(1)
	h.l.bytes.Add(int64(len(body)))
	req = req.Clone(req.Context())
	if h.l.gzip {
		body = compress(body)
		req.Header.Set("Content-Encoding", "gzip")
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.ContentLength = int64(len(body))
	resp, err := h.next.RoundTrip(req)
	switch {
	case err != nil:
		h.l.transient.Store(true)
		// The exporters only retry what calls itself temporary, which a refused
		// connection does not.
		return nil, temporary{err}
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 502 && resp.StatusCode <= 504:
		h.l.transient.Store(true)
	default:
		h.l.transient.Store(false)
	}
	return resp, nil
}

type temporary struct{ error }

func (temporary) Temporary() bool { return true }
func (t temporary) Unwrap() error { return t.error }

var gzips = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w := gzips.Get().(*gzip.Writer)
	defer gzips.Put(w)
	w.Reset(&b)
	_, _ = w.Write(body) // to memory: it cannot fail
	_ = w.Close()
	return b.Bytes()
}

// dropUnknownSums unsets the sums that nobody knows: metricdata has no way to
// say so, OTLP has.
func dropUnknownSums(r *colmetricpb.ExportMetricsServiceRequest) (dropped bool) {
	for _, rm := range r.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				switch d := m.Data.(type) {
				case *metricpb.Metric_Histogram:
					for _, p := range d.Histogram.DataPoints {
						if p.Sum != nil && math.IsNaN(*p.Sum) {
							p.Sum, dropped = nil, true
						}
					}
				case *metricpb.Metric_ExponentialHistogram:
					for _, p := range d.ExponentialHistogram.DataPoints {
						if p.Sum != nil && math.IsNaN(*p.Sum) {
							p.Sum, dropped = nil, true
						}
					}
				}
			}
		}
	}
	return dropped
}

// noSumBytes is noSum on the wire. Most messages hold none, and need not be
// taken apart.
var noSumBytes = binary.LittleEndian.AppendUint64(nil, math.Float64bits(noSum))

func withoutUnknownSums(body []byte) []byte {
	if !bytes.Contains(body, noSumBytes) {
		return body
	}
	var r colmetricpb.ExportMetricsServiceRequest
	if proto.Unmarshal(body, &r) != nil || !dropUnknownSums(&r) {
		return body
	}
	out, err := proto.Marshal(&r)
	if err != nil {
		return body
	}
	return out
}

// tlsConfig reads the files that t names.
func tlsConfig(t TLS) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("otlp: CA: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("otlp: CA: %s holds no PEM certificate", t.CA)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("otlp: client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// check finds what is wrong with a target, so that the mistake shows at the
// start and not as data that never arrives.
func (t Target) check(signal string) error {
	u, err := url.Parse(t.URL)
	if err != nil {
		return fmt.Errorf("otlp: endpoint of %s: %w", signal, err)
	}
	fail := func(why string) error {
		return fmt.Errorf("otlp: endpoint of %s: %q: %s", signal, u.Redacted(), why)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fail("want http://HOST:PORT, or https:// for TLS")
	case u.Hostname() == "":
		return fail("there is no host")
	case u.Port() != "" && (err != nil || port == 0):
		return fail("the port is not one")
	case u.User != nil:
		return fail("a password belongs into a header")
	case t.Protocol != GRPC && t.Protocol != HTTPProtobuf:
		return fail(fmt.Sprintf("the protocol is %q, want %s or %s", t.Protocol, GRPC, HTTPProtobuf))
	case t.Protocol == GRPC && strings.Trim(u.Path, "/") != "":
		return fail("grpc has no paths")
	}
	return nil
}

func (t Target) secure() bool { return strings.HasPrefix(strings.ToLower(t.URL), "https:") }
