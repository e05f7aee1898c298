package executor

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// signalCaught tells whether a process has a handler for a signal: the bit in
// SigCgt of /proc/PID/status. Anybody may read it, behind sudo too.
func signalCaught(pid int, s syscall.Signal) (bool, error) { return signalIn(pid, "SigCgt:", s) }

// signalIn tells whether a signal is in one of the sets of /proc/PID/status.
func signalIn(pid int, set string, s syscall.Signal) (bool, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if os.IsNotExist(err) {
		return false, os.ErrProcessDone
	} else if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(b)) {
		if hex, ok := strings.CutPrefix(line, set); ok {
			mask, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			return mask&(1<<(uint(s)-1)) != 0, err
		}
	}
	return false, fmt.Errorf("/proc/%d/status has no %s", pid, set)
}
