package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// HelperPath is where InstallHelper puts the program of the root helper:
// PREFIX/libexec/tracecar/tracecar.
func HelperPath(prefix string) string { return filepath.Join(prefix, helperDirs, helperName) }

const (
	helperDirs = "libexec/tracecar"
	helperName = "tracecar"
)

// InstalledHelper finds a program put there by InstallHelper, which root alone
// can change; "" where there is none. A helper that others can change is an error.
func InstalledHelper(prefixes ...string) (string, error) {
	var errs error
	for _, prefix := range prefixes {
		path := HelperPath(prefix)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		why := untrusted(path)
		if why == "" {
			return path, nil
		}
		errs = errors.Join(errs, fmt.Errorf("the installed root helper is not used: %s", why))
	}
	return "", errs
}

// InstallHelper copies program to HelperPath(prefix), as root's and writable by
// root only, and returns that path. Everything on the way there has to be so too,
// or it installs nothing. An older copy is replaced at once, the same is left
// alone. Only root can.
func InstallHelper(program, prefix string) (path string, err error) {
	if os.Geteuid() != 0 {
		return "", errors.New("only root can install the root helper")
	}
	if why := notRootsOwn(prefix); why != "" {
		return "", fmt.Errorf("nothing that root runs can be installed in %s: %s", prefix, why)
	}
	dir := prefix
	for _, name := range strings.Split(helperDirs, "/") {
		dir = filepath.Join(dir, name)
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			err = os.Chmod(dir, 0o755) // whatever the umask
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		if why := notRootsOwn(dir); why != "" {
			return "", fmt.Errorf("nothing that root runs can be installed in %s: %s", dir, why)
		}
	}
	from, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer from.Close()
	path = HelperPath(prefix)
	if !sameFile(from, path) {
		if err := replace(path, from); err != nil {
			return "", err
		}
	}
	if why := untrusted(path); why != "" {
		return "", errors.New(why)
	}
	return path, nil
}

// sameFile tells whether path holds what f does, and nothing needs mending.
// It leaves f at its start.
func sameFile(f *os.File, path string) bool {
	defer func() { _, _ = f.Seek(0, io.SeekStart) }()
	fi, err := os.Lstat(path)
	if err != nil || !fi.Mode().IsRegular() || fi.Mode() != 0o755 || untrusted(path) != "" || outlivesParent(path) != "" {
		return false
	}
	if st, err := f.Stat(); err != nil || st.Size() != fi.Size() {
		return false
	}
	other, err := os.Open(path)
	if err != nil {
		return false
	}
	defer other.Close()
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, errA := io.ReadFull(f, a)
		m, errB := io.ReadFull(other, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return false
		}
		if errA != nil || errB != nil {
			return errors.Is(errA, errB)
		}
	}
}

// replace puts what from holds at path, whole or not at all: a helper that
// starts meanwhile is the old or the new one.
func replace(path string, from io.Reader) error {
	to, err := os.CreateTemp(filepath.Dir(path), ".tracecar-*")
	if err != nil {
		return err
	}
	defer os.Remove(to.Name()) // of no effect once it is renamed
	_, err = io.Copy(to, from)
	err = errors.Join(err, to.Chown(0, 0), to.Chmod(0o755), to.Sync(), to.Close())
	if err != nil {
		return err
	}
	return os.Rename(to.Name(), path)
}

// UninstallHelper removes what InstallHelper made, the directories where they
// are empty. What is not there is no error. The sudoers line is the caller's.
func UninstallHelper(prefix string) error {
	if os.Geteuid() != 0 {
		return errors.New("only root can remove the root helper")
	}
	if err := os.Remove(HelperPath(prefix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := filepath.Dir(HelperPath(prefix)); dir != filepath.Clean(prefix); dir = filepath.Dir(dir) {
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, fs.ErrExist) {
			return &os.PathError{Op: "rmdir", Path: dir, Err: err}
		}
	}
	return nil
}

// ErrNoVisudo says that there is no visudo to ask.
var ErrNoVisudo = errors.New("visudo is not installed")

// CheckSudoers has visudo read a sudoers line. The error is what visudo says.
func CheckSudoers(ctx context.Context, line string) error {
	visudo := ""
	for _, path := range []string{"/usr/sbin/visudo", "/usr/local/sbin/visudo", "/sbin/visudo", "/usr/bin/visudo"} {
		if _, reason := executable(path); reason == "" {
			visudo = path
			break
		}
	}
	if visudo == "" {
		return ErrNoVisudo
	}
	ch, ends, err := spawn(command{
		path: visudo, argv: []string{"visudo", "-c", "-f", "-"}, env: (&request{}).environ(), dir: "/", stdin: line + "\n",
	})
	if err != nil {
		return err
	}
	stdout, stderr := newCapture(ends.stdout, 4096, "", nil), newCapture(ends.stderr, 4096, "", nil)
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case <-ch.exited():
	case <-bounded.Done():
		stopNow(ch)
		err = bounded.Err()
	}
	stdout.finish()
	stderr.finish()
	ch.release()
	if err == nil && (ch.status().code != 0 || ch.status().signal != 0) {
		says, _ := stderr.text()
		more, _ := stdout.text()
		err = errors.New("visudo: " + clip(strings.TrimSpace(plain(says+more)), 500))
	}
	return err
}
