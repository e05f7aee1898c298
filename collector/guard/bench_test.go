package guard

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/collector/executor/executortest"
)

// BenchmarkSample measures one look at a live bpftrace. Ten runs are looked at
// twenty times a second: 50 µs of CPU a look are 0.1 % of one.
func BenchmarkSample(b *testing.B) {
	for _, p := range executortest.Programs(b) {
		for name, script := range map[string]string{
			"1 probe":     `interval:s:60 { @ = count(); }`,
			"~100 probes": `tracepoint:syscalls:sys_enter_s* { @ = count(); }`,
		} {
			b.Run(p.Version+"/"+name, func(b *testing.B) {
				bt := trace(b, p.Path, script)
				bt.attached(b)
				before := ownCPU(b)
				for b.Loop() {
					if _, err := bt.run.Cost(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(ownCPU(b)-before)/float64(b.N)/1000, "µs-CPU/op")
				b.ReportMetric(float64(bt.run.Last().Programs), "programs")
				bt.proc.Stop()
				_, _ = bt.proc.Wait()
			})
		}
	}
}

func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
