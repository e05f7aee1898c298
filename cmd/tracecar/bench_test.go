package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
)

// floodScript prints a line for every write of the load, and counts them in
// the kernel.
const floodScript = `tracepoint:syscalls:sys_enter_write /comm == "dd"/ {
	printf("%-16s %-6d %d bytes to descriptor %d at %llu\n", comm, pid, args->count, args->fd, nsecs); @lines = count(); }`

// flood makes writes as fast as one CPU can, until the returned function is called.
func flood(b *testing.B) (stop func()) {
	b.Helper()
	cmd := exec.Command("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "status=none")
	if err := cmd.Start(); err != nil {
		b.Skip("skip: no dd: ", err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// cpu is the CPU time that who has used, in seconds.
func cpu(b *testing.B, who int) float64 {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// BenchmarkPrintfFlood runs the flood for 3 s through tracecar, and for 3 s
// with bpftrace writing to /dev/null, in turn. It reports tracecar's CPU time in
// percent of bpftrace's, and the lines per second in percent of those to /dev/null.
func BenchmarkPrintfFlood(b *testing.B) {
	const span = 3 * time.Second
	for _, p := range executortest.Programs(b) {
		b.Run(p.Version, func(b *testing.B) {
			defer flood(b)()
			var self, child, through, direct float64
			for range b.N {
				r := collector.NewRunner(collector.Options{Bpftrace: p.Path})
				s0, c0 := cpu(b, unix.RUSAGE_SELF), cpu(b, unix.RUSAGE_CHILDREN)
				res := r.Run(context.Background(), collector.Script{Source: floodScript, Timeout: span, MaxEvents: 1000})
				self += cpu(b, unix.RUSAGE_SELF) - s0
				child += cpu(b, unix.RUSAGE_CHILDREN) - c0
				if err := r.Close(context.Background()); err != nil || res.Status != collector.StatusTimedOut {
					b.Fatalf("%v, %s: %v", err, res.Status, res.Diagnostics)
				}
				through += float64(len(res.Events)) + float64(res.Truncated.Events)
				direct += float64(floodDirect(b, p, span))
			}
			n := float64(b.N)
			b.ReportMetric(100*self/child, "cpu-%-of-bpftrace")
			b.ReportMetric(100*through/direct, "lines-%-of-/dev/null")
			b.ReportMetric(through/n/span.Seconds(), "lines/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// floodDirect returns how many lines bpftrace writes to /dev/null in span. It
// makes one write per line, which the kernel counts.
func floodDirect(b *testing.B, p executortest.Program, span time.Duration) uint64 {
	b.Helper()
	cmd := exec.Command(p.Path, "-f", "json", "-o", "/dev/null", "-e", floodScript)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(unix.SIGINT)
		_ = cmd.Wait()
	}()
	for deadline := time.Now().Add(time.Minute); writes(b, cmd.Process.Pid) < 1000; {
		if time.Now().After(deadline) {
			b.Fatal("bpftrace writes nothing")
		}
		time.Sleep(time.Millisecond)
	}
	start, before := time.Now(), writes(b, cmd.Process.Pid)
	time.Sleep(span)
	n := writes(b, cmd.Process.Pid) - before
	return uint64(float64(n) * span.Seconds() / time.Since(start).Seconds())
}

// writes is how many writes a process has made.
func writes(b *testing.B, pid int) (n uint64) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "syscw: ")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkOneShot runs BEGIN { exit(); } with bpftrace alone and through the
// tracecar program, in turn, and reports the medians and what tracecar adds.
func BenchmarkOneShot(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "tracecar")
	if out, err := exec.Command("go", "build", "-tags", "light", "-trimpath", "-ldflags", "-s -w", "-o", bin, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	const script = `BEGIN { exit(); }`
	for _, p := range executortest.Programs(b) {
		b.Run(p.Version, func(b *testing.B) {
			var raw, through, added []float64
			for i := range max(b.N, 1) * 15 {
				a := wall(b, p.Path, "-f", "json", "-e", script)
				t := wall(b, bin, "run", "--bpftrace", p.Path, "-e", script)
				if i == 0 {
					continue // the first asks for the version
				}
				raw, through, added = append(raw, a), append(through, t), append(added, t-a)
			}
			b.ReportMetric(median(raw), "ms-bpftrace")
			b.ReportMetric(median(through), "ms-tracecar")
			b.ReportMetric(median(added), "ms-added")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func wall(b *testing.B, name string, args ...string) float64 {
	b.Helper()
	start := time.Now()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		b.Fatalf("%s: %v: %s", name, err, out)
	}
	took := time.Since(start)
	if strings.HasSuffix(name, "tracecar") && !json.Valid(out) {
		b.Fatalf("not JSON: %s", out)
	}
	return float64(took.Microseconds()) / 1000
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}
