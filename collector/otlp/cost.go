package otlp

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tracecar/collector"
)

// cost is what one run has taken from the machine so far, or several together.
type cost struct {
	kernel  time.Duration // in BPF programs
	runs    uint64        // of BPF programs
	counted bool          // the kernel's part is known
	cpu     time.Duration // of bpftrace
	rss     int64         // of bpftrace now, in bytes; 0: not known, or ended
}

// take takes what is known now; what was known before stays, and never shrinks:
// the times of a process that has ended are told by another clock than those
// of a live one.
func (c *cost) take(now *collector.Cost) {
	if now.KernelNS != nil && now.KernelRuns != nil {
		c.counted = true
		c.kernel = max(c.kernel, time.Duration(*now.KernelNS))
		c.runs = max(c.runs, *now.KernelRuns)
	}
	c.cpu = max(c.cpu, time.Duration(now.CPUNS))
	c.rss = now.RSS
}

func (c *cost) add(d cost) {
	c.kernel += d.kernel
	c.runs += d.runs
	c.counted = c.counted || d.counted
	c.cpu += d.cpu
	c.rss += d.rss
}

// runCost is the cost of one run, as it was measured last.
type runCost struct {
	cost
	at   time.Time // when that was, zero: never
	sent time.Time // at of what was last received over OTLP
	// attached is since when the kernel's part counts, bpftrace's own since the
	// run was begun.
	attached time.Time
}

// measure asks what the live run has cost so far, unless that was done less
// than maxAge ago. It is false where there is no answer of now.
func (r *runState) measure(maxAge time.Duration) bool {
	r.mu.Lock()
	young := time.Since(r.cost.at) < maxAge
	r.mu.Unlock()
	if young {
		return true
	}
	at := time.Now()
	now := r.info.Run.Cost()
	if now == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended.IsZero() {
		r.spent(now, at)
		r.stats.spending(r, r.cost.cost)
	}
	return true
}

// spent takes what the run has cost at a time; mu is held.
func (r *runState) spent(now *collector.Cost, at time.Time) {
	r.cost.take(now)
	r.cost.at = at
	if r.cost.attached.IsZero() {
		r.cost.attached = r.attached
	}
}

// costs are the metrics of what the run of a scheduled probe has cost; mu is
// held. Ad hoc runs are added up in stats: each has few points, or one, from
// which there is no rate.
func (r *runState) costs() []metricdata.Metrics {
	if r.info.Script.Probe == "" || r.cost.at.IsZero() {
		return nil
	}
	b := selfBuilder{start: r.info.Started, now: r.cost.at}
	c := r.cost.cost
	c.counted = c.counted && !r.cost.attached.IsZero()
	b.cost(&c, r.cost.attached, r.base)
	return b.out.metrics
}

// cost makes the metrics of c, the kernel's part since attached, bpftrace's
// own since the start of b.
func (b *selfBuilder) cost(c *cost, attached time.Time, of []attribute.KeyValue) {
	if start := b.start; c.counted {
		b.start = attached
		b.seconds("tracecar.bpf.time", "Time that BPF programs ran, on all CPUs together, as the kernel's statistics have it", c.kernel, of...)
		b.counter("tracecar.bpf.runs", "{run}", "How often BPF programs ran, as the kernel's statistics have it", int64(c.runs), of...)
		b.start = start
	}
	if c.cpu > 0 {
		b.seconds("tracecar.bpftrace.cpu.time", "CPU time of bpftrace itself, user and system", c.cpu, of...)
	}
	if c.rss > 0 {
		b.gauge("tracecar.bpftrace.memory.usage", "By", "Memory that live bpftrace processes hold (RSS)", c.rss, of...)
	}
}
