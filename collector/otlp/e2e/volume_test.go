package e2e_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"tracecar/e2e/backend"
)

const volumeConfig = `
otlp: {endpoint: %q, interval: 5s, timeout: 30s}
limits: {max_map_keys: 110000, max_series: 110000, max_rows: 110000}
probes:
  - {name: before, script: 'interval:ms:50 { @n = count(); }'}
  - {name: after, script: 'interval:ms:50 { @n = count(); }'}
  - name: volume
    metrics: {"@i": {drop: true}}
    script: |
      interval:ms:1 /@i < 100000/ { unroll(50) { @n[@i] = count(); @i++; } }
`

// TestHundredThousandSeries exports a map of 100,000 keys: some 20 MB, of which
// a collector takes 4 MiB in one message. None is lost on the way to
// Prometheus, at whose default nothing may come late.
func TestHundredThousandSeries(t *testing.T) {
	version := newest(t)
	prometheus := backend.NewPrometheus(t, "")
	collector := backend.NewCollector(t, prometheus)
	tracecar := backend.NewTracecar(t, version, fmt.Sprintf(volumeConfig, collector.GRPC))
	for query, want := range map[string]float64{
		`count(volume_n_total)`:                             100_000,
		`sum(volume_n_total)`:                               100_000,
		`sum(tracecar_export_lost_total{signal="metrics"})`: 0,
		`sum(tracecar_rows_lost_total)`:                     0,
		`sum(tracecar_snapshot_failures_total)`:             0,
	} {
		backend.Until(t, query, func() error {
			got, err := prometheus.Value(query)
			if err == nil && got != want {
				err = fmt.Errorf("%v, want %v", got, want)
			}
			return err
		})
	}
	for _, name := range []string{"before_n_total", "after_n_total", "volume_n_total"} {
		query := fmt.Sprintf("min(count_over_time(%s[1m]))", name)
		backend.Until(t, query, func() error {
			got, err := prometheus.Value(query)
			if err == nil && got < 4 {
				err = fmt.Errorf("%v points", got)
			}
			return err
		})
	}
	if page := prometheus.Log(); strings.Contains(page, "refused") {
		t.Errorf("Prometheus refused messages:\n%s", page)
	}
	seconds, err := prometheus.Value(`sum(tracecar_snapshot_duration_seconds_sum) / sum(tracecar_snapshot_duration_seconds_count)`)
	if err != nil {
		t.Error(err)
	}
	t.Logf("a snapshot takes %v on average; tracecar: %s", time.Duration(seconds*float64(time.Second)), usage(t, tracecar.PID()))
}

// usage tells the CPU time and the largest memory of a process.
func usage(t *testing.T, pid int) string {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err1 != nil || err2 != nil {
		t.Fatal(f)
	}
	peak := ""
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			peak = strings.TrimSpace(v)
		}
	}
	// The kernel counts in hundredths of a second.
	return fmt.Sprintf("%.2f s of CPU, %s at most", float64(user+system)/100, peak)
}
