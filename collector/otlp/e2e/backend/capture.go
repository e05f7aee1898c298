package backend

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Capture reads the files of the capture exporter as they grow. It holds all
// that was captured; it is not for several goroutines.
type Capture struct {
	dir     string
	offsets [3]int64
	points  []Point
	spans   []Span
	logs    []Log
	batches int
}

// Points are all data points so far, in the order received.
func (c *Capture) Points() ([]Point, error) {
	err := c.read(0, "metrics.jsonl", func(line []byte) error {
		d, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
		if err == nil {
			c.points = appendPoints(c.points, d, c.batches)
			c.batches++
		}
		return err
	})
	return c.points, err
}

// Spans are all spans so far, in the order received.
func (c *Capture) Spans() ([]Span, error) {
	err := c.read(1, "traces.jsonl", func(line []byte) error {
		d, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		if err == nil {
			c.spans = appendSpans(c.spans, d)
		}
		return err
	})
	return c.spans, err
}

// Logs are all log records so far, in the order received.
func (c *Capture) Logs() ([]Log, error) {
	err := c.read(2, "logs.jsonl", func(line []byte) error {
		d, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		if err == nil {
			c.logs = appendLogs(c.logs, d)
		}
		return err
	})
	return c.logs, err
}

// read takes the whole lines that are new.
func (c *Capture) read(i int, name string, take func([]byte) error) error {
	f, err := os.Open(filepath.Join(c.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(c.offsets[i], io.SeekStart); err != nil {
		return err
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	for {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if !whole {
			return nil
		}
		if err := take(line); err != nil {
			return err
		}
		c.offsets[i] += int64(len(line)) + 1
		b = rest
	}
}
