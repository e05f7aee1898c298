package guard

import (
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cilium/ebpf opens a program by id with up to a dozen system calls, and loads
// programs of its own to find out what the kernel knows; a script can have a
// thousand. These calls do only what is needed.

const (
	cmdProgNextID = 11
	cmdProgByID   = 13
	cmdObjInfo    = 15
)

type idAttr struct{ id, next, flags uint32 }

type infoAttr struct {
	fd, len uint32
	info    uint64
}

// progInfo is struct bpf_prog_info up to run_cnt (Linux 5.1).
type progInfo struct {
	typ, id           uint32
	_                 [184]byte
	runTime, runCount uint64
}

// newestProgram returns the largest program id that is larger than id, or id.
// Ids are handed out in ascending order.
func newestProgram(id uint32) (uint32, error) {
	for {
		attr := idAttr{id: id}
		_, _, errno := unix.Syscall(unix.SYS_BPF, cmdProgNextID, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		switch errno {
		case 0:
			id = attr.next
		case unix.EINTR:
		case unix.ENOENT:
			return id, nil
		default:
			return id, errno
		}
	}
}

// openProgram opens a program by id. The descriptor is close-on-exec.
func openProgram(id uint32) (int, error) {
	attr := idAttr{id: id}
	for {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, cmdProgByID, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// programCost returns how long and how often a program has run while
// statistics were on.
func programCost(fd int) (time.Duration, uint64, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	info := new(progInfo)
	pin.Pin(info)
	attr := infoAttr{fd: uint32(fd), len: uint32(unsafe.Sizeof(*info)), info: uint64(uintptr(unsafe.Pointer(info)))}
	for {
		_, _, errno := unix.Syscall(unix.SYS_BPF, cmdObjInfo, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return 0, 0, errno
		case attr.len < uint32(unsafe.Sizeof(*info)):
			return 0, 0, unix.EOPNOTSUPP // a kernel that does not count
		default:
			return time.Duration(info.runTime), info.runCount, nil
		}
	}
}
