package e2e_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"tracecar/e2e/backend"
)

const floodConfig = `
otlp: {endpoint: %q, interval: 2s, timeout: 2s}
prometheus: {enabled: true}
probes:
  - name: flood
    script: |
      interval:ms:1 /@seq < 20000/ { unroll(4) { printf("took %%llu %%d\n", nsecs, @seq); @seq++; } }
    metrics: {"@seq": {drop: true}}
    spans: [{printf: 1, name: took, start: 1, duration: 2, unit: ns}]
`

// TestSpanFlood makes more spans than the queue holds while no collector is
// there: what is kept is bounded, and every span that was made is either
// received or counted as lost, once.
func TestSpanFlood(t *testing.T) {
	collector := backend.NewCollector(t, nil)
	collector.Kill()
	tracecar := backend.NewTracecar(t, newest(t), fmt.Sprintf(floodConfig, collector.GRPC))
	const made = `tracecar_spans_events_total{tracecar_probe="flood"}`
	var spans float64
	backend.Until(t, "all is printed", func() error {
		lost, err := value(tracecar, `tracecar_events_lost_total{tracecar_probe="flood"}`)
		if err != nil {
			return err
		}
		if spans, err = value(tracecar, made); err == nil && spans+lost < 20_000 {
			err = fmt.Errorf("%v spans, %v events that bpftrace lost", spans, lost)
		}
		return err
	})
	waiting, err := value(tracecar, `tracecar_export_queue{signal="traces"}`)
	if err != nil || waiting < 1000 || waiting > 8192 {
		t.Errorf("%v spans wait: %v", waiting, err)
	}
	collector.Start()
	backend.Until(t, "received and lost are what was made", func() error {
		all, err := collector.Spans()
		if err != nil {
			return err
		}
		seen := map[int64]bool{}
		for _, s := range all {
			if s.Name == "took" {
				n := s.End.Sub(s.Start).Nanoseconds()
				if seen[n] {
					t.Fatalf("span %d was received twice", n)
				}
				seen[n] = true
			}
		}
		lost, err := value(tracecar, `tracecar_export_lost_total{signal="traces"}`)
		if err != nil {
			return err
		}
		// Spans of tracecar's own may be among the lost ones.
		if sum := float64(len(seen)) + lost; sum < spans || sum > spans+5 {
			return fmt.Errorf("%d received and %v lost of %v", len(seen), lost, spans)
		}
		if len(seen) < 1000 {
			return fmt.Errorf("only %d received", len(seen))
		}
		return nil
	})
	t.Log(usage(t, tracecar.PID()))
}

// value reads one sample at /metrics.
func value(tracecar *backend.Tracecar, series string) (float64, error) {
	page, err := tracecar.Get("/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(page) {
		if v, ok := strings.CutPrefix(line, series+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(v), 64)
		}
	}
	return 0, fmt.Errorf("no %s at /metrics", series)
}
