//go:build !light

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/collector"
)

// settleTime is how long after the begin of a run its starting is over and
// done with, as far as memory goes: a script was parsed, maps were found, the
// first Result was made.
const settleTime = 30 * time.Second

// gcPercent is how much the heap may grow, in percent of what is in use, until
// garbage is collected. Half of Go's default: the garbage of a collection of
// metrics is worth more memory than it takes CPU time to find. GOGC overrides it.
const gcPercent = 50

// observeForRest notes that a run begins.
func (d *daemon) observeForRest(collector.Script) collector.Sink {
	select {
	case d.began <- struct{}{}:
	default:
	}
	return nil
}

// rest gives memory back once what runs has settled, until ctx ends. Starting
// takes several times the memory that watching does: the heap's high water,
// and code that is not used again. Go would give the heap back over minutes;
// the code would stay for as long as the machine has memory to spare.
func (d *daemon) rest(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	t := time.NewTimer(0)
	defer t.Stop()
	<-t.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.began:
		}
		t.Reset(settleTime)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		debug.FreeOSMemory()
		dropProgram()
	}
}

// dropProgram unmaps the pages of this program's own file: the kernel keeps
// them in its page cache, from where those that are used come back at once.
// Mappings that can be written to, and those with pages changed by a debugger or
// a uprobe, are left alone.
func dropProgram() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range mappingsOf(smaps, program) {
		// Not through a slice: this is no memory of Go's.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	}
}

type mapping struct{ from, to uintptr }

// mappingsOf finds the unchanged, read-only mappings of a file in the text of
// /proc/PID/smaps.
func mappingsOf(smaps []byte, file string) (found []mapping) {
	var at *mapping // the one whose lines these are, nil for others
	lines := bufio.NewScanner(bytes.NewReader(smaps))
	for lines.Scan() {
		line := lines.Text()
		var m mapping
		var perms, dev string
		var offset, inode uint64
		if n, _ := fmt.Sscanf(line, "%x-%x %s %x %s %d", &m.from, &m.to, &perms, &offset, &dev, &inode); n == 6 {
			if at = nil; strings.HasSuffix(line, " "+file) && perms[1] == '-' {
				at = &m
			}
			continue
		}
		if kB, ok := strings.CutPrefix(line, "Anonymous:"); ok && at != nil && strings.TrimSpace(kB) == "0 kB" {
			found = append(found, *at)
		}
	}
	return found
}
