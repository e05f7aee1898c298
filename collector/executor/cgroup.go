package executor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// groupPrefix starts the names of our control groups: PREFIX + PID "-" start
// time "-" number, of the process that made it.
const groupPrefix = "tracecar-"

// maxTasks bounds the processes and threads of one bpftrace: it needs one,
// and system() some.
const maxTasks = 512

// controlGroup is the control group of one bpftrace. It is best effort: what
// cannot be had is left out, and Memory is then bounded in the address space.
type controlGroup struct {
	dirs   []string // one in each hierarchy
	memory string   // the one with the memory controller
	v2     bool
}

var groupNumber atomic.Int64

// newGroup makes a group with its bounds.
func newGroup(p groupPlace, l Limits) (*controlGroup, error) {
	if p.why != "" {
		return nil, errors.New(p.why)
	}
	retryLeftovers()
	name := fmt.Sprintf("%s%d-%s-%d", groupPrefix, os.Getpid(), startTime(os.Getpid()), groupNumber.Add(1))
	g := &controlGroup{v2: p.unified != ""}
	set := func(dir, file, value string) error {
		return os.WriteFile(filepath.Join(dir, file), []byte(value), 0)
	}
	var err error
	mkdir := func(parent string) string {
		if parent == "" || err != nil {
			return ""
		}
		dir := filepath.Join(parent, name)
		if err = os.Mkdir(dir, 0o755); err == nil {
			g.dirs = append(g.dirs, dir)
		}
		return dir
	}
	bytes, tasks := strconv.FormatUint(l.memory(), 10), strconv.Itoa(maxTasks)
	if g.v2 {
		g.memory = mkdir(p.unified)
		if err == nil {
			err = set(g.memory, "memory.max", bytes)
			_ = set(g.memory, "memory.swap.max", "0")
			_ = set(g.memory, "pids.max", tasks)
		}
		if err == nil && l.CPUPercent > 0 {
			err = set(g.memory, "cpu.max", fmt.Sprintf("%d %d", l.CPUPercent*1000, 100_000))
		}
	} else {
		g.memory = mkdir(p.memory)
		if err == nil {
			err = set(g.memory, "memory.limit_in_bytes", bytes)
			_ = set(g.memory, "memory.memsw.limit_in_bytes", bytes)
		}
		if dir := mkdir(p.pids); dir != "" {
			_ = set(dir, "pids.max", tasks)
		}
		if l.CPUPercent > 0 {
			if dir := mkdir(p.cpu); dir != "" && err == nil {
				err = set(dir, "cpu.cfs_quota_us", strconv.Itoa(l.CPUPercent*1000))
			}
		}
	}
	if err != nil {
		g.remove()
		return nil, err
	}
	return g, nil
}

// add moves a process into the group. Moving takes the kernel some
// milliseconds for each hierarchy.
func (g *controlGroup) add(pid int) error {
	for _, d := range g.dirs {
		err := os.WriteFile(d+"/cgroup.procs", []byte(strconv.Itoa(pid)), 0)
		if err != nil && !errors.Is(err, unix.ESRCH) { // ended already
			return err
		}
	}
	return nil
}

// outOfMemory tells whether the kernel killed a process of the group for
// taking more than the group may.
func (g *controlGroup) outOfMemory() bool {
	file := "/memory.oom_control"
	if g.v2 {
		file = "/memory.events"
	}
	for line := range strings.Lines(readTrimmed(g.memory + file)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			return n != "0"
		}
	}
	return false
}

// remove takes the group away. Where processes are left in it, those that a
// script started by system(), it goes when they have gone.
func (g *controlGroup) remove() {
	retryLeftovers()
	for _, d := range g.dirs {
		for wait := time.Millisecond; ; wait *= 2 {
			err := unix.Rmdir(d)
			if err == nil || errors.Is(err, unix.ENOENT) {
				break
			}
			if wait > 64*time.Millisecond || readTrimmed(d+"/cgroup.procs") != "" {
				leftovers.Lock()
				leftovers.dirs = append(leftovers.dirs, d)
				leftovers.Unlock()
				break
			}
			time.Sleep(wait)
		}
	}
}

// leftovers are groups that could not be removed yet.
var leftovers struct {
	sync.Mutex
	dirs []string
}

func retryLeftovers() {
	leftovers.Lock()
	defer leftovers.Unlock()
	keep := leftovers.dirs[:0]
	for _, d := range leftovers.dirs {
		if err := unix.Rmdir(d); err != nil && !errors.Is(err, unix.ENOENT) {
			keep = append(keep, d)
		}
	}
	leftovers.dirs = keep
}

// sweepGroups removes the groups that a process which was killed left behind.
func sweepGroups(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), groupPrefix)
		f := strings.Split(rest, "-")
		if !ok || len(f) != 3 {
			continue
		}
		if pid, err := strconv.Atoi(f[0]); err == nil && startTime(pid) != f[1] {
			_ = unix.Rmdir(filepath.Join(dir, e.Name())) // fails where it is not empty
		}
	}
}

// startTime is when a process started, in clock ticks since boot; "" where
// there is none of that id.
func startTime(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 20 {
		return ""
	}
	return f[19]
}
