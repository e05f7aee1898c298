package collector

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tracecar/collector/executor"
	"tracecar/parser"
)

// fake makes a program that takes bpftrace's place for what a real one cannot
// be made to do. It answers --version; body is a shell script with the JSON
// pipe as descriptor 3.
func fake(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bpftrace")
	text := "#!/bin/sh\ncase \"$*\" in --version) echo bpftrace v0.23.2; exit 0;; esac\ncat >/dev/null\n" + body + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	fakeAttached = `echo __BPFTRACE_NOTIFY_PROBES_ATTACHED; echo '{"type": "attached_probes", "data": {"probes": 1}}' >&3; `
	anyScript    = `BEGIN { @m["a b"] = 1; }`
)

func runFake(t *testing.T, body string, o Options, s Script) *Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
	defer cancel()
	if s.Source == "" {
		s.Source = anyScript
	}
	return newTestRunner(t, fake(t, body), o).Run(ctx, s)
}

func TestHangsOnEverySignal(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r := NewRunner(Options{Bpftrace: fake(t, "trap '' INT TERM; "+fakeAttached+`echo '{"type": "printf", "data": "x"}' >&3; while :; do sleep 1 </dev/null >/dev/null 2>&1 3>&-; done`)})
	r.grace = executor.Grace{Base: 50 * time.Millisecond, PerAttachPoint: time.Millisecond, Term: 50 * time.Millisecond}
	run := r.Begin(ctx, Script{Source: anyScript})
	waitFor(t, "the event", func() bool { return run.Progress().Events == 1 })
	cancel()
	<-run.Done()
	res, _ := run.Result(0)
	if res.Status != StatusKilled || len(res.Events) != 1 {
		t.Errorf("%s", asJSON(t, res))
	}
}

func TestCrash(t *testing.T) {
	res := runFake(t, fakeAttached+"sleep 0.05; kill -SEGV $$", Options{}, Script{})
	if res.Status != StatusKilled || !strings.Contains(firstError(res).Message, "SIGSEGV") {
		t.Errorf("%s", asJSON(t, res))
	}
}

func TestTornAndGarbageLines(t *testing.T) {
	res := runFake(t, fakeAttached+`printf 'garbage\n{"type": "printf", "data": "ok"}\n{"type": "map", "data": {"@m": {"a b": 1, "c' >&3; exit 0`, Options{}, Script{})
	if res.Status != StatusCompleted || len(res.Events) != 1 {
		t.Fatalf("%s", asJSON(t, res))
	}
	var found int
	for _, d := range res.Diagnostics {
		if strings.Contains(d.Message, "garbage") || strings.Contains(d.Message, "cut") || strings.Contains(d.Message, "line 4") {
			found++
		}
	}
	if found < 2 {
		t.Errorf("want diagnostics of the garbage and the torn line: %s", asJSON(t, res.Diagnostics))
	}
}

func TestNeverAttaches(t *testing.T) {
	res := runFake(t, "sleep 60 3>&- &\nwait", Options{AttachTimeout: 200 * time.Millisecond}, Script{})
	if res.Status != StatusKilled || !strings.Contains(firstError(res).Message, "not attached within") {
		t.Errorf("%s", asJSON(t, res))
	}
}

func TestHelperErrorFloodIsStopped(t *testing.T) {
	line := `{"type": "helper_error", "msg": "Argument list too long", "helper": "map_update_elem", "retcode": -7, "line": 1, "col": 9}`
	res := runFake(t, fakeAttached+"trap 'exit 0' INT; while :; do for i in 1 2 3 4 5 6 7 8 9 10; do echo '"+line+"'; done >&3; done", Options{MaxHelperErrors: 1000}, Script{})
	if res.Status != StatusKilled || !strings.Contains(asJSON(t, res.Diagnostics), "more than 1000 helper errors") {
		t.Errorf("%s", asJSON(t, res))
	}
	if len(res.Diagnostics) > 5 {
		t.Errorf("a flood of one error makes %d diagnostics", len(res.Diagnostics))
	}
}

func TestOutputFloodIsStopped(t *testing.T) {
	res := runFake(t, fakeAttached+`trap 'exit 0' INT; while :; do echo '{"type": "printf", "data": "0123456789"}' >&3; done`, Options{MaxOutput: 100_000}, Script{MaxEvents: 10})
	if res.Status != StatusKilled || len(res.Events) != 10 || res.Truncated.Events == 0 {
		t.Errorf("%s", asJSON(t, res))
	}
}

// TestScheduledOutputIsNotBounded: what a continuous probe prints adds up for
// as long as it lives.
func TestScheduledOutputIsNotBounded(t *testing.T) {
	r := newTestRunner(t, fake(t, fakeAttached+`for i in $(seq 1000); do echo '{"type": "printf", "data": "0123456789"}'; done >&3; trap 'exit 0' INT; while :; do sleep 1 </dev/null >/dev/null 2>&1 3>&-; done`), Options{MaxOutput: 1000})
	run := r.Start(Script{Source: anyScript, Probe: "p"})
	waitFor(t, "all that it prints", func() bool { return run.Progress().Events == 1000 })
	run.Stop()
	<-run.Done()
	if res, _ := run.Result(0); res.Status != StatusCancelled {
		t.Errorf("%s", asJSON(t, res))
	}
}

func TestExitCodeWithoutAWord(t *testing.T) {
	res := runFake(t, "exit 7", Options{}, Script{})
	if res.Status != StatusFailed || res.ExitCode != 7 || firstError(res).Message == "" {
		t.Errorf("%s", asJSON(t, res))
	}
}

func TestLyingVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bpftrace")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho not a version\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	res := newTestRunner(t, path, Options{}).Run(context.Background(), Script{Source: anyScript})
	if res.Status != StatusFailed || firstError(res).Message == "" {
		t.Errorf("%s", asJSON(t, res))
	}
}

// childOf returns a live child process, 0 where there is none.
func childOf(parent int) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, d := range dirs {
		b, err := os.ReadFile(d)
		if err != nil {
			continue
		}
		rest := string(b[strings.LastIndexByte(string(b), ')')+1:])
		var state string
		var ppid int
		if _, err := fmt.Sscan(rest, &state, &ppid); err == nil && ppid == parent && state != "Z" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(d)))
			return pid
		}
	}
	return 0
}

// TestFloodLosesNoLine counts what a flood prints as fast as it can: nothing is
// lost on the way, and the order is kept.
func TestFloodLosesNoLine(t *testing.T) {
	const lines = 300_000
	path := fake(t, fakeAttached+fmt.Sprintf(`exec awk 'BEGIN { for (i = 0; i < %d; i++) printf("{\"type\": \"printf\", \"data\": \"line %%d\\n\"}\n", i) > "/dev/fd/3" }'`, lines))
	seen := &sequence{}
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
	defer cancel()
	res := newTestRunner(t, path, Options{}).Run(ctx, Script{Source: anyScript, MaxEvents: 1}, seen)
	if res.Status != StatusCompleted || seen.next != lines || seen.wrong != "" || res.Truncated.Events != lines-1 {
		t.Errorf("%d of %d lines, first wrong %q: %s", seen.next, lines, seen.wrong, asJSON(t, res))
	}
}

// sequence checks that lines come numbered from 0.
type sequence struct {
	next  int
	wrong string
}

func (s *sequence) Begin(RunInfo) {}
func (s *sequence) End(*Result)   {}
func (s *sequence) Record(rec *parser.Record) {
	if rec.Type != parser.TypePrintf || s.wrong != "" {
		return
	}
	if rec.Text != fmt.Sprintf("line %d\n", s.next) {
		s.wrong = rec.Text
	}
	s.next++
}
