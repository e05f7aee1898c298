package examples

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// files opens, writes, reads, renames and removes, and fails to open.
func (l *workload) files() {
	path := filepath.Join(l.dir, "a file, and (its) \"name\"")
	f, err := os.Create(path)
	if err != nil {
		return
	}
	defer f.Close()
	data := make([]byte, 256<<10)
	_, _ = f.Write(data)
	_, _ = f.WriteAt(data[:100], 0)
	_ = f.Sync()
	_, _ = f.Seek(0, io.SeekStart)
	_, _ = f.Read(data)
	_, _ = f.ReadAt(data[:100], 50)
	_ = os.Rename(path, path+"2")
	_ = os.Remove(path + "2")
	sub := filepath.Join(l.dir, "directory")
	_ = os.Mkdir(sub, 0o700)
	_ = os.Remove(sub)
	_, _ = os.Open(filepath.Join(l.dir, "is not there"))
	_, _ = unix.Read(-1, data[:1]) // EBADF
}

// disk makes requests to the disk: direct writes and reads in a row and back
// again, a sync of the data, and faults on a mapped file that is not cached.
func (l *workload) disk() {
	const size = 64 << 10
	block, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // aligned
	if err != nil {
		return
	}
	defer func() { _ = unix.Munmap(block) }()
	f, err := l.temp(unix.O_DIRECT)
	if err != nil { // a tmpfs: no disk
		return
	}
	defer f.Close()
	for i := range int64(8) {
		_, _ = f.WriteAt(block, i*size)
	}
	for i := range int64(8) {
		_, _ = f.ReadAt(block, i*size)
	}
	_, _ = f.ReadAt(block, 2*size)
	_ = unix.Fdatasync(int(f.Fd()))

	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	file, err := unix.Mmap(int(f.Fd()), 0, 8*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		return
	}
	defer func() { _ = unix.Munmap(file) }()
	sum := file[0] + file[5*size]
	file[3*size] = sum
}

// memory maps, touches and gives back.
func (l *workload) memory() {
	const size = 1 << 20
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return
	}
	for i := 0; i < size; i += 4096 {
		b[i] = 1
	}
	_ = unix.Munmap(b)
}

// threads starts a thread that ends, moves one between CPUs, lets two wait
// for each other in a futex, and sends one a signal.
func (l *workload) threads() {
	ready, moved := make(chan int), make(chan struct{})
	l.done.Go(func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ready <- unix.Gettid()
		var all, first unix.CPUSet
		if unix.SchedGetaffinity(0, &all) == nil {
			for cpu := range len(all) * 64 {
				if all.IsSet(cpu) {
					first.Zero()
					first.Set(cpu)
					_ = unix.SchedSetaffinity(0, &first)
				}
			}
		}
		close(moved)
	})
	<-ready
	<-moved

	// A wait with a timeout, made here and not left to Go's scheduler.
	var word uint32
	timeout := unix.NsecToTimespec(200_000)
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&word)), 128, 0, uintptr(unsafe.Pointer(&timeout)), 0, 0)
}
