package kernelmap

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// process is a process told apart from a later one with the same pid.
type process struct {
	dir   string // /proc/PID
	start string // its start time in clock ticks since boot
}

func processOf(pid int) process {
	p := process{dir: "/proc/" + strconv.Itoa(pid)}
	p.start, _ = p.stat()
	return p
}

// stat returns the start time and whether the process has ended (a zombie has).
func (p process) stat() (start string, ended bool) {
	b, err := os.ReadFile(p.dir + "/stat")
	if err != nil {
		return "", true
	}
	// The command name may hold anything, parentheses too.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 20 {
		return "", true
	}
	state := fields[0][0]
	return string(fields[19]), state == 'Z' || state == 'X'
}

// gone tells whether the process has ended, even if its pid lives on.
func (p process) gone() bool {
	start, ended := p.stat()
	return ended || p.start == "" || start != p.start
}

// mapIDs returns the ids of the maps that the process holds descriptors of.
func (p process) mapIDs() (map[uint32]bool, error) {
	names, err := readNames(p.dir + "/fd")
	if err != nil {
		return nil, err
	}
	ids := map[uint32]bool{}
	for _, n := range names {
		link, err := os.Readlink(filepath.Join(p.dir, "fd", n))
		if err != nil || link != "anon_inode:bpf-map" {
			continue
		}
		info, err := os.ReadFile(filepath.Join(p.dir, "fdinfo", n))
		if err != nil {
			continue // closed meanwhile
		}
		if id, ok := mapID(info); ok {
			ids[id] = true
		}
	}
	if p.gone() { // then these may be another's
		return nil, os.ErrProcessDone
	}
	return ids, nil
}

func mapID(fdinfo []byte) (uint32, bool) {
	for line := range bytes.Lines(fdinfo) {
		if rest, ok := bytes.CutPrefix(line, []byte("map_id:")); ok {
			id, err := strconv.ParseUint(string(bytes.TrimSpace(rest)), 10, 32)
			return uint32(id), err == nil
		}
	}
	return 0, false
}

func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
