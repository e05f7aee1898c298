package otlp

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	colmetricpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"tracecar/collector"
)

// secured serves a receiver over TLS, by HTTP and by gRPC, and writes its
// certificate to a file.
func secured(t *testing.T, rec *receiver) (ca string, targets map[string]Target) {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var m colmetricpb.ExportMetricsServiceRequest
		var b strings.Builder
		req.Write(&b)
		_, body, _ := strings.Cut(b.String(), "\r\n\r\n")
		if proto.Unmarshal([]byte(body), &m) == nil {
			rec.take(&m)
		}
	}))
	t.Cleanup(s.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&s.TLS.Certificates[0])))
	colmetricpb.RegisterMetricsServiceServer(g, metricService{r: rec})
	go g.Serve(ln)
	t.Cleanup(g.Stop)
	return ca, map[string]Target{
		"http": {URL: s.URL + "/v1/metrics", Protocol: HTTPProtobuf},
		"grpc": {URL: "https://" + ln.Addr().String(), Protocol: GRPC},
	}
}

func TestTLS(t *testing.T) {
	rec := &receiver{}
	ca, targets := secured(t, rec)
	for name, to := range targets {
		t.Run(name, func(t *testing.T) {
			only := func(c *Config) {
				c.Metrics, c.Traces, c.Logs = to, Target{}, Target{}
				c.Timeout = 2 * time.Second
			}
			rec.clear()
			e := newTestExporter(t, "", func(c *Config) { only(c); c.TLS.CA = ca })
			ended(e, collector.Script{Source: countScript, Probe: "p"}, countMap(1))
			flush(t, e)
			if got := rec.points("p.c"); len(got) != 1 {
				t.Errorf("%q", got)
			}
			stranger := newTestExporter(t, "", only)
			ctx, cancel := context.WithTimeout(t.Context(), hangGuard)
			defer cancel()
			if err := stranger.Flush(ctx); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("a certificate that nobody vouches for: %v", err)
			}
		})
	}
}
