package config

import (
	"net/url"
	"strings"
	"time"
)

// OTLP sends metrics, spans and logs to an OpenTelemetry collector. The
// standard OTEL_* variables stand below what is configured here.
type OTLP struct {
	// Endpoint is the collector's URL, http://host:4317 or https://…: the scheme decides TLS. Empty: nothing is sent.
	Endpoint string `koanf:"endpoint"`
	// Protocol is grpc or http/protobuf; left out: http/protobuf for port 4318, else grpc.
	Protocol string `koanf:"protocol" enum:",grpc,http/protobuf"`
	// Interval is how often metrics are collected and sent.
	Interval time.Duration `koanf:"interval" min:"100ms"`
	// Timeout bounds one export with its retries.
	Timeout time.Duration `koanf:"timeout" min:"10ms"`
	// Headers are sent with every export.
	Headers map[string]string `koanf:"headers"`
	// TLS is for https endpoints.
	TLS ClientTLS `koanf:"tls"`
	// Compression is gzip or none.
	Compression string `koanf:"compression" enum:"none,gzip"`
	// Metrics turns metrics off, or sends them elsewhere.
	Metrics Signal `koanf:"metrics"`
	// Traces turns spans off, or sends them elsewhere.
	Traces Signal `koanf:"traces"`
	// Logs turns log records off, or sends them elsewhere.
	Logs Signal `koanf:"logs"`
}

// Signal is one of metrics, traces and logs. What is left out is taken from
// otlp itself.
type Signal struct {
	// Enabled set to false sends none.
	Enabled bool `koanf:"enabled"`
	// Endpoint is where this signal goes, in full: with http/protobuf no path is added to it.
	Endpoint string `koanf:"endpoint"`
	// Protocol is grpc or http/protobuf.
	Protocol string `koanf:"protocol" enum:",grpc,http/protobuf"`
	// Headers are sent beside those of otlp.
	Headers map[string]string `koanf:"headers"`
}

// ClientTLS is how a collector is trusted, and how it knows us.
type ClientTLS struct {
	// CA is a file of PEM certificates to trust instead of the system's.
	CA string `koanf:"ca" path:"file"`
	// Cert is a file with the client's certificate.
	Cert string `koanf:"cert" path:"file"`
	// Key is a file with the client's private key.
	Key string `koanf:"key" path:"file"`
	// InsecureSkipVerify trusts any certificate.
	InsecureSkipVerify bool `koanf:"insecure_skip_verify"`

	pem pemFiles
}

// Protocols of OTLP.
const (
	GRPC         = "grpc"
	HTTPProtobuf = "http/protobuf"
)

// Target is where one signal goes.
type Target struct {
	URL      string // with http/protobuf in full: http://host:4318/v1/metrics
	Protocol string // GRPC or HTTPProtobuf
	Insecure bool   // no TLS: the scheme is http
	Headers  map[string]string
}

// MetricsTarget tells where metrics go; ok is false if nowhere.
func (o *OTLP) MetricsTarget() (Target, bool) { return o.target(&o.Metrics, "/v1/metrics") }

// TracesTarget tells where spans go; ok is false if nowhere.
func (o *OTLP) TracesTarget() (Target, bool) { return o.target(&o.Traces, "/v1/traces") }

// LogsTarget tells where log records go; ok is false if nowhere.
func (o *OTLP) LogsTarget() (Target, bool) { return o.target(&o.Logs, "/v1/logs") }

func (o *OTLP) target(s *Signal, path string) (Target, bool) {
	t := Target{URL: s.Endpoint, Protocol: s.Protocol, Headers: map[string]string{}}
	if t.URL == "" {
		t.URL = o.Endpoint
	}
	if !s.Enabled || t.URL == "" {
		return Target{}, false
	}
	if t.Protocol == "" {
		t.Protocol = o.Protocol
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return Target{}, false // Validate has said so
	}
	t.Insecure = u.Scheme == "http"
	if t.Protocol == "" {
		t.Protocol = GRPC
		if u.Port() == "4318" {
			t.Protocol = HTTPProtobuf
		}
	}
	if s.Endpoint == "" && t.Protocol == HTTPProtobuf {
		t.URL = strings.TrimSuffix(t.URL, "/") + path
	}
	for _, h := range []map[string]string{o.Headers, s.Headers} {
		for k, v := range h {
			t.Headers[k] = v
		}
	}
	return t, true
}
