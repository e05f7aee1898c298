package otlp

import (
	"fmt"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/parser"
	"tracecar/parser/script"
)

const pairSource = `interval:s:1 { printf("from %llu %d\n", nsecs, tid); printf("to %llu %d\n", nsecs, tid); }`

// pairs is a live run whose printfs are joined, and whose clock stands still.
type pairs struct {
	*testing.T
	e   *Exporter
	rec *receiver
	r   *runState
	now time.Time
}

func newPairs(t *testing.T, timeout time.Duration) *pairs {
	p := &pairs{T: t, rec: &receiver{}, now: time.Now()}
	url, _ := serveGRPC(t, p.rec, "")
	p.e = newTestExporter(t, url, func(c *Config) {
		c.Probes = map[string]Probe{"p": {Spans: []Span{{
			Printf: Output{Index: 1}, EndPrintf: Output{Index: 2}, Name: "pair {{.tid}}", Start: "1", End: "1", Key: []string{"tid"}, Timeout: timeout,
		}}}}
	})
	s := collector.Script{Source: pairSource, Probe: "p"}
	p.r = p.e.Observe(s).(*runState)
	p.r.Begin(collector.RunInfo{ID: "id", Script: s, Parsed: script.Parse(s.Source), Started: time.Now()})
	p.r.events.now = func() time.Time { return p.now }
	return p
}

// print has the script print at a time since boot.
func (p *pairs) print(what string, at time.Duration, tid int) {
	p.r.Record(&parser.Record{Type: parser.TypePrintf, Text: fmt.Sprintf("%s %d %d\n", what, at.Nanoseconds(), tid)})
}

// want compares what is exported over OTLP and at /metrics.
func (p *pairs) want(spans, unmatched int64) {
	p.Helper()
	both(p.T, p.e, p.rec, "tracecar.spans.events", "", "", spans)
	both(p.T, p.e, p.rec, "tracecar.spans.unmatched", "", "", unmatched)
}

// Lines are read in one go here: only the times they print can tell.
func TestTimeoutGoesByPrintedTimes(t *testing.T) {
	p := newPairs(t, 100*time.Millisecond)
	for tid, took := range []time.Duration{0, 100 * time.Millisecond, 100*time.Millisecond + 1, 700 * time.Millisecond} {
		p.print("from", time.Second, tid)
		p.print("to", time.Second+took, tid)
	}
	p.want(2, 4) // the start and the end of each of the two that are too far apart
	if len(p.r.events.open) != 0 {
		t.Errorf("%d starts still wait", len(p.r.events.open))
	}
}

// What was printed in time counts though it is read late.
func TestLateReadIsNoTimeout(t *testing.T) {
	p := newPairs(t, 100*time.Millisecond)
	p.print("from", time.Second, 1)
	p.now = p.now.Add(100*time.Millisecond + onTheWay)
	p.want(0, 0)
	p.print("to", time.Second+50*time.Millisecond, 1)
	p.want(1, 0)
}

// A start that nothing follows is counted by the next collection.
func TestSilenceAfterAStart(t *testing.T) {
	p := newPairs(t, time.Second)
	p.print("from", time.Second, 1)
	p.want(0, 0)
	p.now = p.now.Add(time.Second + onTheWay + 1)
	p.want(0, 1)
	p.want(0, 1)
	p.print("to", time.Second+1, 1) // it has no start any more
	p.want(0, 2)
}

func TestUnmatched(t *testing.T) {
	p := newPairs(t, time.Minute)
	p.print("to", time.Second, 1)
	p.want(0, 1) // an end without a start
	p.print("from", 2*time.Second, 2)
	p.print("from", 3*time.Second, 2)
	p.want(0, 2) // a start in place of another
	p.print("to", 4*time.Second, 2)
	p.want(1, 2)
	p.print("from", 5*time.Second, 3)
	p.r.End(&collector.Result{Status: collector.StatusCompleted})
	p.want(1, 3) // a start that waits when the run ends
}

func TestStartsAreBounded(t *testing.T) {
	p := newPairs(t, time.Minute)
	for tid := range maxOpen + 3 {
		p.print("from", time.Second, tid)
	}
	p.want(0, 3)
	p.now = p.now.Add(time.Minute + onTheWay + 1)
	p.print("from", time.Second, maxOpen+3) // makes place without a collection
	if n := len(p.r.events.open); n != 1 {
		t.Errorf("%d starts wait", n)
	}
	p.want(0, maxOpen+3)
}
