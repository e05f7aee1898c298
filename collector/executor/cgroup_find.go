package executor

import (
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"tracecar/collector/cgroupfs"
)

// groupPlace is where on this host control groups of bpftrace can be made.
type groupPlace struct {
	// unified is the directory in the unified hierarchy (v2), "" where that
	// has no memory controller for us.
	unified string
	// memory, pids and cpu are the directories in the hierarchies of v1; each
	// may be "".
	memory, pids, cpu string
	// why says why there is no place, where there is none.
	why string
}

func (p groupPlace) dirs() (ds []string) {
	for _, d := range []string{p.unified, p.memory, p.pids, p.cpu} {
		if d != "" {
			ds = append(ds, d)
		}
	}
	return ds
}

// hostGroups looks once: a process stays where it is.
var hostGroups = sync.OnceValue(func() groupPlace {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return groupPlace{why: err.Error()}
	}
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return groupPlace{why: err.Error()}
	}
	p := findGroups(string(mounts), string(self))
	for _, d := range p.dirs() {
		sweepGroups(d)
	}
	return p
})

// findGroups decides by the text of /proc/self/mountinfo and /proc/self/cgroup.
//
// In v1 a group is made below the one this process is in, so that the bounds
// on us hold for bpftrace too. In v2 a group with processes can hand no
// controllers down: there it is made in the tree that was delegated to us
// (systemd: Delegate=yes), else, by root, at the top of what is mounted.
func findGroups(mountinfo, self string) groupPlace {
	var unified cgroupfs.Mount
	v1 := map[string]cgroupfs.Mount{}
	for line := range strings.Lines(mountinfo) {
		m, ok := cgroupfs.ParseMount(line)
		switch {
		case !ok:
		case m.V2:
			unified = m
		default:
			for _, o := range m.V1 {
				v1[o] = m
			}
		}
	}
	paths := groupPaths(self)
	var p groupPlace
	if unified.Dir != "" {
		if p.unified, p.why = placeUnified(unified, paths[""]); p.unified != "" {
			return p
		}
	}
	place := func(controller string) string {
		m, ok := v1[controller]
		path, in := paths[controller]
		if !ok || !in {
			return ""
		}
		if m.Outside() {
			p.why = outside(m)
			return ""
		}
		dir := below(m, path)
		if why := notWritable(dir); why != "" {
			p.why = why
			return ""
		}
		return dir
	}
	p.memory, p.pids, p.cpu = place("memory"), place("pids"), place("cpu")
	switch {
	case p.memory != "":
		p.why = ""
	case p.why == "":
		p.why = "no memory controller is mounted"
	}
	return p
}

// placeUnified finds a directory of v2 whose children have a memory controller.
func placeUnified(m cgroupfs.Mount, path string) (dir, why string) {
	if m.Outside() {
		return "", outside(m)
	}
	if !has(m.Dir+"/cgroup.controllers", "memory") {
		return "", "the unified hierarchy has no memory controller"
	}
	own := below(m, path)
	for d := own; strings.HasPrefix(d, m.Dir); d = filepath.Dir(d) {
		if delegated(d) && notWritable(d) == "" && handDown(d, own) {
			return d, ""
		}
	}
	if why := notWritable(m.Dir); why != "" {
		return "", why
	}
	if !handDown(m.Dir, own) {
		return "", m.Dir + " hands no memory controller down (systemd: Delegate=yes gives a service a tree of its own)"
	}
	return m.Dir, ""
}

// outside says why no group is made there: which one this process is in cannot
// be told, and at the top the bounds on us would not hold.
func outside(m cgroupfs.Mount) string {
	return m.Dir + " has the control groups of the host, and this process is in a cgroup namespace of its own"
}

// below is where the group that /proc/self/cgroup calls path is found.
func below(m cgroupfs.Mount, path string) string {
	if m.Root != "/" {
		path = strings.TrimPrefix(path, m.Root)
	}
	return filepath.Join(m.Dir, path)
}

// handDown gives the children of dir the controllers, which only works where
// dir itself has no processes: where dir is ours, they move into a child.
func handDown(dir, own string) bool {
	control := dir + "/cgroup.subtree_control"
	if has(control, "memory") && has(control, "pids") {
		return true
	}
	if dir == own && delegated(dir) {
		leaf := dir + "/" + groupPrefix + "main"
		if err := os.Mkdir(leaf, 0o755); err != nil && !os.IsExist(err) {
			return false
		}
		for _, pid := range strings.Fields(readTrimmed(dir + "/cgroup.procs")) {
			_ = os.WriteFile(leaf+"/cgroup.procs", []byte(pid), 0)
		}
	}
	for _, c := range []string{"+memory", "+pids", "+cpu"} {
		_ = os.WriteFile(control, []byte(c), 0)
	}
	return has(control, "memory")
}

// delegated tells whether systemd has given the tree below dir to the service in it.
func delegated(dir string) bool {
	var b [8]byte
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Getxattr(dir, name, b[:]); err == nil && string(b[:n]) == "1" {
			return true
		}
	}
	return false
}

func notWritable(dir string) string {
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return dir + ": " + err.Error()
	}
	return ""
}

func has(file, word string) bool {
	for _, w := range strings.Fields(readTrimmed(file)) {
		if w == word {
			return true
		}
	}
	return false
}

// groupPaths reads /proc/self/cgroup: the path by controller, that of v2 by "".
func groupPaths(text string) map[string]string {
	paths := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 || !strings.HasPrefix(f[2], "/") || strings.Contains(f[2], "..") {
			continue // a group that was removed, or is out of sight
		}
		for _, c := range strings.Split(f[1], ",") {
			paths[c] = f[2]
		}
	}
	return paths
}
