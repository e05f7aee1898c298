package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"tracecar/e2e/backend"
)

const lateConfig = `
otlp: {endpoint: %q, interval: %s}
probes:
  - {name: one, script: 'interval:ms:50 { @n = count(); }'}
  - {name: two, script: 'interval:ms:50 { @n = count(); }'}
  - {name: window, every: 1s, duration: 200ms, script: 'interval:ms:50 { @n = count(); }'}
`

// TestNothingLate exports at short intervals to a Prometheus as it is by
// default. It makes a sample of target_info at the earliest time in each
// message: one point older than the newest of the message before, and it
// refuses the whole message.
func TestNothingLate(t *testing.T) {
	for _, interval := range []string{"300ms", "1s"} {
		t.Run(interval, func(t *testing.T) {
			prometheus := backend.NewPrometheus(t, "")
			collector := backend.NewCollector(t, prometheus)
			backend.NewTracecar(t, newest(t), fmt.Sprintf(lateConfig, collector.GRPC, interval))
			backend.Until(t, "100 ticks", func() error {
				points, err := collector.Points()
				if err != nil {
					return err
				}
				for _, p := range points {
					if p.Name == "one.n" && p.Value.(int64) >= 100 {
						return nil
					}
				}
				return fmt.Errorf("not among %d points", len(points))
			})
			if page := prometheus.Log(); strings.Contains(page, "refused") {
				t.Errorf("Prometheus refused messages:\n%s", page)
			}
		})
	}
}
