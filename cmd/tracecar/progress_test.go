package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
)

// onScreen is what a terminal shows of text with clearLine in it.
func onScreen(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		parts := strings.Split(line, clearLine)
		lines[i] = parts[len(parts)-1]
	}
	return strings.Join(lines, "\n")
}

// TestProgressLeavesRecordsWhole has records and the line share a terminal.
func TestProgressLeavesRecordsWhole(t *testing.T) {
	var screen bytes.Buffer
	p := &progress{w: &screen}
	records := p.above(&screen)
	p.draw("1 event")
	p.draw("2 events")
	fmt.Fprint(records, "itx\nity\n")
	p.draw("3 events")
	fmt.Fprint(records, "torn ")
	p.draw("4 events")
	fmt.Fprint(records, "apart\n")
	p.draw("5 events")
	if got := onScreen(screen.String()); got != "itx\nity\ntorn apart\n5 events" {
		t.Errorf("%q", got)
	}
	p.clear()
	before := screen.Len()
	fmt.Fprint(records, "last\n")
	if got := onScreen(screen.String()); got != "itx\nity\ntorn apart\nlast\n" || screen.Len() != before+len("last\n") {
		t.Errorf("%q", got)
	}
}

func TestProgressLine(t *testing.T) {
	live := collector.Progress{ProbesAttached: 71, Events: 3, LostEvents: 1, Elapsed: 2 * time.Second}
	for _, tt := range []struct {
		p        collector.Progress
		duration time.Duration
		stopping bool
		want     string
	}{
		{collector.Progress{Attaching: true, Elapsed: time.Second}, 0, false, "attaching … 1 s"},
		{live, 0, false, "71 attached, 2 s, 3 events (1 lost); Ctrl-C ends it"},
		{live, 5 * time.Second, false, "71 attached, 2 s of 5 s, 3 events (1 lost); Ctrl-C ends it"},
		{live, 5 * time.Second, true, "stopping: bpftrace detaches its probes; a second Ctrl-C gives the Result up"},
	} {
		if got := progressLine(tt.p, tt.duration, tt.stopping); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestProgressIsForTerminals has nothing written to a file or a pipe.
func TestProgressIsForTerminals(t *testing.T) {
	var out bytes.Buffer
	newProgress(&out).follow(t.Context(), nil, 0)()
	if out.Len() > 0 {
		t.Errorf("%q", &out)
	}
}
