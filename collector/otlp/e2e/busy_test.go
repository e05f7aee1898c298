package e2e_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"tracecar/e2e/backend"
)

// keepBusy does until the test ends what the probes of the examples look at, again
// and again: files written to disk and read back page by page, processes that
// come and go, connections, and some that nobody accepts.
func keepBusy(t *testing.T) {
	t.Helper()
	// Beside the built programs, as that is on a disk; temporary files may not be.
	file, err := os.CreateTemp(filepath.Join(backend.Root(t), ".cache", "e2e"), "load-*")
	if err != nil {
		t.Fatal(err)
	}
	deaf := deafAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
		file.Close()
		os.Remove(file.Name())
	})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := errors.Join(disk(file), exec.CommandContext(ctx, "true").Run()); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
			connect(ctx, deaf)
		}
	}()
}

// disk writes a file to the disk, and has its pages read again from there.
func disk(file *os.File) error {
	const size, fadviseDontNeed = 1 << 20, 4
	if _, err := file.WriteAt(make([]byte, size), 0); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, size, fadviseDontNeed, 0, 0); errno != 0 {
		return errno
	}
	pages, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	var sum byte
	for i := 0; i < size; i += 1 << 16 {
		sum += pages[i]
	}
	return errors.Join(syscall.Munmap(pages), asError(sum))
}

func asError(sum byte) error {
	if sum != 0 {
		return errors.New("zeros came back as " + strconv.Itoa(int(sum)))
	}
	return nil
}

// deafAddress listens with a queue of one connection and never accepts: SYNs
// past it are not answered, and sent again.
func deafAddress(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	first, err := net.Dial("tcp", address) // it fills the queue
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	return address
}

// connect tries for as long as a first SYN waits for its answer, and a second goes out.
func connect(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	var d net.Dialer
	if c, err := d.DialContext(ctx, "tcp", address); err == nil {
		c.Close()
	}
}
