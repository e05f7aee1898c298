package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// untrusted tells why somebody other than root could choose what runs when
// root runs path; "" where nobody can: the file and all directories above it,
// links followed, belong to root and are writable by root only.
func untrusted(path string) string {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return fmt.Sprintf("%q is not a plain absolute path", clip(path, 200))
	}
	seen := 0
	for {
		if why := ownedByRoot(path); why != "" {
			return why
		}
		link, err := os.Readlink(path)
		if err == nil { // the link is root's in a directory of root's: go where it leads
			if seen++; seen > 16 {
				return path + " leads through too many links"
			}
			if !filepath.IsAbs(link) {
				link = filepath.Join(filepath.Dir(path), link)
			}
			path = filepath.Clean(link)
			continue
		}
		resolved, err := filepath.EvalSymlinks(path)
		if err != nil {
			return err.Error()
		}
		if resolved != path { // a directory on the way is a link
			path = resolved
			continue
		}
		if _, reason := executable(path); reason != "" {
			return path + ": " + reason
		}
		return ""
	}
}

// ownedByRoot looks at path and every directory above it.
func ownedByRoot(path string) string {
	for p := path; ; p = filepath.Dir(p) {
		fi, err := os.Lstat(p)
		if err != nil {
			return err.Error()
		}
		st, ok := fi.Sys().(*syscall.Stat_t)
		switch {
		case !ok || st.Uid != 0:
			return p + " does not belong to root"
		case fi.Mode()&os.ModeSymlink == 0 && fi.Mode().Perm()&0o022 != 0:
			return p + " is writable by others than root"
		}
		if p == "/" {
			return ""
		}
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
