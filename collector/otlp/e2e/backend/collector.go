package backend

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Collector is an OpenTelemetry Collector on loopback that writes down all it
// receives, and passes metrics on to Prometheus. It can be killed and started
// again at the same address.
type Collector struct {
	// GRPC and HTTP are its endpoints: http://127.0.0.1:PORT.
	GRPC, HTTP string
	// Capture reads what it received.
	*Capture
	// Process is the one that runs now.
	*Process

	tb     testing.TB
	config string
}

const collectorConfig = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "%[1]s"}
      http: {endpoint: "%[2]s"}
exporters:
  capture: {dir: "%[3]s"}
  otlp_http:
    metrics_endpoint: "%[4]s"
    # One at a time: Prometheus takes no sample older than its newest.
    sending_queue: {num_consumers: 1}
    retry_on_failure: {initial_interval: 200ms, max_interval: 1s}
service:
  telemetry:
    logs: {level: warn}
    metrics: {level: none}
  pipelines:
    metrics: {receivers: [otlp], exporters: [%[5]s]}
    traces: {receivers: [otlp], exporters: [capture]}
    logs: {receivers: [otlp], exporters: [capture]}
`

// NewCollector starts a collector. prometheus may be nil.
func NewCollector(tb testing.TB, prometheus *Prometheus) *Collector {
	tb.Helper()
	dir := tb.TempDir()
	grpc, http := freeAddress(tb), freeAddress(tb)
	to, exporters := "http://127.0.0.1:1/unused", "capture"
	if prometheus != nil {
		to, exporters = prometheus.URL+"/api/v1/otlp/v1/metrics", "capture, otlp_http"
	}
	c := &Collector{
		GRPC: "http://" + grpc, HTTP: "http://" + http,
		Capture: &Capture{dir: dir}, tb: tb, config: filepath.Join(dir, "otelcol.yaml"),
	}
	text := fmt.Sprintf(collectorConfig, grpc, http, dir, to, exporters)
	if err := os.WriteFile(c.config, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	c.Start()
	return c
}

// Start starts it again after Kill or Stop, and waits until it listens.
func (c *Collector) Start() {
	c.tb.Helper()
	c.Process = launch(c.tb, "otelcol", exec.Command(Program(c.tb, "otelcol"), "--config", c.config))
	for _, url := range []string{c.GRPC, c.HTTP} {
		listening(c.tb, c.Process, url[len("http://"):])
	}
}

// listening waits until something accepts connections.
func listening(tb testing.TB, p *Process, address string) {
	tb.Helper()
	Until(tb, address+" listens", func() error {
		select {
		case <-p.Exited():
			tb.Fatalf("%s ended: %v", p.cmd.Path, p.err)
		default:
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// freeAddress is a loopback address that nobody listened at just now.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
