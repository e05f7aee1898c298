// Package capture is a collector exporter that appends what it receives to
// files, as the collector holds it: nothing is batched, dropped or reordered.
//
// Flows in: pdata of a pipeline. Flows out: metrics.jsonl, traces.jsonl and
// logs.jsonl in the configured directory, one OTLP/JSON message a line, whole
// lines only. Start with [NewFactory].
package capture

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Config is what stands under "capture:" in a collector's configuration.
type Config struct {
	// Dir is an existing directory.
	Dir string `mapstructure:"dir"`
}

// Validate is called by the collector.
func (c *Config) Validate() error {
	if c.Dir == "" {
		return errors.New("dir is required")
	}
	return nil
}

// NewFactory is for the collector's list of exporters.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("capture"),
		func() component.Config { return &Config{} },
		exporter.WithMetrics(func(_ context.Context, _ exporter.Settings, c component.Config) (exporter.Metrics, error) {
			return &file{path: filepath.Join(c.(*Config).Dir, "metrics.jsonl")}, nil
		}, component.StabilityLevelDevelopment),
		exporter.WithTraces(func(_ context.Context, _ exporter.Settings, c component.Config) (exporter.Traces, error) {
			return &file{path: filepath.Join(c.(*Config).Dir, "traces.jsonl")}, nil
		}, component.StabilityLevelDevelopment),
		exporter.WithLogs(func(_ context.Context, _ exporter.Settings, c component.Config) (exporter.Logs, error) {
			return &file{path: filepath.Join(c.(*Config).Dir, "logs.jsonl")}, nil
		}, component.StabilityLevelDevelopment))
}

// file is one signal's exporter.
type file struct {
	path string
	mu   sync.Mutex
	f    *os.File
}

// Start opens the file at its end, so that a restarted collector continues it.
func (e *file) Start(context.Context, component.Host) (err error) {
	e.f, err = os.OpenFile(e.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	return err
}

func (e *file) Shutdown(context.Context) error {
	if e.f == nil {
		return nil
	}
	return e.f.Close()
}

func (e *file) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (e *file) ConsumeMetrics(_ context.Context, d pmetric.Metrics) error {
	return e.line((&pmetric.JSONMarshaler{}).MarshalMetrics(d))
}

func (e *file) ConsumeTraces(_ context.Context, d ptrace.Traces) error {
	return e.line((&ptrace.JSONMarshaler{}).MarshalTraces(d))
}

func (e *file) ConsumeLogs(_ context.Context, d plog.Logs) error {
	return e.line((&plog.JSONMarshaler{}).MarshalLogs(d))
}

// line appends in one write: a killed collector leaves no half line behind.
func (e *file) line(b []byte, err error) error {
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err = e.f.Write(append(b, '\n'))
	return err
}
