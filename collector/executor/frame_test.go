package executor

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRequestCrossesTheSocketWhole(t *testing.T) {
	r := &request{
		kind: kindRun, path: "/usr/bin/bpftrace", version: Version{0, 27, 1, "-rc1"}, source: "BEGIN { \xff }", args: []string{"", "-5", "a b"},
		pattern: "x:*", unsafe: true, tz: "Europe/Berlin", limits: Limits{false, 1, 2, 3, 4, 5 << 30, 6 * time.Second, 150},
		dir: "/var/tmp", env: []string{"BPFTRACE_BTF=/bin/true", "BPFTRACE_VMLINUX=/bin/sh"},
	}
	got, err := unpackRequest(r.pack())
	if err != nil || !reflect.DeepEqual(r, got) {
		t.Errorf("%+v, %v", got, err)
	}
	st := exitStatus{code: -1, signal: syscall.SIGSEGV, user: 1, system: 2, maxRSS: 3, oom: 4, data: 5, cpu: 6}
	if got := unpackStatus(st.pack()); got != st {
		t.Errorf("%+v", got)
	}
	st.lost = errors.New("why")
	if got := unpackStatus(st.pack()); got.lost == nil || got.lost.Error() != "why" {
		t.Errorf("%+v", got)
	}
	if got := unpackStatus([]byte("?")); got.lost == nil {
		t.Error("junk is a status")
	}
}

// serve starts a helper in this process and returns the other end.
func serve(t *testing.T, o HelperOptions) (*frameConn, chan error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skip: the helper serves as root only")
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(pair[0]), "client")
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	served := make(chan error, 1)
	go func() { served <- ServeHelper(os.NewFile(uintptr(pair[1]), "helper"), o) }()
	fc := newFrameConn(c.(*net.UnixConn), maxReply)
	if fr, err := fc.read(); err != nil || fr.op != opHello || string(fr.payload) != helloText {
		t.Fatalf("%+v, %v", fr, err)
	}
	return fc, served
}

func TestHelperRefuses(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(dir, "bpftrace")
	if err := os.WriteFile(theirs, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(theirs, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	valid := request{kind: kindRun, path: "/bin/true", version: Version{0, 23, 0, ""}, source: "BEGIN { }"}
	for name, tc := range map[string]struct {
		change func(*request)
		raw    []byte
	}{
		"another's program": {change: func(r *request) { r.path = theirs }},
		"relative path":     {change: func(r *request) { r.path = "bpftrace" }},
		"dotted path":       {change: func(r *request) { r.path = "/bin/../bin/true" }},
		"directory":         {change: func(r *request) { r.path = "/bin" }},
		"unsafe":            {change: func(r *request) { r.unsafe = true }},
		"unknown kind":      {change: func(r *request) { r.kind = "shell" }},
		"NUL in script":     {change: func(r *request) { r.source = "\x00" }},
		"file as pattern":   {change: func(r *request) { r.kind, r.pattern = kindList, "/etc/shadow" }},
		"negative limit":    {change: func(r *request) { r.limits.MaxProbes = -1 }},
		"relative dir":      {change: func(r *request) { r.dir = "tmp" }},
		"dir that is none":  {change: func(r *request) { r.dir = "/bin/true" }},
		"other variable":    {change: func(r *request) { r.env = []string{"LD_PRELOAD=/bin/true"} }},
		"no variable":       {change: func(r *request) { r.env = []string{""} }},
		"another's file":    {change: func(r *request) { r.env = []string{"BPFTRACE_BTF=" + theirs} }},
		"relative file":     {change: func(r *request) { r.env = []string{"BPFTRACE_BTF=vmlinux"} }},
		"junk":              {raw: []byte("\x01\x02\x03")},
		"cut short":         {raw: valid.pack()[:20]},
	} {
		t.Run(name, func(t *testing.T) {
			fc, served := serve(t, HelperOptions{})
			payload := tc.raw
			if payload == nil {
				r := valid
				tc.change(&r)
				payload = r.pack()
			}
			if err := fc.write(opStart, 0, payload); err != nil {
				t.Fatal(err)
			}
			if fr, err := fc.read(); err != nil || fr.op != opRefused || len(fr.payload) == 0 {
				t.Errorf("%q %q, %v", fr.op, fr.payload, err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHelperServesOnce(t *testing.T) {
	fc, served := serve(t, HelperOptions{})
	r := request{kind: kindRun, path: "/bin/true", version: Version{0, 23, 0, ""}, source: "BEGIN { }"}
	if err := fc.write(opStart, 0, r.pack()); err != nil {
		t.Fatal(err)
	}
	for _, op := range []byte{opStarted, opExit} {
		fr, err := fc.read()
		if err != nil || fr.op != op {
			t.Fatalf("%q %q, %v", fr.op, fr.payload, err)
		}
		if op == opStarted && len(fc.fds) != 3 {
			t.Errorf("%d descriptors", len(fc.fds))
		}
		fc.dropFDs()
	}
	if err := fc.write(opStart, 0, r.pack()); err != nil {
		t.Fatal(err)
	}
	if fr, err := fc.read(); err != nil || fr.op != opRefused {
		t.Errorf("a second start: %q, %v", fr.op, err)
	}
	<-served
}

func TestHelperEndsOnNonsense(t *testing.T) {
	for name, raw := range map[string][]byte{
		"unknown frame": {'?', 0, 0, 0, 0, 0, 0, 0, 0},
		"huge frame":    {opStart, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		"half a frame":  {opStart, 0},
	} {
		t.Run(name, func(t *testing.T) {
			fc, served := serve(t, HelperOptions{})
			if _, err := fc.c.Write(raw); err != nil {
				t.Fatal(err)
			}
			_ = fc.c.CloseWrite()
			select {
			case <-served:
			case <-time.After(30 * time.Second):
				t.Fatal("the helper goes on")
			}
		})
	}
}
