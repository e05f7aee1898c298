package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// untrusted tells why somebody other than root could choose what runs when
// root runs path; "" where nobody can: the file and all directories above it,
// links followed, belong to root and are writable by root only. (An access
// control list that lets others write shows in the mode of the group.)
func untrusted(path string) string {
	file, why := rootsOwn(path)
	if why != "" {
		return why
	}
	if _, reason := executable(file); reason != "" {
		return file + ": " + reason
	}
	return ""
}

// Replaceable tells why it would be dangerous to let a user run path as root:
// others than root can replace it. "" where root alone can.
func Replaceable(path string) string { return untrusted(path) }

// notRootsOwn is untrusted for what is read, not run: a file or directory.
func notRootsOwn(path string) string {
	_, why := rootsOwn(path)
	return why
}

// rootsOwn walks path as the kernel does, link by link: everything on the way
// has to be root's. file is where it leads.
func rootsOwn(path string) (file, why string) {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || strings.IndexByte(path, 0) >= 0 {
		return "", fmt.Sprintf("%q is not a plain absolute path", clip(path, 200))
	}
	at, rest, links := "/", strings.Split(path, "/"), 0
	for {
		fi, err := os.Lstat(at)
		if err != nil {
			return "", err.Error()
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 {
			return "", at + " does not belong to root"
		}
		switch {
		case fi.Mode()&os.ModeSymlink != 0:
			if links++; links > 16 {
				return "", path + " leads through too many links"
			}
			to, err := os.Readlink(at)
			if err != nil {
				return "", err.Error()
			}
			if at = filepath.Dir(at); filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(to, "/"), rest...)
		case fi.Mode().Perm()&0o022 != 0:
			return "", at + " is writable by others than root"
		}
		for len(rest) > 0 && (rest[0] == "" || rest[0] == ".") {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return at, ""
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:] // at is no link: ".." is its parent
	}
}

// outlivesParent tells why the kernel would not kill a child that runs path
// when this process dies: it forgets PR_SET_PDEATHSIG where a program gains
// rights by being started. Root has none to gain.
func outlivesParent(path string) string {
	if os.Geteuid() == 0 {
		return ""
	}
	if n, err := unix.Getxattr(path, "security.capability", nil); err == nil && n > 0 {
		return path + " has file capabilities"
	}
	if fi, err := os.Stat(path); err == nil && fi.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 {
		return path + " is set-user-id or set-group-id"
	}
	return ""
}

func itoa(n int) string { return strconv.Itoa(n) }
