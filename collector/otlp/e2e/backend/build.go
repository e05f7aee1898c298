package backend

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Root is the folder of tracecar's own module.
func Root(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(moduleDir(tb), "..", "..", "..")
}

// moduleDir is the folder of the module of these tests.
func moduleDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(b), "module tracecar/e2e\n") {
			return dir
		}
	}
	tb.Fatal("these tests run inside their module, tracecar/e2e")
	return ""
}

var building sync.Mutex

// Program builds one of otelcol, promserver and tracecar, where it is older
// than its sources, and returns its path: .cache/e2e of tracecar's module.
// TRACECAR_E2E_BINARY names a tracecar to test instead, as it is.
func Program(tb testing.TB, name string) string {
	tb.Helper()
	if path := os.Getenv("TRACECAR_E2E_BINARY"); name == "tracecar" && path != "" {
		return path
	}
	building.Lock()
	defer building.Unlock()
	cache := filepath.Join(Root(tb), ".cache", "e2e")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		tb.Fatal(err)
	}
	// The tests of several packages may build at once.
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		tb.Fatal(err)
	}
	from, pkg := moduleDir(tb), "./"+name
	if name == "tracecar" {
		from, pkg = Root(tb), "./cmd/tracecar"
	}
	path := filepath.Join(cache, name)
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, pkg)
	cmd.Dir = from
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", name, err, out)
	}
	return path
}
