package executor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tracecar/collector/cgroupfs"
)

// realUnified finds a v2 hierarchy with a memory controller. Most machines have
// that or v1, whose groups the other tests make.
func realUnified(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skip: not root, control groups cannot be made")
	}
	for line := range strings.Lines(readTrimmed("/proc/self/mountinfo")) {
		if h, ok := cgroupfs.ParseMount(line); ok && h.V2 && has(h.Dir+"/cgroup.controllers", "memory") && notWritable(h.Dir) == "" {
			return h.Dir
		}
	}
	t.Skip("skip: no unified hierarchy with a memory controller here")
	return ""
}

// TestUnifiedForReal has the kernel bound bpftrace in a tree that was delegated
// to its parent, as systemd does with Delegate=yes.
func TestUnifiedForReal(t *testing.T) {
	top := realUnified(t)
	if !handDown(top, top) {
		t.Skip("skip: no unified hierarchy with a memory controller here that hands it down: " + top)
	}
	service := filepath.Join(top, "executor-test-"+itoa(os.Getpid()))
	if err := os.Mkdir(service, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, d := range []string{service + "/" + groupPrefix + "main", service} {
			waitFor(t, d+" to go", func() bool { err := unix.Rmdir(d); return err == nil || err == unix.ENOENT })
		}
	})
	if err := unix.Setxattr(service, "user.delegate", []byte("1"), 0); err != nil {
		t.Skip("skip: no extended attributes on " + service + ": " + err.Error())
	}
	dir := t.TempDir()
	c := exec.Command(wrapper(t, dir, "delegated"), service, wrapper(t, dir, "fake:mute"), wrapper(t, dir, "fake:eat"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	contains(t, string(out), "place "+service+" why \n", "own "+groupPrefix+"main\n", "group true\n",
		"memory.max 104857600\n", "memory.swap.max 0\n", "pids.max 512\n", "cpu.max 50000 100000\n", "left 0\n",
		"eaten killed by SIGKILL 104857600\n")
}

// inDelegatedTree is a tracecar that was started in a tree of its own:
// service, a bpftrace that does nothing, and one that eats memory.
func inDelegatedTree(ctx context.Context) error {
	service := os.Args[1]
	if err := os.WriteFile(service+"/cgroup.procs", []byte(itoa(os.Getpid())), 0); err != nil {
		return err
	}
	place := hostGroups()
	fmt.Println("place", place.unified, "why", place.why)
	fmt.Println("own", filepath.Base(groupPaths(readTrimmed("/proc/self/cgroup"))[""]))
	limits := Limits{Memory: 100 << 20, CPUPercent: 50}
	for i, path := range os.Args[2:] {
		bt, err := Find(ctx, Config{Path: path, Limits: limits})
		if err != nil {
			return err
		}
		p, err := bt.Start(ctx, Job{Source: "BEGIN { }"})
		if err != nil {
			return err
		}
		if i == 0 {
			group := ""
			for !strings.Contains(group, groupPrefix) || strings.HasSuffix(group, "main") {
				group = groupPaths(readTrimmed("/proc/" + itoa(p.PID()) + "/cgroup"))[""]
			}
			dir := filepath.Join(service, filepath.Base(group))
			fmt.Println("group", exists(dir))
			for _, f := range []string{"memory.max", "memory.swap.max", "pids.max", "cpu.max"} {
				fmt.Println(f, readTrimmed(dir+"/"+f))
			}
			p.Kill()
		}
		exit, err := p.Wait()
		if err != nil {
			return err
		}
		p.Close()
		if i == 1 {
			fmt.Println("eaten", exit, exit.OutOfMemory)
		}
		left, _ := filepath.Glob(service + "/" + groupPrefix + "[0-9]*")
		fmt.Println("left", len(left))
	}
	return nil
}
