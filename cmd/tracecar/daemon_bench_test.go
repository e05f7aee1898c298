//go:build !light

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/collector/executor/executortest"
)

// restingProbes are ten questions of the library that one would ask all the
// time: counts, sums and histograms, with and without keys.
const restingProbes = `
probes:
  - {name: syscalls, library: syscall-counts}
  - {name: switches, library: cpu-context-switches}
  - {name: run-queue, library: cpu-runqueue-latency}
  - {name: block-io, library: block-latency}
  - {name: softirqs, library: cpu-softirq-time}
  - {name: hardirqs, library: cpu-hardirq-time}
  - {name: traffic, library: net-device-traffic}
  - {name: retransmits, library: tcp-retransmits}
  - {name: exits, library: proc-exits}
  - {name: forks, library: proc-fork-rate}
`

// BenchmarkDaemonAtRest runs the daemon with ten continuous probes, and once
// they have settled measures it for three intervals of 15 s, the one time
// exporting over OTLP, the other time scraped. Its children, the bpftraces, are
// not counted; what tracecar starts of itself would be.
func BenchmarkDaemonAtRest(b *testing.B) {
	const interval = 15 * time.Second
	for _, export := range []string{"otlp", "metrics"} {
		b.Run(export, func(b *testing.B) {
			for range b.N {
				receiver := newOTLPSink(b)
				config := restingProbes
				if export == "otlp" {
					config += fmt.Sprintf("otlp: {endpoint: %q, interval: %v}\n", receiver.url, interval)
				}
				d := startDaemon(b, config)
				d.settled(b, 10)
				before, start := d.cpu(b), time.Now()
				var most int64
				for scraped := (time.Time{}); time.Since(start) < 3*interval; time.Sleep(time.Second / 2) {
					if export == "metrics" && time.Since(scraped) >= interval {
						scraped = time.Now()
						d.get(b, "/metrics")
					}
					most = max(most, d.sum(b, "VmRSS"))
				}
				took := time.Since(start)
				b.ReportMetric(100*(d.cpu(b)-before).Seconds()/took.Seconds(), "cpu-%")
				b.ReportMetric(float64(most)/1e6, "MB-RSS")
				b.ReportMetric(float64(d.sum(b, "RssAnon"))/1e6, "MB-of-it-heap-and-stacks")
				b.ReportMetric(float64(d.sum(b, "VmHWM"))/1e6, "MB-RSS-at-the-start")
				b.ReportMetric(float64(receiver.metrics.Load().points), "points")
				b.ReportMetric(0, "ns/op")
				d.stop(b)
			}
		})
	}
}

// Benchmark100kSeries exports a map of 100,000 keys at an interval of 15 s to a
// receiver that takes the usual 4 MiB in one message.
func Benchmark100kSeries(b *testing.B) {
	const series, intervals, interval = 100_000, 3, 15 * time.Second
	for range b.N {
		receiver := newOTLPSink(b)
		d := startDaemon(b, fmt.Sprintf(`
otlp: {endpoint: %q, interval: %v}
limits: {max_map_keys: 110000, max_series: 110000, max_rows: 110000}
probes:
  - name: volume
    metrics: {"@i": {drop: true}}
    script: |
      interval:ms:1 /@i < %d/ { unroll(50) { @n[@i] = count(); @i++; } }
`, receiver.url, interval, series))
		d.settled(b, 1)
		receiver.quiet()
		receiver.next(b, "volume.n", series)
		receiver.quiet()
		before, from := d.cpu(b), receiver.metrics.Load()
		for range intervals {
			receiver.next(b, "volume.n", series)
		}
		to := receiver.metrics.Load()
		b.ReportMetric(float64((d.cpu(b)-before).Milliseconds())/intervals, "cpu-ms/collection")
		b.ReportMetric(float64(to.bytes-from.bytes)/intervals/1e6, "MB-sent/collection")
		b.ReportMetric(float64(to.points-from.points)/intervals, "points/collection")
		b.ReportMetric(float64(d.sum(b, "VmRSS"))/1e6, "MB-RSS")
		b.ReportMetric(float64(d.sum(b, "VmHWM"))/1e6, "MB-RSS-at-most")
		b.ReportMetric(1e3*to.snapshotSeconds, "ms/snapshot")
		b.ReportMetric(to.lost, "points-lost")
		b.ReportMetric(0, "ns/op")
		d.stop(b)
	}
}

// daemonProcess is a live tracecar serve.
type daemonProcess struct {
	cmd *exec.Cmd
	bin string
	url string
}

var serverProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tracecar-bench")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "tracecar-server")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build has it
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return bin, err
})

func startDaemon(b *testing.B, config string) *daemonProcess {
	b.Helper()
	bpftrace := executortest.Newest(b)
	bin, err := serverProgram()
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "tracecar.yaml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:0\n"+config), 0o600); err != nil {
		b.Fatal(err)
	}
	d := &daemonProcess{bin: bin, cmd: exec.Command(bin, "serve", "--config", file, "--bpftrace", bpftrace.Path)}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.stop(b) })
	lines := bufio.NewScanner(stderr)
	for d.url == "" && lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "mcp=http"); ok {
			d.url = "http" + strings.TrimSuffix(strings.Fields(rest)[0], "/mcp")
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	return d
}

func (d *daemonProcess) stop(b *testing.B) {
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(unix.SIGTERM)
	if err := d.cmd.Wait(); err != nil {
		b.Error(err)
	}
}

func (d *daemonProcess) get(b *testing.B, path string) []byte {
	b.Helper()
	res, err := http.Get(d.url + path)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// settled waits until n probes are attached and what starting took was given back.
func (d *daemonProcess) settled(b *testing.B, n int) {
	b.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Second) {
		var state struct{ Probes map[string][]string }
		if err := json.Unmarshal(d.get(b, "/readyz"), &state); err != nil {
			b.Fatal(err)
		}
		if len(state.Probes["running"]) == n {
			break
		}
		if time.Now().After(deadline) {
			b.Fatal(state.Probes)
		}
	}
	time.Sleep(2*settleTime + time.Second)
}

// pids are the processes that run this program: the daemon, and what it may
// have started of itself.
func (d *daemonProcess) pids(b *testing.B) (pids []string) {
	b.Helper()
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if to, _ := os.Readlink(link); to == d.bin {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	if len(pids) == 0 {
		b.Fatal("the daemon has ended")
	}
	return pids
}

// cpu is the CPU time of all threads so far.
func (d *daemonProcess) cpu(b *testing.B) (sum time.Duration) {
	b.Helper()
	for _, pid := range d.pids(b) {
		threads, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
		for _, name := range threads {
			text, err := os.ReadFile(name)
			var ns int64
			if _, err2 := fmt.Sscan(string(text), &ns); err != nil || err2 != nil {
				b.Fatal(err, err2)
			}
			sum += time.Duration(ns)
		}
	}
	return sum
}

// sum adds up a value of /proc/PID/status, in bytes.
func (d *daemonProcess) sum(b *testing.B, key string) (sum int64) {
	b.Helper()
	for _, pid := range d.pids(b) {
		text, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if v, ok := strings.CutPrefix(line, key+":"); ok {
				kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
				if err != nil {
					b.Fatal(err)
				}
				sum += kB * 1024
			}
		}
	}
	return sum
}
