package examples

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tracecar/collector"
)

// The path of a program that has just begun lies in a page that nobody has
// touched: bpftrace reads "" there before the call, and the path after it.
func TestOpensReadsPathsOfUntouchedPages(t *testing.T) {
	const path = "/nonexistent/tc-untouched-page"
	file := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(file, append([]byte(path), 0), 0o600); err != nil {
		t.Fatal(err)
	}
	eachLive(t, "file-opens", func() {
		openUntouched(t, file)
	}, func(t *testing.T, res *collector.Result) {
		for _, m := range res.Maps {
			for _, r := range m.Rows {
				if m.Name == "@opens" && len(r.Key) == 2 && r.Key[1].Text() == path {
					return
				}
			}
		}
		t.Errorf("%s is not among what was opened: %s, %v", path, res.Status, res.Diagnostics)
	})
}

// openUntouched opens the path that file holds, out of a mapping of it that was
// not read before.
func openUntouched(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page, err := unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(page) }()
	here := unix.AT_FDCWD
	fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(here), uintptr(unsafe.Pointer(&page[0])), unix.O_RDONLY, 0, 0, 0)
	if errno != unix.ENOENT {
		t.Fatalf("opened %d: %v", fd, errno)
	}
}
