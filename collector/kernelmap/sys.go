package kernelmap

import (
	"bytes"
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cilium/ebpf unmarshals batches of per-CPU values through reflection, one
// Go value per CPU and entry; these few calls give the bytes as they are.

const (
	cmdLookupElem  = 1
	cmdGetNextKey  = 4
	cmdGetNextID   = 12
	cmdGetFDByID   = 14
	cmdObjInfo     = 15
	cmdLookupBatch = 24
)

// errnoNotSupp is the kernel-internal ENOTSUPP, which batch commands leak.
const errnoNotSupp = unix.Errno(524)

type elemAttr struct {
	fd    uint32
	_     uint32
	key   uint64
	value uint64 // or next key
	flags uint64
}

type batchAttr struct {
	in, out      uint64
	keys, values uint64
	count        uint32
	fd           uint32
	elemFlags    uint64
	flags        uint64
}

type idAttr struct {
	id, next, flags uint32
}

type infoAttr struct {
	fd, len uint32
	info    uint64
}

// mapInfo is struct bpf_map_info up to the members needed here.
type mapInfo struct {
	Type, ID, KeySize, ValueSize, MaxEntries, Flags uint32
	Name                                            [16]byte
	Ifindex, VmlinuxValueType                       uint32
	NetnsDev, NetnsIno                              uint64
	BTFID, KeyType, ValueType, VmlinuxID            uint32
}

func (i *mapInfo) name() string {
	n, _, _ := bytes.Cut(i.Name[:], []byte{0})
	return string(n)
}

func bpf(cmd uintptr, attr unsafe.Pointer, size uintptr) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
		runtime.KeepAlive(attr)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
			continue
		}
		return errno
	}
}

func address(pin *runtime.Pinner, b []byte) uint64 {
	p := unsafe.SliceData(b)
	pin.Pin(p)
	return uint64(uintptr(unsafe.Pointer(p)))
}

// nextID returns the smallest id of a map that is larger than id; it fails
// with ENOENT when there is none.
func nextID(id uint32) (uint32, error) {
	attr := idAttr{id: id}
	err := bpf(cmdGetNextID, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return attr.next, err
}

// openID opens a map by id. The descriptor is close-on-exec.
func openID(id uint32) (int, error) {
	attr := idAttr{id: id}
	p := unsafe.Pointer(&attr)
	for {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, cmdGetFDByID, uintptr(p), unsafe.Sizeof(attr))
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return -1, errno
		}
		return int(fd), nil
	}
}

func getInfo(fd int) (*mapInfo, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	info := new(mapInfo)
	pin.Pin(info)
	attr := infoAttr{fd: uint32(fd), len: uint32(unsafe.Sizeof(*info)), info: uint64(uintptr(unsafe.Pointer(info)))}
	if err := bpf(cmdObjInfo, unsafe.Pointer(&attr), unsafe.Sizeof(attr)); err != nil {
		return nil, err
	}
	return info, nil
}

// lookupBatch reads up to len(keys)/keySize entries after cursor in (nil at
// the start) and leaves the next cursor in out. done is true when these were the last.
func lookupBatch(fd int, in, out, keys, values []byte, count int) (n int, done bool, err error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	attr := batchAttr{
		out: address(&pin, out), keys: address(&pin, keys), values: address(&pin, values),
		count: uint32(count), fd: uint32(fd),
	}
	if in != nil {
		attr.in = address(&pin, in)
	}
	err = bpf(cmdLookupBatch, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if errors.Is(err, unix.ENOENT) {
		return int(attr.count), true, nil
	}
	if err != nil {
		return 0, false, err
	}
	return int(attr.count), false, nil
}

// nextKey puts the key after key (nil: the first) into next.
func nextKey(fd int, key, next []byte) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	attr := elemAttr{fd: uint32(fd), value: address(&pin, next)}
	if key != nil {
		attr.key = address(&pin, key)
	}
	return bpf(cmdGetNextKey, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

func lookup(fd int, key, value []byte) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	attr := elemAttr{fd: uint32(fd), key: address(&pin, key), value: address(&pin, value)}
	return bpf(cmdLookupElem, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}
