package executor

import (
	"errors"
	"os"
	"regexp"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adjust is best effort: a bpftrace that grows should die before the daemon
// that watches it, needs a descriptor for each attach point, leaves no core file
// of what it read from the kernel, and compiles no longer than it may.
func adjust(pid int, seconds uint64) {
	_ = os.WriteFile("/proc/"+itoa(pid)+"/oom_score_adj", []byte("500"), 0)
	_ = limit(pid, unix.RLIMIT_NOFILE, unix.RLIM_INFINITY)
	_ = limit(pid, unix.RLIMIT_CORE, 0)
	if seconds > 0 {
		_ = limit(pid, unix.RLIMIT_CPU, seconds)
	}
}

// limit sets a soft limit of another process, no higher than its hard limit.
// The hard one stays: only CAP_SYS_RESOURCE could raise it again, and who makes
// the soft one pass a hard one cannot be the script, which runs in the kernel.
func limit(pid, resource int, n uint64) error {
	var lim unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &lim); err != nil {
		return err
	}
	lim.Cur = min(n, lim.Max)
	return unix.Prlimit(pid, resource, &lim, nil)
}

// attached ends the bound on CPU time, which was for the compiler.
func (c *directChild) attached() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reaped {
		_ = limit(c.proc.Pid, unix.RLIMIT_CPU, unix.RLIM_INFINITY)
	}
}

// end notes how a child ended; seconds is the bound on its CPU time.
func (s *exitStatus) end(state *os.ProcessState, err error, seconds uint64) {
	if err != nil || state == nil {
		s.code, s.lost = -1, errors.Join(errors.New("waiting for bpftrace failed"), err)
		return
	}
	s.code, s.user, s.system = state.ExitCode(), state.UserTime(), state.SystemTime()
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		s.code, s.signal = -1, ws.Signal()
	}
	if s.signal == syscall.SIGXCPU {
		s.cpu = time.Duration(seconds) * time.Second
	}
	if ru, ok := state.SysUsage().(*syscall.Rusage); ok {
		s.maxRSS = ru.Maxrss * 1024
	}
}

// noMemory is what bpftrace and LLVM say when RLIMIT_DATA ends them.
var noMemory = regexp.MustCompile(`std::bad_alloc|LLVM ERROR: out of memory`)

// outOfMemory is the bound on memory for which bpftrace ended, given what it
// said on stderr; 0: that is not how it ended.
func (s *exitStatus) outOfMemory(stderr string) uint64 {
	if s.oom == 0 && s.code != 0 && noMemory.MatchString(stderr) {
		return s.data
	}
	return s.oom
}
