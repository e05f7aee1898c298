package decode

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/collector/cgroupfs"
	"tracecar/parser"
)

const (
	maxCgroups   = 100_000
	rescanCgroup = 5 * time.Second // at most this often, when an id is not known
)

// cgroups maps the ids that bpftrace's cgroup builtin gives to paths: an id is
// the inode number of a directory in the unified hierarchy (v2).
type cgroups struct {
	find func() (root string, ok bool)

	mu      sync.Mutex
	paths   map[uint64]string
	scanned time.Time
}

func newCgroup() Decoder { return &cgroups{find: unifiedRoot} }

// unifiedRoot is false where no part of the unified hierarchy, or only some,
// is in sight: in a container with a cgroup namespace of its own the top of
// what is mounted looks like the root, and is none.
func unifiedRoot() (string, bool) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", false
	}
	return cgroupfs.Whole(string(mounts))
}

// Decode gives the path of a cgroup id, as the host has it, "/" for the root. A
// cgroup that has gone keeps its number, or its path if it was seen before; so
// does one whose path cannot be known.
func (c *cgroups) Decode(v parser.Value) parser.Value {
	id, ok := bits(v)
	if !ok {
		return v
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	path, known := c.paths[id]
	if !known && time.Since(c.scanned) > rescanCgroup {
		c.scan()
		path, known = c.paths[id]
	}
	if !known {
		return v
	}
	return parser.Text(path)
}

// scan reads all directories of the hierarchy, and none of what else may be
// mounted below: its inode numbers are others.
func (c *cgroups) scan() {
	c.scanned = time.Now()
	if len(c.paths) >= maxCgroups || c.paths == nil {
		c.paths = map[uint64]string{}
	}
	root, ok := c.find()
	if !ok {
		return
	}
	var top unix.Stat_t
	if unix.Stat(root, &top) != nil {
		return
	}
	left := maxCgroups
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && d != nil && d.IsDir():
			return fs.SkipDir
		case err != nil || !d.IsDir():
			return nil
		case left == 0:
			return fs.SkipAll
		}
		left--
		var st unix.Stat_t
		switch {
		case unix.Lstat(path, &st) != nil:
			return nil
		case st.Dev != top.Dev:
			return fs.SkipDir
		}
		c.paths[st.Ino] = "/" + strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
		return nil
	})
}

var (
	containerID = regexp.MustCompile(`[0-9a-f]{64}`)
	podUID      = regexp.MustCompile(`pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})`)
)

// containerOfPath takes the container's id, 64 hexadecimal digits, out of a
// cgroup's path, as Docker, containerd, CRI-O and Podman name them.
func containerOfPath(v parser.Value) parser.Value {
	if ids := containerID.FindAllString(v.Text(), -1); len(ids) > 0 {
		return parser.Text(ids[len(ids)-1])
	}
	return v
}

// podOfPath takes the pod's UID out of a cgroup's path, as the kubelet names
// them with either cgroup driver.
func podOfPath(v parser.Value) parser.Value {
	if m := podUID.FindStringSubmatch(v.Text()); m != nil {
		return parser.Text(strings.ReplaceAll(m[1], "_", "-"))
	}
	return v
}

// newComm names a process by its id, now: the number may have been given to
// another since.
func newComm() Decoder {
	return &cache{look: func(pid string) (string, bool) {
		b, ok := procFile(pid, "comm")
		return strings.TrimSuffix(b, "\n"), ok
	}}
}

// newPIDContainer and newPIDPod go by the cgroup of a process.
func newPIDContainer() Decoder { return ofCgroup(containerOfPath) }
func newPIDPod() Decoder       { return ofCgroup(podOfPath) }

func ofCgroup(find func(parser.Value) parser.Value) Decoder {
	return &cache{look: func(pid string) (string, bool) {
		b, ok := procFile(pid, "cgroup")
		if !ok {
			return "", false
		}
		path := parser.Text(b)
		found := find(path)
		return found.Text(), !found.Equal(path)
	}}
}

func procFile(pid, name string) (string, bool) {
	n, err := strconv.ParseUint(pid, 10, 31)
	if err != nil {
		return "", false
	}
	b, err := os.ReadFile(filepath.Join("/proc", strconv.FormatUint(n, 10), name))
	return string(b), err == nil
}
