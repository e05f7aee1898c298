package otlp

import (
	"context"
	"errors"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// spanProcessor and logProcessor feed the queues.
type spanProcessor struct {
	*queue[sdktrace.ReadOnlySpan]
	client sdktrace.SpanExporter
}

func (spanProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (p spanProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		p.add(s)
	}
}

func (p spanProcessor) ForceFlush(ctx context.Context) error { return p.forceFlush(ctx) }

func (p spanProcessor) Shutdown(ctx context.Context) error {
	return errors.Join(p.close(ctx), p.client.Shutdown(ctx))
}

type logProcessor struct {
	*queue[sdklog.Record]
	client sdklog.Exporter
}

func (logProcessor) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func (p logProcessor) OnEmit(_ context.Context, r *sdklog.Record) error {
	p.add(r.Clone())
	return nil
}

func (p logProcessor) ForceFlush(ctx context.Context) error { return p.forceFlush(ctx) }

func (p logProcessor) Shutdown(ctx context.Context) error {
	return errors.Join(p.close(ctx), p.client.Shutdown(ctx))
}
