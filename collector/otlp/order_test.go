package otlp

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/parser"
	"tracecar/parser/script"
)

// Runs come in the order of their snapshots, not of their start: a message
// must not be older than the one before.
func TestOrderOfSnapshots(t *testing.T) {
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, nil)
	now := time.Now()
	for _, run := range []struct {
		probe string
		age   time.Duration
	}{{"b", 2 * time.Second}, {"c", time.Second}, {"a", 3 * time.Second}} {
		r := ended(e, collector.Script{Source: countScript, Probe: run.probe}, countMap(1))
		r.mu.Lock()
		r.looked = now.Add(-run.age)
		r.mu.Unlock()
	}
	flush(t, e)
	var names []string // as received
	rec.mu.Lock()
	for _, rm := range rec.metrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if strings.HasSuffix(m.Name, ".c") {
					names = append(names, m.Name)
				}
			}
		}
	}
	rec.mu.Unlock()
	if !slices.Equal(names, []string{"a.c", "b.c", "c.c"}) {
		t.Errorf("%q", names)
	}
}

// What a killed run had last is received once: in a message of its own time,
// or, where no export of it succeeded, with the next one.
func TestKilledIsSentOnce(t *testing.T) {
	for _, status := range []collector.Status{collector.StatusKilled, collector.StatusFailed} {
		for _, exported := range []bool{true, false} {
			rec := &receiver{}
			url, _ := serveGRPC(t, rec, "")
			e := newTestExporter(t, url, nil)
			s := collector.Script{Source: countScript, Probe: "p"}
			r := e.Observe(s).(*runState)
			r.Begin(collector.RunInfo{ID: "id", Script: s, Parsed: script.Parse(s.Source), Started: time.Now()})
			r.mu.Lock()
			r.update([]collector.Map{countMap(1)}, time.Now(), true)
			if exported {
				r.exported = r.looked
			}
			r.mu.Unlock()
			r.End(&collector.Result{Status: status})
			flush(t, e)
			if got := len(rec.points("p.c")) == 1; got == exported {
				t.Errorf("%s, exported before: %v, exported then: %v", status, exported, got)
			}
			rec.clear()
			flush(t, e)
			if got := rec.points("p.c"); got != nil {
				t.Errorf("%s: again: %q", status, got)
			}
			if page := scrapeText(t, e, ""); !strings.Contains(page, "p_c_total{") {
				t.Errorf("%s: not at /metrics:\n%s", status, page)
			}
		}
	}
}

// Each time of a pair is of its own printf, though both call it the same.
func TestTimesOfAPair(t *testing.T) {
	source := `interval:s:1 { printf("from %d %llu\n", tid, nsecs); printf("to %llu %d\n", nsecs, tid); }`
	for _, tt := range []struct {
		start, end string
		span       bool
	}{
		{"nsecs", "nsecs", true},
		{"2", "1", true},
		{"nsecs", "1", true},
		{"2", "3", false}, // the end has two fields
		{"3", "nsecs", false},
	} {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		e := newTestExporter(t, url, func(c *Config) {
			c.Probes = map[string]Probe{"p": {Spans: []Span{{
				Printf: Output{Index: 1}, EndPrintf: Output{Index: 2}, Name: "pair", Start: tt.start, End: tt.end, Key: []string{"tid"},
			}}}}
		})
		r := endedAs(e, collector.Script{Source: source, Probe: "p"}, collector.Result{Status: collector.StatusCompleted},
			parser.Record{Type: parser.TypePrintf, Text: "from 9 1000000\n"},
			parser.Record{Type: parser.TypePrintf, Text: "to 3500000 9\n"})
		flush(t, e)
		pairs := 0
		rec.mu.Lock()
		for _, s := range rec.spans {
			if s.Name != "pair" {
				continue
			}
			pairs++
			if d := s.EndTimeUnixNano - s.StartTimeUnixNano; d != 2_500_000 {
				t.Errorf("start %s, end %s: %d ns", tt.start, tt.end, d)
			}
		}
		rec.mu.Unlock()
		if pairs == 1 != tt.span {
			t.Errorf("start %s, end %s: %d spans", tt.start, tt.end, pairs)
		}
		r.stats.mu.Lock()
		if unreadable := r.stats.unreadable; unreadable == 0 != tt.span {
			t.Errorf("start %s, end %s: %d unreadable", tt.start, tt.end, unreadable)
		}
		r.stats.mu.Unlock()
	}
}
