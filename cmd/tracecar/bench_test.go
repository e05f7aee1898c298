package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
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

// BenchmarkPrintfFlood runs the flood through tracecar and with bpftrace writing
// to /dev/null, in turn: as one would by hand (bpftrace -f json > /dev/null),
// and in the way that tracecar has bpftrace write (-o), which is the faster. It reports
// tracecar's CPU time in percent of bpftrace's, and bpftrace's lines in percent
// of those to /dev/null: for each second of its CPU time (what tracecar costs
// bpftrace), and for each second of the clock (which holds what the scheduler
// of a full machine takes from it, too).
func BenchmarkPrintfFlood(b *testing.B) {
	const span = 3 * time.Second
	for _, p := range executortest.Programs(b) {
		b.Run(p.Version, func(b *testing.B) {
			defer flood(b)()
			var self, child float64
			var work, lines, workO, linesO []float64
			var all pace
			for range b.N {
				var direct [2]pace
				for i, args := range [][]string{{"-f", "json"}, {"-f", "json", "-o", "/dev/null"}} {
					pid, stop := floodDirect(b, p, args...)
					direct[i] = floodPace(b, pid, span)
					stop()
				}

				r := collector.NewRunner(collector.Options{Bpftrace: p.Path})
				s0, c0 := cpu(b, unix.RUSAGE_SELF), cpu(b, unix.RUSAGE_CHILDREN)
				run := r.Start(collector.Script{Source: floodScript, MaxEvents: 1000})
				<-run.Attached()
				through := floodPace(b, tracer(b, os.Getpid()), span)
				run.Stop()
				<-run.Done()
				self += cpu(b, unix.RUSAGE_SELF) - s0
				child += cpu(b, unix.RUSAGE_CHILDREN) - c0
				res, _ := run.Result(0)
				if err := r.Close(context.Background()); err != nil || res.Status == collector.StatusFailed {
					b.Fatalf("%v, %s: %v", err, res.Status, res.Diagnostics)
				}
				w, l := through.of(direct[0])
				work, lines = append(work, w), append(lines, l)
				w, l = through.of(direct[1])
				workO, linesO = append(workO, w), append(linesO, l)
				all.lines, all.clock = all.lines+through.lines, all.clock+through.clock
			}
			b.ReportMetric(100*self/child, "cpu-%-of-bpftrace")
			b.ReportMetric(median(work), "lines/cpu-s-%-of->/dev/null")
			b.ReportMetric(median(lines), "lines/s-%-of->/dev/null")
			b.ReportMetric(median(workO), "lines/cpu-s-%-of--o/dev/null")
			b.ReportMetric(median(linesO), "lines/s-%-of--o/dev/null")
			b.ReportMetric(all.lines/all.clock, "lines/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// pace is what one bpftrace did in a while: lines written, seconds of its
// CPU time, seconds of the clock.
type pace struct{ lines, work, clock float64 }

// of gives p's lines in percent of q's, per second of CPU time and of the clock.
func (p pace) of(q pace) (work, clock float64) {
	return 100 * (p.lines / p.work) / (q.lines / q.work), 100 * (p.lines / p.clock) / (q.lines / q.clock)
}

// floodPace measures a bpftrace for span, once it is in full flood. It makes
// one write per line, which the kernel counts.
func floodPace(b *testing.B, pid int, span time.Duration) pace {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); writes(b, pid) < 1000; {
		if time.Now().After(deadline) {
			b.Fatal("bpftrace writes nothing")
		}
		time.Sleep(time.Millisecond)
	}
	start, lines, work := time.Now(), writes(b, pid), worked(b, pid)
	time.Sleep(span)
	return pace{
		lines: float64(writes(b, pid) - lines),
		work:  worked(b, pid) - work,
		clock: time.Since(start).Seconds(),
	}
}

// floodDirect starts a bpftrace that floods /dev/null, where its standard output goes too.
func floodDirect(b *testing.B, p executortest.Program, args ...string) (pid int, stop func()) {
	b.Helper()
	cmd := exec.Command(p.Path, append(args, "-e", floodScript)...)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return cmd.Process.Pid, func() {
		_ = cmd.Process.Signal(unix.SIGINT)
		_ = cmd.Wait()
	}
}

// tracer finds the bpftrace that a process has started, directly or not.
func tracer(b *testing.B, pid int) int {
	b.Helper()
	for found := []int{pid}; len(found) > 0; found = found[1:] {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", found[0]))
		if strings.HasPrefix(string(name), "bpftrace") {
			return found[0]
		}
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", found[0]))
		for _, t := range tasks {
			text, _ := os.ReadFile(t)
			for _, word := range strings.Fields(string(text)) {
				if child, err := strconv.Atoi(word); err == nil {
					found = append(found, child)
				}
			}
		}
	}
	b.Fatal("no bpftrace runs")
	return 0
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

// worked is the CPU time of a process so far, in seconds.
func worked(b *testing.B, pid int) (seconds float64) {
	b.Helper()
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, t := range tasks {
		text, _ := os.ReadFile(t)
		var ns float64
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			b.Fatal(err)
		}
		seconds += ns / 1e9
	}
	return seconds
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
