package e2e_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tracecar/e2e/backend"
	"tracecar/e2e/dashboard"
)

// eventful are queries that have data only once something went wrong, or
// something happened that a test cannot make happen on any machine.
var eventful = regexp.MustCompile(`retransmit|lost|fail|error|problems|truncated|folded|dropped|unmatched|unreadable|skipped|left_out|oom|exemplar`)

// TestPanels runs the example's configuration against Prometheus with the
// example's, under some load, and asks what every panel asks.
func TestPanels(t *testing.T) {
	otel := filepath.Join(backend.Root(t), "examples", "otel")
	files, err := filepath.Glob(filepath.Join(otel, "grafana", "dashboards", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("skip: there is no dashboard")
	}
	prometheus := backend.NewPrometheus(t, filepath.Join(otel, "prometheus.yaml"))
	collector := backend.NewCollector(t, prometheus)
	tracecar := backend.NewTracecar(t, newest(t), exampleConfig(t, filepath.Join(otel, "tracecar.yaml"), collector.GRPC))
	client := backend.NewClient(t, tracecar)
	began := time.Now()
	open := map[string]string{} // query → file
	for _, file := range files {
		found, err := dashboard.Queries(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range found {
			open[q] = filepath.Base(file)
		}
	}
	all, quiet := len(open), 0
	for len(open) > 0 && time.Since(began) < backend.Patience {
		load(t)
		client.Tool("execute_bpftrace_script", map[string]any{"script": `BEGIN { printf("x\n"); exit(); }`}, nil, nil)
		for q := range open {
			series, err := prometheus.Range(dashboard.Fill(q, "15s"), began, time.Second)
			if err != nil {
				t.Errorf("%s: %v", open[q], err)
				delete(open, q)
			} else if len(series) > 0 {
				delete(open, q)
			}
		}
	}
	for q, file := range open {
		if eventful.MatchString(q) {
			quiet++
			t.Logf("%s: nothing to see: %s", file, q)
			continue
		}
		t.Errorf("%s: no data for %s", file, q)
	}
	t.Logf("%d queries, %d of them of what did not happen", all, quiet)
}

// exampleConfig is the example's, sent elsewhere and more often.
func exampleConfig(t *testing.T, file, endpoint string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "listen:") && !strings.HasPrefix(line, "bpftrace:") {
			out.WriteString(line)
		}
	}
	config := out.String()
	for from, to := range map[string]string{
		"http://otel-collector:4317": endpoint, "interval: 15s": "interval: 2s", "every: 5m": "every: 12s", "duration: 10s": "duration: 2s",
	} {
		if !strings.Contains(config, from) {
			t.Fatalf("%s no longer says %q", file, from)
		}
		config = strings.ReplaceAll(config, from, to)
	}
	return config
}

// load makes the machine do a little of what the example's probes watch.
func load(t *testing.T) {
	t.Helper()
	for range 20 {
		if err := exec.Command("true").Run(); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil { // reaches the block device, where there is one
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}
