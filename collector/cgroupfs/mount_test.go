package cgroupfs

import (
	"os"
	"strings"
	"testing"
)

func TestParseMount(t *testing.T) {
	for line, want := range map[string]Mount{
		"35 31 0:32 /a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n": {Root: "/a", Dir: "/sys/fs/cgroup/memory", V1: []string{"rw", "memory"}},
		`41 31 0:38 / /sys/fs/a\040b rw,relatime shared:4 - cgroup2 none rw`: {Root: "/", Dir: "/sys/fs/a b", V2: true},
		"58 48 0:38 /../.. /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw":    {Root: "/../..", Dir: "/sys/fs/cgroup", V2: true},
		"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755":  {},
		"58 48 0:38 / /sys/fs/cgroup ro,nosuid cgroup2 cgroup2 rw":           {},
		"58 - cgroup2 cgroup2 rw": {},
	} {
		m, ok := ParseMount(line)
		if ok != (want.Dir != "") || m.Root != want.Root || m.Dir != want.Dir || m.V2 != want.V2 || strings.Join(m.V1, ",") != strings.Join(want.V1, ",") {
			t.Errorf("%q: %+v, %v", line, m, ok)
		}
		if m.Outside() != strings.Contains(line, "..") {
			t.Errorf("%q: outside: %v", line, m.Outside())
		}
	}
}

// Only what is the root of the unified hierarchy is taken for it, whatever
// mountinfo calls it.
func TestWhole(t *testing.T) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Skip("skip: no /proc")
	}
	line := func(dir string) string { return "1 1 0:1 / " + dir + " rw - cgroup2 cgroup2 rw\n" }
	lies := line(t.TempDir()) + line("/proc") + line("/not/there")
	for l := range strings.Lines(string(b)) {
		if m, ok := ParseMount(l); ok && !m.V2 {
			lies += line(m.Dir)
		}
	}
	if dir, ok := Whole(lies); ok {
		t.Errorf("%s is taken for the unified hierarchy", dir)
	}
	dir, ok := Whole(lies + string(b))
	if !ok {
		t.Skip("skip: no unified hierarchy is mounted as a whole")
	}
	if _, err := os.Stat(dir + "/cgroup.procs"); err != nil {
		t.Error(err)
	}
}
