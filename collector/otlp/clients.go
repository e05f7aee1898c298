package otlp

import (
	"context"
	"crypto/tls"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
)

// The exporters' own retries come within a second after a collector is back;
// their defaults take up to 22.
const (
	retryFirst = 200 * time.Millisecond
	retryMost  = time.Second
)

func dial(l *link) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(l.intercept),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: retryFirst, Multiplier: 1.6, Jitter: 0.2, MaxDelay: retryMost},
			MinConnectTimeout: 5 * time.Second,
		}),
	}
}

func newMetricClient(ctx context.Context, cfg *Config, t Target, tc *tls.Config, l *link) (metric.Exporter, error) {
	if t.Protocol == HTTPProtobuf {
		return otlpmetrichttp.New(ctx,
			otlpmetrichttp.WithEndpointURL(t.URL), otlpmetrichttp.WithHeaders(t.Headers), otlpmetrichttp.WithTimeout(cfg.Timeout),
			otlpmetrichttp.WithCompression(otlpmetrichttp.NoCompression), otlpmetrichttp.WithHTTPClient(l.client),
			otlpmetrichttp.WithTemporalitySelector(metric.DefaultTemporalitySelector),
			otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: cfg.Timeout}))
	}
	opts := []otlpmetricgrpc.Option{
		otlpmetricgrpc.WithEndpointURL(t.URL), otlpmetricgrpc.WithHeaders(t.Headers), otlpmetricgrpc.WithTimeout(cfg.Timeout),
		otlpmetricgrpc.WithDialOption(dial(l)...),
		// Cumulative, whatever the environment says: Prometheus refuses delta.
		otlpmetricgrpc.WithTemporalitySelector(metric.DefaultTemporalitySelector),
		otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: cfg.Timeout}),
	}
	if l.gzip {
		opts = append(opts, otlpmetricgrpc.WithCompressor("gzip"))
	}
	if t.secure() {
		opts = append(opts, otlpmetricgrpc.WithTLSCredentials(credentials.NewTLS(tc)))
	}
	return otlpmetricgrpc.New(ctx, opts...)
}

func newTraceClient(ctx context.Context, cfg *Config, t Target, tc *tls.Config, l *link) (sdktrace.SpanExporter, error) {
	if t.Protocol == HTTPProtobuf {
		return otlptracehttp.New(ctx,
			otlptracehttp.WithEndpointURL(t.URL), otlptracehttp.WithHeaders(t.Headers), otlptracehttp.WithTimeout(cfg.Timeout),
			otlptracehttp.WithCompression(otlptracehttp.NoCompression), otlptracehttp.WithHTTPClient(l.client),
			otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: cfg.Timeout}))
	}
	opts := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpointURL(t.URL), otlptracegrpc.WithHeaders(t.Headers), otlptracegrpc.WithTimeout(cfg.Timeout),
		otlptracegrpc.WithDialOption(dial(l)...),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: cfg.Timeout}),
	}
	if l.gzip {
		opts = append(opts, otlptracegrpc.WithCompressor("gzip"))
	}
	if t.secure() {
		opts = append(opts, otlptracegrpc.WithTLSCredentials(credentials.NewTLS(tc)))
	}
	return otlptracegrpc.New(ctx, opts...)
}

func newLogClient(ctx context.Context, cfg *Config, t Target, tc *tls.Config, l *link) (sdklog.Exporter, error) {
	if t.Protocol == HTTPProtobuf {
		return otlploghttp.New(ctx,
			otlploghttp.WithEndpointURL(t.URL), otlploghttp.WithHeaders(t.Headers), otlploghttp.WithTimeout(cfg.Timeout),
			otlploghttp.WithCompression(otlploghttp.NoCompression), otlploghttp.WithHTTPClient(l.client),
			otlploghttp.WithRetry(otlploghttp.RetryConfig{Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: cfg.Timeout}))
	}
	opts := []otlploggrpc.Option{
		otlploggrpc.WithEndpointURL(t.URL), otlploggrpc.WithHeaders(t.Headers), otlploggrpc.WithTimeout(cfg.Timeout),
		otlploggrpc.WithDialOption(dial(l)...),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: cfg.Timeout}),
	}
	if l.gzip {
		opts = append(opts, otlploggrpc.WithCompressor("gzip"))
	}
	if t.secure() {
		opts = append(opts, otlploggrpc.WithTLSCredentials(credentials.NewTLS(tc)))
	}
	return otlploggrpc.New(ctx, opts...)
}
