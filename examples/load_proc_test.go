package examples

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// processes starts programs that end well, badly, by a signal and by a fault,
// look up a name, and allocate memory.
func (l *workload) processes() {
	for _, argv := range [][]string{
		{"/bin/bash", "-c", "x=$(ls -lR /etc/default); exit 3"},
		{"/bin/sh", "-c", "kill -KILL $$"},
		{"/bin/sh", "-c", "ulimit -c 0; kill -SEGV $$"},
		{"getent", "ahosts", "localhost"},
		{"getent", "ahosts", "no-such-host.invalid"},
	} {
		if l.ctx.Err() != nil {
			return
		}
		cmd := exec.CommandContext(l.ctx, argv[0], argv[1:]...)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
		_ = cmd.Run() // how it ends is the point, not an error
	}
}

// eaterEnv makes this test binary move into the cgroup that it names, read
// the file that eaterFile names, then allocate until it is killed.
const (
	eaterEnv  = "TRACECAR_EXAMPLES_EAT_IN"
	eaterFile = "TRACECAR_EXAMPLES_EAT_FILE"
	eaterMax  = 256 << 20 // should nobody kill it
)

// newMemoryCgroup makes a cgroup that holds 32 MB, version 1 or 2, and
// returns its directory; "" where that cannot be.
func newMemoryCgroup(t *testing.T) string {
	_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0o644) // version 2
	for _, root := range []struct{ dir, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"},
	} {
		dir := filepath.Join(root.dir, "tracecar-examples-"+strconv.Itoa(os.Getpid()))
		if _, err := os.Stat(filepath.Join(root.dir, "cgroup.procs")); err != nil || os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil { // rmdir: its files are the kernel's
				t.Errorf("removing the memory cgroup: %v", err)
			}
		})
		if os.WriteFile(filepath.Join(dir, root.limit), []byte("33554432"), 0o644) == nil {
			_ = os.WriteFile(filepath.Join(dir, "memory.swap.max"), []byte("0"), 0o644)
			return dir
		}
	}
	t.Log(needsMemoryCgroup)
	return ""
}

// eat runs this test binary again, as eater.
func (l *workload) eat(cgroup string) {
	f, err := os.CreateTemp(l.dir, "eaten-*")
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	_ = f.Truncate(eaterMax)
	_ = f.Close()
	cmd := exec.CommandContext(l.ctx, "/proc/self/exe")
	cmd.Env = []string{eaterEnv + "=" + cgroup, eaterFile + "=" + f.Name()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	_ = cmd.Run()
}

func eatMemory() {
	if err := os.WriteFile(filepath.Join(os.Getenv(eaterEnv), "cgroup.procs"), []byte("0"), 0o644); err != nil {
		os.Exit(1)
	}
	if f, err := os.Open(os.Getenv(eaterFile)); err == nil {
		_, _ = io.Copy(io.Discard, f) // first the page cache fills up, and is reclaimed
		_ = f.Close()
	}
	var eaten [][]byte
	for total := 0; total < eaterMax; total += 1 << 20 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		eaten = append(eaten, b)
	}
	os.Exit(len(eaten) & 1)
}
