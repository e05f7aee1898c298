package kernelmap

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/parser"
	"tracecar/parser/script"
)

const snapshotKeys = 100_000

// BenchmarkSnapshot100kKeys reads a live map of 100,000 keys in both ways, in
// turn: as bpftrace's JSON, printed at a signal and parsed, and out of the
// kernel, decoded. It reports the CPU time of both, that of the kernel's bare
// system calls into warm memory, and the second in percent of the first: where
// the keys are those of the look before, and where a key is new.
func BenchmarkSnapshot100kKeys(b *testing.B) {
	for version, path := range bpftraces(b) {
		for _, key := range []string{"@n", "comm", "@n, comm"} {
			b.Run(version+"/"+strings.ReplaceAll(key, ", ", ","), func(b *testing.B) {
				s := startSnapshots(b, version, path, key)
				var kernel, moved, bare, theirs, ours time.Duration
				const rounds = 5
				for range b.N * rounds {
					t, o := s.json(b)
					theirs, ours = theirs+t, ours+o
					for range rounds { // it takes so much less time that one says little
						kernel += s.kernel(b)
						s.forgetKey()
						moved += s.kernel(b)
						bare += s.bare(b)
					}
				}
				n := float64(b.N*rounds) * 1e6
				b.ReportMetric(float64(kernel)/n/rounds, "cpu-ms")
				b.ReportMetric(float64(moved)/n/rounds, "new-key-cpu-ms")
				b.ReportMetric(float64(bare)/n/rounds, "bare-calls-cpu-ms")
				b.ReportMetric(float64(theirs)/n, "bpftrace-cpu-ms")
				b.ReportMetric(float64(ours)/n, "parse-cpu-ms")
				b.ReportMetric(100*float64(kernel)/rounds/float64(theirs+ours), "%-of-JSON")
				b.ReportMetric(100*float64(moved)/rounds/float64(theirs+ours), "%-of-JSON-new-key")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// snapshots is a live bpftrace whose map @k has snapshotKeys keys.
type snapshots struct {
	version string
	source  *script.Script
	pid     int
	hold    *Holder
	out     *parser.Reader
}

func startSnapshots(b *testing.B, version, path, key string) *snapshots {
	b.Helper()
	runtime.LockOSThread() // the script looks at this thread
	defer runtime.UnlockOSThread()
	src := fmt.Sprintf("tracepoint:syscalls:sys_enter_getppid /tid == %d/ { @n++; @k[%s] = count(); }\n", unix.Gettid(), key)
	if !strings.HasPrefix(version, "0.17") { // which prints at the signal by itself
		src += "self:signal:SIGUSR1 { print(@k); print(@n); }\n"
	}
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(path, "-f", "json", "-o", "/dev/fd/3", "-")
	cmd.Stdin, cmd.ExtraFiles = strings.NewReader(src), []*os.File{w}
	cmd.Env = append(os.Environ(), "BPFTRACE_MAP_KEYS_MAX=131072", "BPFTRACE_MAX_MAP_KEYS=131072")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	w.Close()
	s := &snapshots{version, script.Parse(src), cmd.Process.Pid, Hold(context.Background(), cmd.Process.Pid), parser.NewReader(r, parser.WithVersion(version))}
	hang := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	b.Cleanup(func() {
		hang.Stop()
		s.hold.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		r.Close()
	})
	name := ""
	for i := 0; s.entries(b) < snapshotKeys; {
		for range 1000 {
			name = fmt.Sprintf("worker-%d", i)
			if err := os.WriteFile("/proc/thread-self/comm", []byte(name), 0); err != nil {
				b.Fatal(err)
			}
			unix.Getppid()
			i++
		}
	}
	return s
}

// entries is how many keys the map has by now.
func (s *snapshots) entries(b *testing.B) int {
	b.Helper()
	raws, err := s.hold.Dump(context.Background(), 0)
	if err != nil {
		b.Fatal(err)
	}
	if len(raws) != 2 {
		return 0
	}
	return raws[0].Count
}

// json has bpftrace print both maps and parses them.
func (s *snapshots) json(b *testing.B) (theirs, ours time.Duration) {
	b.Helper()
	t, o := cpuOf(b, s.pid), ownCPU(b)
	if err := unix.Kill(s.pid, unix.SIGUSR1); err != nil {
		b.Fatal(err)
	}
	for rows := 0; rows == 0 || s.out.Record().Map.Name != "@n"; {
		if !s.out.Scan() {
			b.Fatal(s.out.Err())
		}
		if m := s.out.Record().Map; m == nil {
			rows = 0 // what it says at its start
		} else if m.Name == "@k" {
			rows = len(m.Rows)
		}
		if rows > 0 && rows < snapshotKeys {
			b.Fatalf("%d rows", rows)
		}
	}
	return cpuOf(b, s.pid) - t, ownCPU(b) - o
}

// kernel reads and decodes both maps.
func (s *snapshots) kernel(b *testing.B) time.Duration {
	b.Helper()
	before := ownCPU(b)
	tables, err := s.hold.Tables(context.Background(), s.source, s.version)
	took := ownCPU(b) - before
	if err != nil || len(tables.Skipped) > 0 || len(tables.Maps) != 2 {
		b.Fatal(err, tables)
	}
	for _, m := range tables.Maps {
		if m.Name == "@k" && m.Rows.Len() < snapshotKeys {
			b.Fatalf("%d rows", m.Rows.Len())
		}
	}
	return took
}

// forgetKey makes the first key of the map one that was not there at the last look.
func (s *snapshots) forgetKey() { s.hold.maps[0].memo.keys[0] ^= 1 }

// bare makes the system calls of one look at @k, and nothing else.
func (s *snapshots) bare(b *testing.B) time.Duration {
	b.Helper()
	m := s.hold.maps[0]
	r := s.hold.describe(m)
	ks, vs := int(r.KeySize), r.Stride()
	chunk := batchBytes / (ks + vs)
	keys, values := spareBatch.Load().room(chunk, ks, vs)
	cursors := [2][]byte{make([]byte, max(ks, 8)), make([]byte, max(ks, 8))}
	var in []byte
	before := ownCPU(b)
	for i := 0; ; i++ {
		_, done, err := lookupBatch(m.fd, in, cursors[i&1], keys, values, chunk)
		if err != nil {
			b.Fatal(err)
		}
		if done {
			return ownCPU(b) - before
		}
		in = cursors[i&1]
	}
}

// ownCPU is the CPU time of this process, exact where getrusage counts in
// scheduler ticks.
func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// cpuOf is the CPU time of the threads of a live process.
func cpuOf(b *testing.B, pid int) (sum time.Duration) {
	b.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		var ns int64
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	if sum == 0 {
		b.Fatal("the kernel does not say how much CPU bpftrace took (CONFIG_SCHED_INFO)")
	}
	return sum
}
