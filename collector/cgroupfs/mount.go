// Package cgroupfs finds where the kernel's control groups are mounted, for
// those who make groups (collector/executor) and those who name them
// (collector/otlp/decode). It reads text and inodes, and changes nothing.
package cgroupfs

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is one mounted hierarchy of control groups.
type Mount struct {
	// Root is what of the hierarchy is mounted, told from the root of this
	// process's cgroup namespace: "/..", and what begins so, lies outside it.
	Root string
	Dir  string   // where it is mounted
	V2   bool     // the unified hierarchy
	V1   []string // the options of another: its controllers are among them
}

// ParseMount reads a line of /proc/self/mountinfo, see proc_pid_mountinfo(5):
//
//	35 31 0:32 /root /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
//
// It is false for what is no hierarchy of control groups.
func ParseMount(line string) (Mount, bool) {
	left, right, ok := strings.Cut(line, " - ")
	l, r := strings.Fields(left), strings.Fields(right)
	if !ok || len(l) < 6 || len(r) < 3 {
		return Mount{}, false
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	m := Mount{Root: unescape.Replace(l[3]), Dir: unescape.Replace(l[4])}
	switch r[0] {
	case "cgroup2":
		m.V2 = true
	case "cgroup":
		m.V1 = strings.Split(r[2], ",")
	default:
		return Mount{}, false
	}
	return m, true
}

// Outside tells whether what is mounted lies outside this process's cgroup
// namespace: the paths in /proc/self/cgroup cannot be found in it.
func (m Mount) Outside() bool { return m.Root == "/.." || strings.HasPrefix(m.Root, "/../") }

// rootID is the inode number of the unified hierarchy's root, and its id: the
// kernel gives it the first one.
const rootID = 1

// Whole finds, by the text of /proc/self/mountinfo, where all of the unified
// hierarchy is mounted: only below such a directory are paths those of the
// host. A container with a cgroup namespace of its own has none, unless the
// host's is mounted into it.
func Whole(mountinfo string) (dir string, ok bool) {
	for line := range strings.Lines(mountinfo) {
		if m, ok := ParseMount(line); ok && m.V2 && whole(m.Dir) {
			return m.Dir, true
		}
	}
	return "", false
}

// whole asks for the type too: another mount may hide the one that is listed,
// and a v1 hierarchy has a root of the same number.
func whole(dir string) bool {
	var fs unix.Statfs_t
	var st unix.Stat_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC &&
		unix.Stat(dir, &st) == nil && st.Ino == rootID
}
