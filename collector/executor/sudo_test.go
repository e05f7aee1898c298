package executor

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// testUser is of this process: several may test at once.
var testUser = fmt.Sprintf("tracecar-t%d", os.Getpid())

// sudoHost is a user who may run the root helper, and only that, by sudo.
type sudoHost struct {
	dir, helper string
	uid, gid    uint32
}

// setUpSudo makes the user and the sudoers line, and takes both away again.
// options are sudo's Defaults for that user.
func setUpSudo(t *testing.T, granted bool, options ...string) *sudoHost {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skip: making a user and a sudoers file needs root")
	}
	for _, tool := range []string{"sudo", "useradd", "userdel"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("skip: no " + tool + " here")
		}
	}
	// Not below /tmp: root trusts no program in a directory others can write.
	dir, err := os.MkdirTemp("/var/lib", "tracecar-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if why := untrusted(dir); strings.Contains(why, "root") {
		t.Skip("skip: " + why)
	}
	if _, err := user.Lookup(testUser); err != nil {
		if out, err := exec.Command("useradd", "-M", "-s", "/bin/sh", testUser).CombinedOutput(); err != nil {
			t.Skipf("skip: useradd: %v: %s", err, out)
		}
	}
	t.Cleanup(func() { _ = exec.Command("userdel", testUser).Run() })
	u, err := user.Lookup(testUser)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	h := &sudoHost{dir: dir, uid: uint32(uid), gid: uint32(gid)}

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/program", program, 0o755); err != nil {
		t.Fatal(err)
	}
	h.helper = dir + "/helper"
	script := fmt.Sprintf("#!/bin/sh\nexport GORACE=atexit_sleep_ms=0\n%s=helper exec %s/program\n", roleVariable, dir)
	if err := os.WriteFile(h.helper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if granted {
		file := "/etc/sudoers.d/" + testUser
		line := strings.Replace(SudoersLine("", []string{h.helper}), "root", testUser, 1) // the first word is the user's name
		for _, o := range options {
			line = "Defaults:" + testUser + " " + o + "\n" + line
		}
		if err := os.WriteFile(file, []byte(line+"\n"), 0o440); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(file) })
	}
	return h
}

// client starts this binary as a tracecar of the test user.
func (h *sudoHost) client(mode, bpftrace, script string) *exec.Cmd {
	c := exec.Command(h.dir+"/program", bpftrace, h.helper, script)
	c.Env = []string{roleVariable + "=client:" + mode, "PATH=/usr/bin:/bin", "GORACE=atexit_sleep_ms=0"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: h.uid, Gid: h.gid}}
	c.Dir = "/"
	return c
}

func TestSudoTour(t *testing.T) {
	h := setUpSudo(t, true)
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		if why := untrusted(bt.Path()); why != "" {
			t.Skip("skip: " + why)
		}
		out, err := h.client("tour", bt.Path(), "").CombinedOutput()
		if err != nil {
			t.Errorf("%v", err)
		}
		contains(t, string(out), "sudo: <nil>\n", "btf true\n", "valid false", "cuont", "did you mean count()", "{prev_comm char[16]}",
			"unsafe: root helper: --unsafe is not allowed here\n", `uid 0\n`, `"@n"`,
			"exit exit status 0 stopped true rss true err <nil> <nil>\n",
			"echo true <nil>\n", "fail: as asked\n", `nosuch: no handler for "nosuch"`)
	})
}

// TestSudoInAPty: with use_pty, the default of newer sudos, the lifeline holds.
func TestSudoInAPty(t *testing.T) {
	h := setUpSudo(t, true, "use_pty")
	c := h.client("hold", anyBpftrace(t), silent)
	pid, _ := held(t, c)
	_ = c.Process.Kill()
	waitFor(t, "bpftrace to die with its lifeline", func() bool { return !alive(pid) })
}

func TestSudoThatLogsInput(t *testing.T) {
	h := setUpSudo(t, true, "log_input", "iolog_dir="+t.TempDir())
	out, err := h.client("hold", anyBpftrace(t), "BEGIN { exit(); }").CombinedOutput()
	if err == nil {
		t.Skip("skip: this sudo hands standard input on though it logs it")
	}
	contains(t, string(out), "does sudo log input?")
}

// TestHelperKillsAStubbornBpftrace: one that ignores every signal it can.
func TestHelperKillsAStubbornBpftrace(t *testing.T) {
	h := setUpSudo(t, true)
	script := fmt.Sprintf("#!/bin/sh\nexport GORACE=atexit_sleep_ms=0\n%s=fake:hang-term exec %s/program \"$@\"\n", roleVariable, h.dir)
	if err := os.WriteFile(h.dir+"/bpftrace", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c := h.client("hold", h.dir+"/bpftrace", silent)
	pid, _ := held(t, c)
	_ = c.Process.Kill()
	waitFor(t, "bpftrace to be killed", func() bool { return !alive(pid) })
}

// TestCapableProgram: the kernel forgets PDEATHSIG for such a bpftrace.
func TestCapableProgram(t *testing.T) {
	h := setUpSudo(t, false)
	script := "#!/bin/sh\necho bpftrace v0.27.1\n"
	if err := os.WriteFile(h.dir+"/setuid", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(h.dir+"/setuid", 0o4755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	h.helper = ""
	out, err := h.client("hold", h.dir+"/setuid", silent).CombinedOutput()
	if err == nil {
		t.Error("it was started")
	}
	contains(t, string(out), "set-user-id", "it would outlive this process")
}

func TestSudoWithoutTheRight(t *testing.T) {
	h := setUpSudo(t, false)
	out, err := h.client("hold", anyBpftrace(t), "BEGIN { exit(); }").CombinedOutput()
	if err == nil {
		t.Error("it ran")
	}
	contains(t, string(out), "sudo: sudo: a password is required; give the right with visudo: ",
		"client: sudo: a password is required", testUser+" ALL=(root) NOPASSWD: "+h.helper)
}

func TestSudoRefusesABpftraceOthersCanReplace(t *testing.T) {
	h := setUpSudo(t, true)
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	mine := h.dir + "/mine"
	if err := os.WriteFile(mine, []byte("#!/bin/sh\necho bpftrace v0.23.2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(mine, int(h.uid), int(h.gid)); err != nil {
		t.Fatal(err)
	}
	out, _ := h.client("hold", mine, "BEGIN { exit(); }").CombinedOutput()
	contains(t, string(out), "will not run this bpftrace as root: "+mine+" does not belong to root")
}

// held starts a client that holds a bpftrace, and returns both, and the
// client's output from then on.
func held(t *testing.T, c *exec.Cmd) (bpftrace int, rest func() string) {
	t.Helper()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	r := bufio.NewScanner(out)
	for r.Scan() {
		if _, err := fmt.Sscanf(r.Text(), "pid %d", &bpftrace); err == nil {
			t.Cleanup(func() { // a failed test leaves no orphan either
				if alive(bpftrace) {
					_ = syscall.Kill(bpftrace, syscall.SIGKILL)
				}
			})
			return bpftrace, func() string {
				var b strings.Builder
				for r.Scan() {
					b.WriteString(r.Text() + "\n")
				}
				return b.String()
			}
		}
		t.Log(r.Text())
	}
	t.Fatal("the client held nothing")
	return 0, nil
}

// alive tells whether a process is there and no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return state != "" && state[0] != 'Z' && state[0] != 'X'
}

// children finds processes below pid by their command's name.
func children(t *testing.T, pid int, name string) (found []int) {
	t.Helper()
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	parents := map[int]int{}
	names := map[int]string{}
	for _, d := range dirs {
		b, err := os.ReadFile(d + "/stat")
		if err != nil {
			continue
		}
		id, _ := strconv.Atoi(filepath.Base(d))
		open, close := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
		fields := strings.Fields(string(b[close+1:]))
		names[id] = string(b[open+1 : close])
		parents[id], _ = strconv.Atoi(fields[1])
	}
	for id := range parents {
		for p := parents[id]; p > 1; p = parents[p] {
			if p == pid && names[id] == name {
				found = append(found, id)
				break
			}
		}
	}
	return found
}

const silent = `interval:s:3600 { printf("x"); }`

func TestNoOrphans(t *testing.T) {
	bpftrace := anyBpftrace(t)
	if os.Geteuid() != 0 {
		t.Skip("skip: bpftrace needs root")
	}
	t.Run("client killed", func(t *testing.T) {
		c := exec.Command(wrapper(t, t.TempDir(), "client:hold"), bpftrace, "", silent)
		pid, _ := held(t, c)
		_ = c.Process.Kill()
		waitFor(t, "bpftrace to die with its parent", func() bool { return !alive(pid) })
	})
	h := setUpSudo(t, true)
	t.Run("client of sudo killed", func(t *testing.T) {
		c := h.client("hold", bpftrace, silent)
		pid, _ := held(t, c)
		helpers := append(children(t, c.Process.Pid, "program"), children(t, c.Process.Pid, "sudo")...)
		if len(helpers) == 0 {
			t.Error("no helper seen")
		}
		_ = c.Process.Kill()
		waitFor(t, "bpftrace to die with its lifeline", func() bool { return !alive(pid) })
		for _, h := range helpers {
			waitFor(t, "the helper and sudo to end", func() bool { return !alive(h) })
		}
	})
	t.Run("helper killed", func(t *testing.T) {
		c := h.client("hold", bpftrace, silent)
		pid, rest := held(t, c)
		for _, helper := range children(t, c.Process.Pid, "program") {
			_ = syscall.Kill(helper, syscall.SIGKILL)
		}
		waitFor(t, "bpftrace to die with the helper", func() bool { return !alive(pid) })
		contains(t, rest(), "the root helper ended before bpftrace")
	})
	t.Run("sudo killed", func(t *testing.T) {
		c := h.client("hold", bpftrace, silent)
		pid, _ := held(t, c)
		for _, sudo := range children(t, c.Process.Pid, "sudo") {
			_ = syscall.Kill(sudo, syscall.SIGKILL)
		}
		_ = c.Process.Kill()
		waitFor(t, "bpftrace to die with its lifeline", func() bool { return !alive(pid) })
	})
	t.Run("helper terminated", func(t *testing.T) {
		c := h.client("hold", bpftrace, silent)
		pid, rest := held(t, c)
		for _, sudo := range children(t, c.Process.Pid, "sudo") {
			_ = syscall.Kill(sudo, syscall.SIGTERM) // relayed to the helper
		}
		waitFor(t, "bpftrace to end", func() bool { return !alive(pid) })
		contains(t, rest(), "exit ")
	})
}
