package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"tracecar/collector"
	"tracecar/parser"
)

func TestWatchView(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ns, runs := int64(1_500_000), uint64(30)
	w := &watcher{base: "http://h:1", metrics: "http://h:1/metrics", rows: 5}
	probes := []collector.ProbeStatus{
		{Name: "live", State: collector.ProbeRunning, Schedule: "continuous", Attached: now.Add(-90 * time.Second), Restarts: 1, Error: "2:1: an \x1b error",
			Result: &collector.Result{
				Cost: &collector.Cost{KernelNS: &ns, KernelRuns: &runs}, LostEvents: 2, Truncated: collector.Truncated{Events: 5, Rows: 1},
				Events: []collector.Event{
					{Type: "printf", Data: parser.Text("one\n")}, {Type: "printf", Data: parser.Text("two\n")},
					{Type: "printf", Data: parser.Text("three\n")}, {Type: "printf", Data: parser.Text("four")},
				},
				Maps: []collector.Map{{Name: "@n", Kind: "count", Rows: []collector.Row{{Value: parser.Int(7)}}}},
			}},
		{Name: "now and then", State: collector.ProbeWaiting, Schedule: "10s every 5m0s", Next: now.Add(61 * time.Second), Ended: now.Add(-2 * time.Second),
			Result: &collector.Result{Maps: []collector.Map{{Name: "@m", Kind: "sum", Rows: []collector.Row{{Value: parser.Int(8)}}}}}},
		{Name: "seldom", State: collector.ProbeRunning, Schedule: "continuous", Unsafe: true, Attached: now.Add(-time.Hour), Result: &collector.Result{
			Snapshot: &collector.SnapshotInfo{Time: now.Add(-70 * time.Second), Missing: map[string]string{"@st": "no \x1b way", "@a": "none"}},
			Maps:     []collector.Map{{Name: "@n", Kind: "count", Rows: []collector.Row{{Value: parser.Int(9)}}}},
		}},
		{Name: "broken", State: collector.ProbeGivenUp, Schedule: "continuous", Error: "1:1: no such function"},
	}
	want := []string{
		"4 probes, 03:04:05   MCP http://h:1/mcp   metrics http://h:1/metrics",
		"",
		"live: running for 1m30s, 1 restart; 30 times in the kernel, 1.5 ms in all",
		`  last failure: 2:1: an \x1b error`,
		"  @n 7",
		"  … 6 more printed",
		"  two", "  three", "  four",
		"  2 events LOST in the kernel's buffer, 1 row left out by the server",
		"",
		"now and then: waiting, next in 1m1s (10s every 5m0s)",
		"  its newest run, ended 2s ago:",
		"  @m 8",
		"",
		"seldom: running for 1h0m0s, unsafe",
		"  as of 1m10s ago:",
		"  @n 9",
		"  @a is not shown as of now: none",
		`  @st is not shown as of now: no \x1b way`,
		"",
		"broken: given-up",
		"  last failure: 1:1: no such function",
		"",
	}
	if diff := cmp.Diff(want, w.view(probes, now)); diff != "" {
		t.Error(diff)
	}
}

func TestFit(t *testing.T) {
	lines := []string{"abcdef", "ä\tö", "3", "4", "5"}
	if diff := cmp.Diff([]string{"abcd…", "ä ö", "… 3 …"}, fit(lines, 5, 4)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"abcdef", "ä ö", "3", "4", "5"}, fit(lines, 6, 6)); diff != "" {
		t.Error(diff)
	}
	for width := range 3 {
		for height := range 3 {
			if got := fit(lines, width, height); len(got) != 1 {
				t.Errorf("%d lines fit %d by %d", len(got), width, height)
			}
		}
	}
}

// TestWatchInPlace draws on a terminal: each block goes up by what the one
// before had, never past the top.
func TestWatchInPlace(t *testing.T) {
	master, slave := terminal(t, 20, 4)
	s := &screen{out: slave, terminal: slave}
	for _, lines := range [][]string{{"a", "b"}, {"c"}, {"1", "2", "3", "4", "5"}, {"d"}} {
		if err := s.show(lines); err != nil {
			t.Fatal(err)
		}
	}
	want := "a\x1b[K\nb\x1b[K\n\x1b[J" +
		"\r\x1b[2Ac\x1b[K\n\x1b[J" +
		"\r\x1b[1A1\x1b[K\n2\x1b[K\n… 3 more lines: the…\x1b[K\n\x1b[J" +
		"\r\x1b[3Ad\x1b[K\n\x1b[J"
	slave.Close()
	got, _ := io.ReadAll(master) // ends with EIO: the other end is closed
	if diff := cmp.Diff(want, strings.ReplaceAll(string(got), "\r\n", "\n")); diff != "" {
		t.Error(diff)
	}
}

// terminal opens a pair of terminal ends of a size.
func terminal(t *testing.T, width, height uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("skip: no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	n, err1 := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	err2 := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	slave, err3 := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Skip("skip: no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { slave.Close() })
	size := &unix.Winsize{Col: width, Row: height}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// TestWatchLosesItsServer: an answer that is missing or wrong is said, and
// asked for again.
func TestWatchLosesItsServer(t *testing.T) {
	var asked atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/probes" {
			http.NotFound(w, r)
			return
		}
		if got := r.Header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("authorization is %q", got)
		}
		switch asked.Add(1) {
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			fmt.Fprint(w, "<html>")
		case 5:
			cancel()
			fallthrough
		default:
			fmt.Fprint(w, `{"probes":[]}`)
		}
	}))
	defer server.Close()
	var out strings.Builder
	w := &watcher{base: server.URL, token: "secret", rows: 1, screen: newScreen(&out)}
	if err := w.watch(ctx, time.Millisecond, 0); err != nil {
		t.Fatal(err)
	}
	var said []string
	for line := range strings.Lines(out.String()) {
		if before, _, ok := strings.Cut(line, "   MCP "); ok {
			if strings.HasPrefix(before, "0 probes") {
				before = "0 probes"
			}
			said = append(said, before)
		}
	}
	want := []string{
		"0 probes", "not reached: " + server.URL + "/api/probes: 503 Service Unavailable",
		"not reached: the answer cannot be read: invalid character '<' looking for beginning of value", "0 probes",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

// TestWatchEndsWithASilentServer: --for holds also while an answer is awaited.
func TestWatchEndsWithASilentServer(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	var out strings.Builder
	w := &watcher{base: server.URL, rows: 1, screen: newScreen(&out)}
	if err := w.watch(t.Context(), time.Millisecond, 20*time.Millisecond); err != nil || out.Len() > 0 {
		t.Fatalf("%v, %q", err, out.String())
	}
}
