package config

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds symbolic links that lead to links; the kernel's bound is 40.
const maxLinks = 40

// way adds to dirs each folder in which a change can change what path leads
// to: its own, and those that hold a symbolic link on the way; and to names
// what it is in these folders. Where a folder does not exist, the nearest one
// above it does: there it will appear.
func way(path string, dirs, names map[string]bool, depth int) {
	dir := string(filepath.Separator)
	parts := strings.Split(strings.Trim(filepath.Clean(path), dir), dir)
	at := dir
	for i, part := range parts {
		next := filepath.Join(at, part)
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			dirs[at], names[next] = true, true
			return
		case info.Mode()&os.ModeSymlink != 0:
			dirs[at], names[next] = true, true
			target, err := os.Readlink(next)
			if err != nil || depth >= maxLinks {
				return
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(at, target)
			}
			way(filepath.Join(append([]string{target}, parts[i+1:]...)...), dirs, names, depth+1)
			return
		}
		if i < len(parts)-1 {
			at = next
			continue
		}
		dirs[at], names[next] = true, true
	}
}
