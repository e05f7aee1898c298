package executor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/collector/executor/executortest"
)

// BenchmarkFlood reads a flood of printf lines from real bpftraces, and tells
// what the reading costs in percent of what bpftrace's printing costs. Lines are
// counted, not parsed.
func BenchmarkFlood(b *testing.B) {
	for _, p := range executortest.Programs(b) {
		bt, err := Find(context.Background(), Config{Path: p.Path})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(p.Version, func(b *testing.B) {
			for range b.N {
				flood(b, bt)
			}
		})
	}
}

func flood(b *testing.B, bt *Bpftrace) {
	p, err := bt.Start(context.Background(), Job{
		Source: `tracepoint:raw_syscalls:sys_enter { printf("%d %s %d: a line of the usual length\n", pid, comm, args->id); }`,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	buf := make([]byte, 256<<10)
	reading := cpuOfThread
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before time.Duration
	lines, reads, size, first := 0, 0, 0, time.Time{}
	go func() {
		<-p.Attached()
		stop := make(chan struct{})
		go busy(stop)
		time.Sleep(2 * time.Second)
		close(stop)
		p.Stop()
	}()
	for {
		n, err := p.Output().Read(buf)
		if first.IsZero() {
			first, before = time.Now(), reading()
		}
		reads, size = reads+1, size+n
		lines += bytes.Count(buf[:n], []byte{'\n'})
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			b.Fatal(err)
		}
	}
	cpu := reading() - before
	exit, _ := p.Wait()
	bpf := exit.UserTime + exit.SystemTime
	b.ReportMetric(100*cpu.Seconds()/bpf.Seconds(), "%-of-bpftrace-cpu")
	b.ReportMetric(float64(lines), "lines")
	b.ReportMetric(float64(reads), "reads")
	b.ReportMetric(float64(size)/1e6, "MB")
}

// busy makes system calls.
func busy(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
			for range 1000 {
				unix.Getppid()
			}
		}
	}
}

func cpuOfThread() time.Duration {
	var ru unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// BenchmarkLoneEvent tells how long one line on a quiet stream takes from the
// write to the reader.
func BenchmarkLoneEvent(b *testing.B) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		b.Fatal(err)
	}
	enlargePipe(p[0])
	o, err := newOutput(p[0])
	if err != nil {
		b.Fatal(err)
	}
	arrived := make(chan time.Time)
	go func() {
		defer close(arrived)
		buf := make([]byte, 64<<10)
		for {
			if _, err := o.Read(buf); err != nil {
				return
			}
			arrived <- time.Now()
		}
	}()
	var sum, worst time.Duration
	for range b.N {
		time.Sleep(2 * coalesce)
		sent := time.Now()
		_, _ = unix.Write(p[1], []byte("{}\n"))
		d := (<-arrived).Sub(sent)
		sum, worst = sum+d, max(worst, d)
	}
	unix.Close(p[1])
	<-arrived
	b.ReportMetric(float64(sum.Microseconds())/float64(b.N), "µs/event")
	b.ReportMetric(float64(worst.Microseconds()), "µs-worst")
}
