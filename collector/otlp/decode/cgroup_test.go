package decode

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/collector/cgroupfs"
	"tracecar/parser"
)

// inCgroup names the group that TestCgroupNamespace's helper joins, and what
// it does there.
const inCgroup = "TRACECAR_TEST_CGROUP"

const noNamespaces = "skip: no namespaces can be made here"

// TestCgroupNamespace makes a container's view of control groups, and decodes
// in it: with the host's hierarchy mounted ids become the host's paths; with
// the container's own, whose top is called / there, they stay numbers.
func TestCgroupNamespace(t *testing.T) {
	if role, dir, ok := strings.Cut(os.Getenv(inCgroup), ":"); ok {
		actInCgroup(t, role, dir)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("skip: not root, control groups cannot be made")
	}
	root, ok := unifiedRoot()
	if !ok {
		t.Skip("skip: no unified hierarchy is mounted as a whole")
	}
	dir := filepath.Join(root, "tracecar-decode-"+strconv.Itoa(os.Getpid()))
	if err := os.MkdirAll(dir+"/inner", 0o755); err != nil {
		t.Skip("skip: control groups cannot be made: " + err.Error())
	}
	t.Cleanup(func() {
		_ = os.Remove(dir + "/inner")
		for range 1000 { // a process may leave it a moment after it was waited for
			if os.Remove(dir) == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s is left", dir)
	})
	out, err := helper("join:"+dir, 0)
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if strings.Contains(out, noNamespaces) {
		t.Skip(noNamespaces)
	}
	name := "/" + filepath.Base(dir)
	for _, want := range []string{
		"host: 1 is text /\n", "host: dir is text " + name + "\n", "host: inner is text " + name + "/inner\n",
		"own: 1 is a number\n", "own: dir is a number\n", "own: inner is a number\n", "PASS",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func helper(role string, flags uintptr) (string, error) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestCgroupNamespace$", "-test.v")
	cmd.Env = append(os.Environ(), inCgroup+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func actInCgroup(t *testing.T, role, dir string) {
	if role == "join" {
		if err := os.WriteFile(dir+"/cgroup.procs", []byte("0"), 0); err != nil {
			t.Fatal(err)
		}
		out, err := helper("look:"+dir, unix.CLONE_NEWCGROUP|unix.CLONE_NEWNS)
		if os.IsPermission(err) {
			out, err = noNamespaces, nil
		}
		fmt.Print(out)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	mount := func(source, dir, kind string, flags uintptr) {
		if err := unix.Mount(source, dir, kind, flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE)
	ids := map[string]uint64{"1": 1}
	for name, path := range map[string]string{"dir": dir, "inner": dir + "/inner"} {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		ids[name] = st.Ino
	}
	look := func(view string) {
		c := newCgroup()
		for name, id := range ids {
			v := c.Decode(parser.Uint(id))
			is := "a number"
			if v.Kind() == parser.KindText {
				is = "text " + v.Text()
			}
			fmt.Printf("%s: %s is %s\n", view, name, is)
		}
	}
	look("host")
	// The root of another file system may have the number of a group.
	mount("tmpfs", dir+"/inner", "tmpfs", 0)
	var other unix.Stat_t
	if err := unix.Stat(dir+"/inner", &other); err != nil {
		t.Fatal(err)
	}
	if got := newCgroup().Decode(parser.Uint(other.Ino)).Text(); strings.HasSuffix(got, "/inner") {
		t.Errorf("%d is %s, which is no group", other.Ino, got)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if m, ok := cgroupfs.ParseMount(line); ok && m.V2 {
			if err := unix.Unmount(m.Dir, unix.MNT_DETACH); err != nil {
				t.Fatal(err)
			}
			mount("cgroup2", m.Dir, "cgroup2", 0)
		}
	}
	look("own")
}
