package audit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tracecar/collector/audit"
)

func open(t *testing.T, o audit.Options) (*audit.Log, string) {
	t.Helper()
	if o.File == "" {
		o.File = filepath.Join(t.TempDir(), "audit.log")
	}
	l, err := audit.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, o.File
}

func read(t *testing.T, file string, f audit.Filter) (list []audit.Entry, bad int) {
	t.Helper()
	bad, err := audit.Read(file, f, func(e audit.Entry) error {
		list = append(list, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, bad
}

func entry(run string) audit.Entry {
	return audit.Entry{Event: audit.EventRun, Outcome: "completed", Run: run}
}

func runs(list []audit.Entry) (names []string) {
	for _, e := range list {
		names = append(names, e.Run)
	}
	return names
}

func TestRoundTrip(t *testing.T) {
	const secret = "the caller's own secret"
	for _, withText := range []bool{false, true} {
		l, file := open(t, audit.Options{ScriptText: withText})
		src := `BEGIN { print("` + secret + `"); }`
		want := audit.Entry{
			Time: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Event: audit.EventDecision, Outcome: audit.Refused, Run: "r1",
			Who:    audit.Who{Token: "ci", Role: "caller", Client: "agent \x1b[2K\u202e\xff", Session: "session-id", Remote: "127.0.0.1:9", Trigger: "mcp"},
			Script: audit.Script{Source: src, Name: "file-opens", Args: 2, Unsafe: true},
			Broken: []audit.Broken{{Rule: "function", Line: 1, Column: 9, Message: "quotes " + secret}, {Rule: "size"}},
			Cost:   audit.Cost{Duration: time.Second, AttachPoints: 3, Events: 1 << 60, KernelCPU: time.Millisecond, MaxRSS: 5},
		}
		if err := l.Write(want); err != nil {
			t.Fatal(err)
		}
		if want.Who.Session != "session-id" || want.Script.Source != src || want.Broken[0].Message == "" {
			t.Error("Write changed what it was given")
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), secret) != withText {
			t.Errorf("with text %v: %s", withText, text)
		}
		if strings.Contains(string(text), "session-id") || !utf8.Valid(text) || strings.Contains(string(text), "\x1b") {
			t.Errorf("%q", text)
		}
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		got, bad := read(t, file, audit.Filter{})
		if len(got) != 1 || bad != 0 {
			t.Fatalf("%d entries, %d bad", len(got), bad)
		}
		want.Who.Session = audit.SessionHash("session-id")
		want.Who.Client = "agent \x1b[2K\u202e\ufffd"
		want.Script.SHA256, want.Script.Bytes = got[0].Script.SHA256, len(src)
		if !withText {
			want.Script.Source, want.Broken[0].Message = "", ""
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Error(diff)
		}
		if len(got[0].Script.SHA256) != 64 {
			t.Errorf("hash %q", got[0].Script.SHA256)
		}
	}
}

// TestBig checks that no field makes a line that the reader does not take.
func TestBig(t *testing.T) {
	l, file := open(t, audit.Options{ScriptText: true})
	big := strings.Repeat("\x01", 1<<20)
	e := audit.Entry{Event: big, Outcome: big, Run: big, Who: audit.Who{Token: big, Role: big, Client: big, Session: big, Remote: big, Trigger: big},
		Script: audit.Script{Source: big, Name: big}}
	for range 1000 {
		e.Broken = append(e.Broken, audit.Broken{Rule: big, Message: big})
	}
	if err := l.Write(e); err != nil {
		t.Fatal(err)
	}
	list, bad := read(t, file, audit.Filter{})
	if len(list) != 1 || bad != 0 || len(list[0].Broken) != 50 || list[0].Script.Bytes != 1<<20 {
		t.Fatalf("%d entries, %d bad", len(list), bad)
	}
	if !strings.HasSuffix(list[0].Script.Source, "…") || len(list[0].Script.Source) > 64<<10 {
		t.Errorf("%d bytes of text", len(list[0].Script.Source))
	}
}

func TestRotation(t *testing.T) {
	for _, keep := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			l, file := open(t, audit.Options{MaxSize: 1000, Keep: keep})
			for i := range 100 {
				if err := l.Write(entry(fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			files, err := filepath.Glob(file + "*")
			if err != nil || len(files) != keep+1 {
				t.Fatalf("%q", files)
			}
			for _, f := range files {
				if info, err := os.Stat(f); err != nil || info.Size() > 1000 || info.Size() == 0 {
					t.Errorf("%s: %v %v", f, info.Size(), err)
				}
			}
			list, bad := read(t, file, audit.Filter{})
			for i, e := range list {
				if want := fmt.Sprint(100 - len(list) + i); e.Run != want {
					t.Fatalf("entry %d is %s, want %s", i, e.Run, want)
				}
			}
			if len(list) < 5*(keep+1)/2 || bad != 0 {
				t.Errorf("%d entries, %d bad", len(list), bad)
			}
		})
	}
}

func TestConcurrent(t *testing.T) {
	l, file := open(t, audit.Options{MaxSize: 4096, Keep: 100})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 25 {
				if err := l.Write(entry(fmt.Sprint(i, "-", k))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, bad := read(t, file, audit.Filter{})
	seen := map[string]bool{}
	for _, e := range list {
		seen[e.Run] = true
	}
	if len(seen) != 200 || len(list) != 200 || bad != 0 {
		t.Errorf("%d of %d, %d bad", len(seen), len(list), bad)
	}
}

func TestTorn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(file, []byte(`{"time":"2026-01-02T03:04:05Z","event":"run","outcome":"x","run":"first"}`+"\n"+`{"time":"2026-01-`), 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := open(t, audit.Options{File: file})
	if err := l.Write(entry("second")); err != nil {
		t.Fatal(err)
	}
	list, bad := read(t, file, audit.Filter{})
	if diff := cmp.Diff([]string{"first", "second"}, runs(list)); diff != "" || bad != 1 {
		t.Errorf("%d bad: %s", bad, diff)
	}
}

// TestMoved has somebody else rotate, or remove, the file.
func TestMoved(t *testing.T) {
	l, file := open(t, audit.Options{})
	steps := []func() error{
		func() error { return nil },
		func() error { return os.Rename(file, file+".1") },
		func() error { return os.Remove(file) },
		func() error { return os.Truncate(file, 0) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		if err := l.Write(entry(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		list, _ := read(t, file, audit.Filter{Last: 1})
		if len(list) != 1 || list[0].Run != fmt.Sprint(i) {
			t.Errorf("step %d: %v", i, runs(list))
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link, fifo := filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.Symlink(target, link), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{link, fifo, dir, filepath.Join(dir, "no", "such"), "/dev/null", ""} {
		if l, err := audit.Open(audit.Options{File: file}); err == nil {
			l.Close()
			t.Errorf("%q was opened", file)
		} else if file != "" && !strings.Contains(err.Error(), file) {
			t.Errorf("%v does not name %s", err, file)
		}
	}
}

func TestClosed(t *testing.T) {
	l, _ := open(t, audit.Options{})
	if err := errors.Join(l.Write(entry("1")), l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(entry("2")); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestFullDisk fills a small file system: what does not fit is counted, what
// was there stays whole, and writing goes on when there is room again.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skip: not root, cannot mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32k"); err != nil {
		t.Skipf("skip: cannot mount a small file system: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	file, ballast := filepath.Join(dir, "audit.log"), filepath.Join(dir, "ballast")
	l, err := audit.Open(audit.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.WriteFile(ballast, make([]byte, 16<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	written, lost := 0, 0
	for i := 0; lost < 5 && i < 10000; i++ {
		if err := l.Write(entry(fmt.Sprint(i))); err == nil {
			written++
		} else if lost++; !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	if lost != 5 || l.Lost() != 5 || written == 0 {
		t.Fatalf("%d written, %d lost, %d counted", written, lost, l.Lost())
	}
	list, bad := read(t, file, audit.Filter{})
	if len(list) != written || bad != 0 {
		t.Errorf("%d of %d entries, %d bad", len(list), written, bad)
	}
	if err := errors.Join(os.Remove(ballast), l.Write(entry("again"))); err != nil {
		t.Fatal(err)
	}
	list, bad = read(t, file, audit.Filter{Last: 1})
	if len(list) != 1 || list[0].Run != "again" || list[0].Lost != 5 || bad != 0 {
		t.Errorf("%+v, %d bad", list, bad)
	}
	if err := l.Write(entry("more")); err != nil {
		t.Fatal(err)
	}
	if list, _ = read(t, file, audit.Filter{Last: 1}); list[0].Lost != 0 {
		t.Errorf("%+v", list)
	}
}
