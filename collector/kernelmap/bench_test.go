package kernelmap

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tracecar/parser"
	"tracecar/parser/script"

	"golang.org/x/sys/unix"
)

// BenchmarkLive100kKeys compares the CPU that Dump and Decode take for a map
// of 100,000 two-part keys with what bpftrace takes to print it.
func BenchmarkLive100kKeys(b *testing.B) {
	const keys = 100_000
	for version, path := range bpftraces(b) {
		b.Run(version, func(b *testing.B) {
			src := fmt.Sprintf(`tracepoint:syscalls:sys_enter_getppid /pid == %d/ { @n++; @k[@n, comm] = count(); }`, os.Getpid())
			r, w, err := os.Pipe()
			if err != nil {
				b.Fatal(err)
			}
			cmd := exec.Command(path, "-f", "json", "-o", "/dev/fd/3", "-")
			cmd.Stdin, cmd.ExtraFiles = strings.NewReader(src), []*os.File{w}
			cmd.Env = append(os.Environ(), "BPFTRACE_MAP_KEYS_MAX=200000", "BPFTRACE_MAX_MAP_KEYS=200000")
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
			w.Close()
			h := Hold(context.Background(), cmd.Process.Pid)
			defer h.Close()
			hang := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
			defer hang.Stop()
			for done := false; !done; {
				for range 10_000 {
					unix.Getppid()
				}
				raws, err := h.Dump(context.Background(), 0)
				if err != nil {
					b.Fatal(err)
				}
				done = len(raws) == 2 && raws[0].Count >= keys
			}
			before := cpuOf(b, cmd.Process.Pid)
			_ = cmd.Process.Signal(os.Interrupt)
			n, err := io.Copy(io.Discard, bufio.NewReaderSize(r, 1<<20))
			if err != nil || n < 10*keys {
				b.Fatal(n, err)
			}
			if err := cmd.Wait(); err != nil {
				b.Fatal(err)
			}
			printing := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() - before

			parsed := script.Parse(src)
			rows := 0
			var start, end syscall.Rusage
			runtime.GC()
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &start)
			b.ReportAllocs()
			for b.Loop() {
				raws, err := h.Dump(context.Background(), 0)
				if err != nil {
					b.Fatal(err)
				}
				tables, err := Decode(raws, parsed, version)
				if err != nil || len(tables.Skipped) > 0 {
					b.Fatal(err, tables.Skipped)
				}
				rows = len(tables.Maps[1].Rows)
			}
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &end)
			if rows < keys {
				b.Fatalf("%d rows", rows)
			}
			reading := time.Duration(end.Utime.Nano()+end.Stime.Nano()-start.Utime.Nano()-start.Stime.Nano()) / time.Duration(b.N)
			b.ReportMetric(reading.Seconds()*1e3, "cpu-ms/op")
			b.ReportMetric(printing.Seconds()*1e3, "bpftrace-cpu-ms")
			b.ReportMetric(100*reading.Seconds()/printing.Seconds(), "%-of-bpftrace")
		})
	}
}

// cpuOf returns the CPU time of a live process, in steps of 10 ms.
func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	utime, _ := strconv.Atoi(f[11])
	stime, _ := strconv.Atoi(f[12])
	return time.Duration(utime+stime) * 10 * time.Millisecond
}

// BenchmarkJoin pairs 100,000 printed rows with as many of the kernel.
func BenchmarkJoin(b *testing.B) {
	for _, version := range []string{"0.23.2", "0.27.1"} {
		b.Run(version, func(b *testing.B) {
			table := &Table{Name: "@k", Keyed: true}
			var printed []parser.Row
			for i := range int64(100_000) {
				key := []Part{{Value: parser.Int(i), size: 8}, {Value: parser.Text("some comm")}}
				text, _ := Render(version, key)
				table.Rows = append(table.Rows, Row{Key: key, Value: parser.Int(i % 10)})
				printed = append(printed, parser.Row{Key: text, Value: parser.Int(i % 10)})
			}
			b.ReportAllocs()
			for b.Loop() {
				for i, j := range Join(version, table, printed) {
					if j.Key == nil {
						b.Fatal(i)
					}
				}
			}
		})
	}
}
