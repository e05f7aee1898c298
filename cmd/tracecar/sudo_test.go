package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tracecar/collector/executor/executortest"
)

// account is a user of this host made for a test, and a tracecar that root owns.
type account struct {
	name, tracecar string
	prefix         string // a directory that root alone can change
	credential     *syscall.Credential
}

func newAccount(t *testing.T) *account {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skip: making a user needs root")
	}
	for _, tool := range []string{"sudo", "useradd", "userdel", "visudo"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("skip: no " + tool + " here")
		}
	}
	a := &account{name: fmt.Sprintf("tracecar-c%d", os.Getpid())}
	// Not below /tmp: root trusts nothing in a directory that others can write.
	var err error
	if a.prefix, err = os.MkdirTemp("/var/lib", "tracecar-cmd-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(a.prefix) })
	if out, err := exec.Command("useradd", "-M", "-s", "/bin/sh", a.name).CombinedOutput(); err != nil {
		t.Skipf("skip: useradd: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// It is refused while a process of the user's is still ending.
		var out []byte
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			var err error
			if out, err = exec.Command("userdel", a.name).CombinedOutput(); err == nil {
				return
			}
		}
		t.Errorf("userdel: %s", out)
	})
	u, err := user.Lookup(a.name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	a.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	a.tracecar = filepath.Join(a.prefix, "bin/tracecar")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{a.prefix: 0o755, a.prefix + "/bin": 0o755, a.prefix + "/home": 0o755} {
		if err := os.MkdirAll(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(a.prefix+"/home", int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.tracecar, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return a
}

// command is what the account would run.
func (a *account) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = "/"
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + a.prefix + "/home", "GORACE=atexit_sleep_ms=0"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	return c
}

// root runs tracecar as root and returns what it prints.
func (a *account) root(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.Command(a.tracecar, args...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + a.prefix + "/home", "GORACE=atexit_sleep_ms=0"}
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// result is the part of a Result that these tests look at.
type result struct {
	Status  string `json:"status"`
	Version string `json:"bpftrace_version"`
	Events  []struct {
		Data string `json:"data"`
	} `json:"events"`
	Maps []struct {
		Rows []struct {
			Key       []any `json:"key"`
			Ambiguous bool  `json:"ambiguous"`
		} `json:"rows"`
	} `json:"maps"`
	Diagnostics []struct {
		Message string `json:"message"`
	} `json:"diagnostics"`
}

// exact is a script with a key that only the kernel's copy of the map tells
// apart, and its user id.
const exact = `BEGIN { @["a, b", "c"] = 1; @["a", "b, c"] = 2; printf("uid %d\n", uid); } interval:ms:100 { exit(); }`

func (r *result) check(t *testing.T, keysExact bool) {
	t.Helper()
	if r.Status != "completed" || len(r.Events) != 1 || len(r.Maps) != 1 || len(r.Maps[0].Rows) != 2 {
		t.Fatalf("%+v", r)
	}
	for _, row := range r.Maps[0].Rows {
		if k := fmt.Sprint(row.Key...); keysExact && (row.Ambiguous || len(row.Key) != 2) {
			t.Errorf("key %s ambiguous %v", k, row.Ambiguous)
		}
	}
}

func decodeResult(t *testing.T, out []byte) *result {
	t.Helper()
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return &r
}

// TestInstalledHelper goes the way that README tells: install, take the line
// into sudoers, trace as a user, and take it all away again.
func TestInstalledHelper(t *testing.T) {
	a := newAccount(t)
	helper := a.prefix + "/libexec/tracecar/tracecar"
	line, stderr, code := a.root(t, "sudoers", "--install", "--prefix", a.prefix, a.name)
	if want := a.name + " ALL=(root) NOPASSWD: " + helper + " root-helper\n"; code != 0 || line != want || stderr != "" {
		t.Fatalf("exit code %d, %q, want %q; %s", code, line, want, stderr)
	}
	fi, err := os.Lstat(helper)
	if err != nil || fi.Mode() != 0o755 {
		t.Fatalf("%v, %v", fi, err)
	}
	if again, _, code := a.root(t, "sudoers", "--install", "--prefix", a.prefix, a.name); code != 0 || again != line {
		t.Errorf("a second time: exit code %d, %q", code, again)
	}
	if now, err := os.Lstat(helper); err != nil || !os.SameFile(fi, now) {
		t.Error("the same helper was installed again")
	}
	file := "/etc/sudoers.d/" + a.name
	if err := os.WriteFile(file, []byte(line), 0o440); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file) })

	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		out, err := a.command(a.tracecar, "run", "--sudo", "--bpftrace", p.Path, "-e", exact).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		r := decodeResult(t, out)
		r.check(t, true)
		if r.Version != p.Version || r.Events[0].Data != "uid 0\n" {
			t.Errorf("%+v", r)
		}
		out, err = a.command(a.tracecar, "run", "--sudo", "--bpftrace", p.Path, "-e", `BEGIN { system("id"); exit(); }`).Output()
		if r := decodeResult(t, out); err == nil || r.Status != "failed" || !strings.Contains(fmt.Sprint(r.Diagnostics), "unsafe") {
			t.Errorf("system(): %v: %s", err, out)
		}
		out, err = a.command(a.tracecar, "run", "--sudo", "--unsafe", "--bpftrace", p.Path, "-e", `BEGIN { system("id"); exit(); }`).Output()
		if r := decodeResult(t, out); err == nil || len(r.Events) > 0 || !strings.Contains(fmt.Sprint(r.Diagnostics), "--unsafe is not allowed here") {
			t.Errorf("--unsafe: %v: %s", err, out)
		}
	})

	t.Run("nothing else", func(t *testing.T) {
		for _, argv := range [][]string{
			{helper}, {helper, "run", "-e", "BEGIN { exit(); }"}, {helper, "root-helper", "x"}, {helper, "--help"},
			{a.tracecar, "root-helper"}, {"/bin/true"}, {executortest.Newest(t).Path, "--version"},
			{"-u", "nobody", helper, "root-helper"}, {"-E", helper, "root-helper"}, {"X=1", helper, "root-helper"},
		} {
			c := a.command("sudo", append([]string{"-n"}, argv...)...)
			out, err := c.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "sudo:") {
				t.Errorf("%q: %v: %s", argv, err, out)
			}
		}
		// The exact command starts, and serves nobody but a socket.
		out, err := a.command("sudo", "-n", helper, "root-helper").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "is no socket") {
			t.Errorf("%v: %s", err, out)
		}
		for _, op := range [][]string{{"sh", "-c", "echo x >> " + helper}, {"mv", helper, helper + "2"}, {"rm", "-f", helper}, {"ln", "-s", "/bin/sh", filepath.Dir(helper) + "/x"}} {
			if out, err := a.command(op[0], op[1:]...).CombinedOutput(); err == nil {
				t.Errorf("the user can %q: %s", op, out)
			}
		}
	})
	t.Run("no orphan", func(t *testing.T) {
		executortest.Each(t, func(t *testing.T, p executortest.Program) { a.killed(t, p.Path, "--sudo") })
	})

	if _, stderr, code := a.root(t, "sudoers", "--uninstall", "--prefix", a.prefix); code != 0 || stderr != "" {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if _, err := os.Lstat(a.prefix + "/libexec"); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
	if _, stderr, code := a.root(t, "sudoers", "--uninstall", "--prefix", a.prefix); code != 0 || stderr != "" {
		t.Errorf("a second time: exit code %d: %s", code, stderr)
	}
	out, err := a.command(a.tracecar, "run", "--sudo", "--bpftrace", executortest.Newest(t).Path, "-e", exact).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "a password is required") {
		t.Errorf("after that: %v: %s", err, out)
	}
}

// killed starts a run as the user, kills tracecar, and waits for its bpftrace
// to go.
func (a *account) killed(t *testing.T, bpftrace string, flags ...string) {
	t.Helper()
	args := append([]string{"run", "--stream", "--bpftrace", bpftrace, "-e", `BEGIN { printf("pid %d\n", pid); } interval:s:3600 { }`}, flags...)
	c := a.command(a.tracecar, args...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	text := make([]byte, 0, 64<<10)
	for pid == 0 {
		n, err := out.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if _, after, ok := bytes.Cut(text, []byte(`"pid `)); ok {
			_, _ = fmt.Sscan(strings.ReplaceAll(string(after), `\n`, " "), &pid)
		}
		if err != nil {
			break
		}
	}
	if pid == 0 || !living(pid) {
		t.Fatalf("no bpftrace: %d: %s", pid, text)
	}
	t.Cleanup(func() { // a failed test leaves no orphan either
		if living(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	_ = c.Process.Kill()
	_, _ = io.Copy(io.Discard, out)
	_ = c.Wait()
	for end := time.Now().Add(time.Minute); living(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("bpftrace %d outlives tracecar", pid)
		}
	}
}

func living(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, _ := strings.Cut(string(b), ") ")
	return err == nil && state != "" && state[0] != 'Z' && state[0] != 'X'
}

// TestHelperIsNotInstalledWhereOthersCanWrite: root would run what they put there.
func TestHelperIsNotInstalledWhereOthersCanWrite(t *testing.T) {
	a := newAccount(t)
	theirs := a.prefix + "/home"
	for _, c := range []struct{ prefix, want string }{
		{theirs, theirs + " does not belong to root"},
		{"/tmp", "/tmp is writable by others than root"},
		{t.TempDir(), "/tmp is writable by others than root"},
		{a.prefix + "/none", "no such file"},
		{"lib", "has to be an absolute path"},
	} {
		out, stderr, code := a.root(t, "sudoers", "--install", "--prefix", c.prefix, a.name)
		if code == 0 || out != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, %q: %s", c.prefix, code, out, stderr)
		}
		if _, err := os.Lstat(c.prefix + "/libexec"); err == nil {
			t.Errorf("%s: something was installed", c.prefix)
		}
	}
	// The directories were there before, and are somebody else's.
	if err := os.MkdirAll(a.prefix+"/libexec/tracecar", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(a.prefix+"/libexec", 0o775); err != nil {
		t.Fatal(err)
	}
	if out, stderr, code := a.root(t, "sudoers", "--install", "--prefix", a.prefix, a.name); code == 0 || out != "" || !strings.Contains(stderr, "/libexec is writable by others") {
		t.Errorf("exit code %d, %q: %s", code, out, stderr)
	}
	if err := os.Chmod(a.prefix+"/libexec", 0o755); err != nil {
		t.Fatal(err)
	}
	// A helper that is not root's is replaced, not written to; nor is one used.
	helper := a.prefix + "/libexec/tracecar/tracecar"
	if err := os.WriteFile(helper, []byte("#!/bin/sh\nid\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(helper, int(a.credential.Uid), 0); err != nil {
		t.Fatal(err)
	}
	if out, err := a.command(a.tracecar, "run", "--sudo", "-e", exact).CombinedOutput(); err == nil || !strings.Contains(string(out), "the installed root helper is not used: "+helper+" does not belong to root") {
		t.Errorf("%v: %s", err, out)
	}
	if _, stderr, code := a.root(t, "sudoers", "--install", "--prefix", a.prefix, a.name); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if fi, err := os.Lstat(helper); err != nil || fi.Sys().(*syscall.Stat_t).Uid != 0 || fi.Sys().(*syscall.Stat_t).Nlink != 1 {
		t.Errorf("%+v, %v", fi, err)
	}
	// Only root installs, and only names of users get into the line.
	for _, args := range [][]string{{"--install", "--prefix", a.prefix}, {"--uninstall", "--prefix", a.prefix}} {
		if out, err := a.command(a.tracecar, append([]string{"sudoers"}, args...)...).CombinedOutput(); err == nil || !strings.Contains(string(out), "only root can") {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
	for _, args := range [][]string{{"ALL"}, {"a b"}, {"x ALL=(ALL) NOPASSWD: ALL"}, {"a,b"}, {"#include"}, {"!x"}, {"x\ny"}, {}, {"--install", "--uninstall", "x"}, {"--uninstall", "x"}} {
		if out, stderr, code := a.root(t, append([]string{"sudoers"}, args...)...); code != exitUsage || out != "" {
			t.Errorf("%q: exit code %d, %q: %s", args, code, out, stderr)
		}
	}
	// Without the helper a program that others can change is named as what it is.
	if _, stderr, code := a.root(t, "sudoers", "--uninstall", "--prefix", a.prefix); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	mine := theirs + "/tracecar"
	if err := os.Link(a.tracecar, mine); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(mine, "sudoers", a.name)
	c.Env = []string{"GORACE=atexit_sleep_ms=0"}
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "would give away root") {
		t.Errorf("%v: %s", err, out)
	}
}
