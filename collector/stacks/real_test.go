package stacks_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
	"tracecar/collector/stacks"
	"tracecar/parser/script"
)

// burn keeps one CPU of this process busy, in system calls and between.
func burn(t *testing.T) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				syscall.Getppid()
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
}

// Every form holds exactly what the map holds, whatever the key and the version.
func TestFormsHoldWhatTheMapHolds(t *testing.T) {
	burn(t)
	const tick99 = 10101010 // nanoseconds
	for _, c := range []struct {
		probe, key, agg string
		period          int64
		labels          []string
	}{
		{"profile:hz:99", "kstack", "count()", tick99, nil},
		{"profile:hz:99", "kstack(3)", "sum(2)", 0, nil},
		{"profile:ms:5", "comm, ustack", "count()", 5_000_000, []string{"comm"}},
		{"software:cpu-clock:2000000", "ustack, kstack, pid", "count()", 2_000_000, []string{"pid"}},
		{"profile:hz:$2", "kstack(perf), comm", "count()", tick99, []string{"comm"}},
	} {
		t.Run(c.probe+" "+c.key, func(t *testing.T) {
			executortest.Each(t, func(t *testing.T, b executortest.Program) {
				source := fmt.Sprintf("%s /pid == $1/ { @s[%s] = %s; @hits++; if (@hits >= 20) { exit(); } }", c.probe, c.key, c.agg)
				args := []string{strconv.Itoa(os.Getpid()), "99"}
				r := collector.NewRunner(collector.Options{Bpftrace: b.Path})
				res := r.Run(t.Context(), collector.Script{Source: source, Args: args, Timeout: time.Minute})
				if res.Status != collector.StatusCompleted {
					t.Fatalf("%s: %v", res.Status, res.Diagnostics)
				}
				s := script.Parse(source)
				name, err := stacks.Choose(s, "")
				if err != nil || name != "@s" {
					t.Fatalf("chose %q: %v", name, err)
				}
				var m *collector.Map
				var total int64
				for i := range res.Maps {
					if res.Maps[i].Name == name {
						m = &res.Maps[i]
					}
				}
				for _, row := range m.Rows {
					n, _ := row.Value.Int64()
					total += n
				}
				p, err := stacks.Of(m, s, args, res.BpftraceVersion)
				if err != nil {
					t.Fatal(err)
				}
				if p.Total != total || total < 20 || int64(p.Period) != c.period {
					t.Fatalf("total %d of %d, period %v", p.Total, total, p.Period)
				}
				checkFolded(t, p, total)
				checkPprof(t, p, total, c.period, c.labels)
			})
		})
	}
}

func checkFolded(t *testing.T, p *stacks.Profile, total int64) {
	t.Helper()
	for _, offsets := range []bool{true, false} {
		var b bytes.Buffer
		if err := p.WriteFolded(&b, offsets); err != nil {
			t.Fatal(err)
		}
		var sum int64
		for line := range strings.Lines(b.String()) {
			_, n, _ := strings.Cut(line[strings.LastIndexByte(line, ' '):], " ")
			v, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			sum += v
		}
		if sum != total {
			t.Errorf("folded text adds up to %d, the map to %d:\n%s", sum, total, b.String())
		}
	}
}

func checkPprof(t *testing.T, p *stacks.Profile, total, period int64, labels []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p.pb.gz")
	var b bytes.Buffer
	if err := p.WritePprof(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	var sum, cpu int64
	for _, s := range read.Sample {
		sum += s.Value[0]
		if period > 0 {
			cpu += s.Value[1]
		}
		for _, l := range labels {
			if len(s.Label[l])+len(s.NumLabel[l]) != 1 {
				t.Errorf("a sample has no label %s: %v %v", l, s.Label, s.NumLabel)
			}
		}
	}
	if sum != total || cpu != total*period {
		t.Errorf("pprof: %d samples of %d, %d ns", sum, total, cpu)
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", file).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("Showing nodes accounting for")) {
		t.Errorf("go tool pprof: %v\n%s", err, out)
	}
}
