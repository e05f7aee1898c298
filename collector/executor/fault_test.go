package executor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

var quick = Grace{Base: 50 * time.Millisecond, PerAttachPoint: time.Millisecond, Term: 50 * time.Millisecond}

func start(t *testing.T, bt *Bpftrace, job Job) *Process {
	t.Helper()
	if job.Source == "" {
		job.Source = "BEGIN { }"
	}
	p, err := bt.Start(testContext(t, time.Minute), job)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func wait(t *testing.T, p *Process) *Exit {
	t.Helper()
	exit, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return exit
}

func TestStopEscalates(t *testing.T) {
	for _, tc := range []struct {
		mode              string
		escalated, killed bool
		signal            syscall.Signal
	}{{"good", false, false, 0}, {"hang-int", true, false, 0}, {"hang-term", true, true, syscall.SIGKILL}} {
		t.Run(tc.mode, func(t *testing.T) {
			grace := quick
			switch tc.mode {
			case "good":
				grace = Grace{}
			case "hang-int":
				grace.Term = time.Minute
			}
			p := start(t, fake(t, tc.mode, Config{Grace: grace}), Job{AttachPoints: 1})
			<-p.Attached()
			p.Stop()
			p.Stop()
			if _, err := io.ReadAll(p.Output()); err != nil {
				t.Error(err)
			}
			e := wait(t, p)
			if !e.Stopped || e.Escalated != tc.escalated || e.Killed != tc.killed || e.Signal != tc.signal {
				t.Errorf("%s: %+v", e, e)
			}
		})
	}
}

func TestCrashTornAndExitCode(t *testing.T) {
	p := start(t, fake(t, "crash", Config{}), Job{})
	if e := wait(t, p); e.Signal != syscall.SIGKILL || e.Stopped || e.Killed || e.Code != -1 || e.CleanStop() {
		t.Errorf("crash: %s: %+v", e, e)
	}
	p = start(t, fake(t, "torn", Config{}), Job{})
	if s := readAll(t, p); s != `{"type": "pri` {
		t.Errorf("output %q", s)
	}
	if e := wait(t, p); e.Code != 3 || e.Signal != 0 {
		t.Errorf("torn: %+v", e)
	}
}

func TestStderrIsBounded(t *testing.T) {
	p := start(t, fake(t, "stderr", Config{}), Job{})
	e := wait(t, p)
	if len(e.Stderr) > captureBound+100 {
		t.Errorf("%d bytes kept", len(e.Stderr))
	}
	contains(t, e.Stderr, "line 0 of", "bytes left out]", "ERROR: the last word")
	if d := e.Diagnostics[len(e.Diagnostics)-1]; d.Severity != SeverityError || d.Message != "the last word" {
		t.Errorf("last diagnostic %+v", d)
	}
}

func TestABpftraceThatNeverReadsItsScript(t *testing.T) {
	p := start(t, fake(t, "noread", Config{}), Job{Source: strings.Repeat("x", 4<<20)})
	if e := wait(t, p); e.Code != 0 {
		t.Errorf("%+v", e)
	}
}

func TestOutputHeldOpenByAnother(t *testing.T) {
	p := start(t, fake(t, "holder", Config{}), Job{})
	var holder int
	if _, err := fmt.Sscan(readAll(t, p), &holder); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(holder, syscall.SIGKILL)
	if e := wait(t, p); !e.OutputHeld || e.Code != 0 {
		t.Errorf("%+v", e)
	}
	p.Close()
	_ = syscall.Kill(holder, syscall.SIGKILL)
	if hostGroups().why == "" {
		waitFor(t, "its control group to go", func() bool {
			retryLeftovers()
			return len(ours(t, hostGroups())) == 0
		})
	}
}

func TestAbandonedOutputIsDrained(t *testing.T) {
	p := start(t, fake(t, "flood", Config{}), Job{})
	buf := make([]byte, 1000)
	if _, err := p.Output().Read(buf); err != nil {
		t.Fatal(err)
	}
	p.Output().Close()
	p.Output().Close()
	if _, err := p.Output().Read(buf); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	before := p.Output().Bytes()
	waitFor(t, "the flood to be drained", func() bool { return p.Output().Bytes() > before+8<<20 })
	p.Stop()
	if e := wait(t, p); e.Code != 0 || !e.CleanStop() {
		t.Errorf("%+v", e)
	}
}

func TestCloseUnblocksRead(t *testing.T) {
	p := start(t, fake(t, "quiet", Config{}), Job{})
	got := make(chan error)
	go func() {
		_, err := p.Output().Read(make([]byte, 10))
		got <- err
	}()
	<-p.Attached()
	p.Output().Close()
	if err := <-got; !errors.Is(err, os.ErrClosed) {
		t.Errorf("read gave %v", err)
	}
}

func TestFloodArrivesWhole(t *testing.T) {
	p := start(t, fake(t, "flood", Config{}), Job{})
	go func() {
		for p.Output().Bytes() < 32<<20 {
			time.Sleep(time.Millisecond)
		}
		p.Stop()
	}()
	s := readAll(t, p)
	const line = `{"type": "printf", "data": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"}` + "\n"
	body, ok := strings.CutSuffix(s, "the end\n")
	if !ok || len(body)%len(line) != 0 || strings.Count(body, line) != len(body)/len(line) {
		t.Errorf("%d bytes, whole lines %v", len(s), ok)
	}
}

func TestKill(t *testing.T) {
	p := start(t, fake(t, "quiet", Config{}), Job{})
	p.Kill()
	if e := wait(t, p); !e.Killed || e.Signal != syscall.SIGKILL || e.Stopped {
		t.Errorf("%+v", e)
	}
}

func TestFindErrors(t *testing.T) {
	ctx := testContext(t, time.Minute)
	dir := t.TempDir()
	var missing *NotFoundError
	for path, reason := range map[string]string{dir + "/none": noFile, dir: "directory", "/etc/passwd": "not executable"} {
		if _, err := Find(ctx, Config{Path: path}); !errors.As(err, &missing) || !strings.Contains(missing.Reason, reason) {
			t.Errorf("%s: %v", path, err)
		}
	}
	var version *VersionError
	if _, err := Find(ctx, Config{Path: wrapper(t, dir, "fake:lying-version")}); !errors.As(err, &version) {
		t.Errorf("lying version: %v", err)
	}
	short := testContext(t, 200*time.Millisecond)
	if _, err := Find(short, Config{Path: wrapper(t, dir, "fake:hang-version")}); !errors.Is(err, short.Err()) || err == nil {
		t.Errorf("hanging version: %v", err)
	}
}

func TestFindLooksAgainWhenTheFileChanges(t *testing.T) {
	ctx := testContext(t, time.Minute)
	path := t.TempDir() + "/bpftrace"
	for _, v := range []string{"0.23.2", "0.27.1"} {
		if err := os.WriteFile(path+".new", []byte("#!/bin/sh\necho bpftrace v"+v+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		bt, err := Find(ctx, Config{Path: path})
		if err != nil || bt.Version().String() != v {
			t.Errorf("%v, %v, want %s", bt.Version(), err, v)
		}
	}
}

func TestHangingAnswersHaveADeadline(t *testing.T) {
	bt := fake(t, "hang-answers", Config{})
	short := testContext(t, 100*time.Millisecond)
	if _, err := bt.Info(short); !errors.Is(err, short.Err()) || err == nil {
		t.Errorf("info: %v", err)
	}
	var late *DeadlineError
	if _, err := bt.ask(testContext(t, time.Minute), bt.request(kindList), 50*time.Millisecond); !errors.As(err, &late) {
		t.Errorf("list: %v", err)
	}
}
