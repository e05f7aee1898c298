package guard

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of CPU times in /proc: USER_HZ, 100 on all of Linux.
const tick = time.Second / 100

// maxFile bounds what is read of one file of /proc.
const maxFile = 64 << 10

// maxFamily bounds how many children of bpftrace are looked at.
const maxFamily = 64

// process reads /proc/PID through one open directory, so that a later process
// with the same id is never taken for this one: reads then fail.
type process struct {
	root string // /proc but in tests
	pid  string
	dir  *os.File
	buf  []byte
}

func openProcess(root string, pid int) (*process, error) {
	p := &process{root: root, pid: strconv.Itoa(pid), buf: make([]byte, 4096)}
	var err error
	p.dir, err = os.Open(filepath.Join(root, p.pid))
	return p, err
}

func (p *process) close() { p.dir.Close() }

// read returns a file's text, valid until the next call.
func (p *process) read(name string) ([]byte, error) {
	fd, err := unix.Openat(int(p.dir.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for n := 0; ; {
		m, err := unix.Read(fd, p.buf[n:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case m == 0:
			return p.buf[:n], nil
		}
		if n += m; n == len(p.buf) {
			if n >= maxFile {
				return nil, unix.EFBIG
			}
			p.buf = slices.Grow(p.buf, n)[:2*n]
		}
	}
}

// names lists a directory.
func (p *process) names(name string) ([]string, error) {
	fd, err := unix.Openat(int(p.dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	d := os.NewFile(uintptr(fd), name)
	defer d.Close()
	return d.Readdirnames(-1)
}

// stat is what /proc/PID/stat says.
type stat struct {
	cpu     time.Duration // with the children it has waited for
	rss     int64         // bytes
	threads int
	ended   bool // a zombie too
}

var errNotStat = errors.New("/proc/PID/stat cannot be read")

func (p *process) stat() (stat, error) {
	b, err := p.read("stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

func parseStat(b []byte) (s stat, err error) {
	// The command name may hold anything, parentheses and newlines too.
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return s, errNotStat
	}
	f := bytes.Fields(b[end+1:])
	if len(f) < 22 || len(f[0]) != 1 {
		return s, errNotStat
	}
	s.ended = f[0][0] == 'Z' || f[0][0] == 'X'
	var ticks uint64
	for _, i := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime
		n, err := strconv.ParseUint(string(f[i]), 10, 62)
		if err != nil {
			return stat{}, errNotStat
		}
		ticks += n
		if ticks > math.MaxInt64/uint64(tick) {
			return stat{}, errNotStat
		}
	}
	s.cpu = time.Duration(ticks) * tick
	pages, err := strconv.ParseInt(string(f[21]), 10, 64)
	if err != nil || pages < 0 || pages > math.MaxInt64/int64(os.Getpagesize()) {
		return stat{}, errNotStat
	}
	s.rss = pages * int64(os.Getpagesize())
	if s.threads, err = strconv.Atoi(string(f[17])); err != nil {
		return stat{}, errNotStat
	}
	return s, nil
}

// family is stat with what live children have taken added: those of system().
func (p *process) family() (stat, error) {
	s, err := p.stat()
	if err != nil {
		return s, err
	}
	seen := maxFamily
	p.addChildren(&s, s.threads, &seen)
	return s, nil
}

func (p *process) addChildren(s *stat, threads int, left *int) {
	tasks := []string{p.pid}
	if threads > 1 {
		tasks, _ = p.names("task")
	}
	for _, t := range tasks {
		b, err := p.read("task/" + t + "/children")
		if err != nil {
			continue // kernels without CONFIG_PROC_CHILDREN
		}
		for _, c := range bytes.Fields(bytes.Clone(b)) {
			pid, err := strconv.Atoi(string(c))
			if err != nil {
				continue
			}
			if *left == 0 {
				return
			}
			*left--
			child, err := openProcess(p.root, pid)
			if err != nil {
				continue
			}
			if cs, err := child.stat(); err == nil {
				s.cpu += min(cs.cpu, math.MaxInt64-s.cpu)
				s.rss += min(cs.rss, math.MaxInt64-s.rss)
				child.addChildren(s, cs.threads, left)
			}
			child.close()
		}
	}
}

// peakRSS returns the most memory the process itself had resident, in bytes;
// 0 where it is not said: a zombie has none.
func (p *process) peakRSS() int64 {
	b, err := p.read("status")
	if err != nil {
		return 0
	}
	kb, ok := number(b, "VmHWM:")
	if !ok || kb > math.MaxInt64/1024 {
		return 0
	}
	return int64(kb) * 1024
}

// programs returns the ids of the BPF programs the process holds, by its
// descriptors of programs and of links.
func (p *process) programs() (map[uint32]bool, error) {
	fds, err := p.names("fd")
	if err != nil {
		return nil, err
	}
	ids := map[uint32]bool{}
	link := make([]byte, 64)
	for _, fd := range fds {
		n, err := unix.Readlinkat(int(p.dir.Fd()), "fd/"+fd, link)
		if err != nil {
			continue // closed meanwhile
		}
		switch string(link[:n]) {
		case "anon_inode:bpf-prog", "anon_inode:bpf_link", "anon_inode:bpf-link":
		default:
			continue
		}
		if b, err := p.read("fdinfo/" + fd); err == nil {
			if id, ok := number(b, "prog_id:"); ok && id <= math.MaxUint32 {
				ids[uint32(id)] = true
			}
		}
	}
	return ids, nil
}

// number finds the number on the line that starts with name.
func number(text []byte, name string) (uint64, bool) {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			f := bytes.Fields(rest)
			if len(f) == 0 {
				return 0, false
			}
			n, err := strconv.ParseUint(string(f[0]), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
