package executor

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Asking a bpftrace its version takes 30 to 50 ms, more than everything else
// tracecar adds to a short run. The answer is remembered across processes.

// fingerprint identifies a program by what it consists of: path, device,
// inode, size and time of change of the file; of a script also of the files
// it names. lasting tells that this is all it depends on, as far as can be seen:
// an ELF file, or a script that names one by its path.
func fingerprint(path string, fi os.FileInfo) (id string, lasting bool) {
	f, err := os.Open(path)
	if err != nil {
		return statID(path, fi), false
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, 8<<10))
	id = statID(path, fi)
	switch {
	case err != nil:
		return id, false
	case isELF(start):
		return id, true
	case !bytes.HasPrefix(start, []byte("#!")) || len(start) == 8<<10:
		return id, false
	}
	words := strings.FieldsFunc(string(start), func(r rune) bool { return strings.ContainsRune(" \t\n'\":;=()`", r) })
	for _, w := range words {
		if !filepath.IsAbs(w) {
			continue
		}
		named, err := os.Stat(w)
		if err != nil || !named.Mode().IsRegular() {
			continue
		}
		id += "|" + statID(w, named)
		if head := make([]byte, 4); !lasting {
			if g, err := os.Open(w); err == nil {
				_, _ = io.ReadFull(g, head)
				g.Close()
			}
			lasting = isELF(head)
		}
	}
	return id, lasting
}

func isELF(start []byte) bool { return bytes.HasPrefix(start, []byte("\x7fELF")) }

func statID(path string, fi os.FileInfo) string {
	id := fmt.Sprintf("%s %d %d", path, fi.Size(), fi.ModTime().UnixNano())
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		id += fmt.Sprintf(" %d %d %d", st.Dev, st.Ino, st.Ctim.Nano())
	}
	return id
}

const maxRemembered = 32 // programs

// rememberedIn is the file with a line "version<TAB>fingerprint" for each
// program; "" where there is no place that only this user can write.
var rememberedIn = func() string {
	dir := "/var/cache/tracecar"
	if os.Geteuid() != 0 {
		home, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, "tracecar")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return ""
	}
	fi, err := os.Lstat(dir)
	if err != nil || !fi.IsDir() || fi.Mode().Perm()&0o022 != 0 {
		return ""
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
		return ""
	}
	return filepath.Join(dir, "bpftrace-versions")
}

// recall returns the version remembered for a fingerprint.
func recall(id string) (Version, bool) {
	for _, line := range rememberedLines() {
		version, of, _ := strings.Cut(line, "\t")
		if of != id {
			continue
		}
		if v, err := ParseVersion(version); err == nil {
			return v, true
		}
	}
	return Version{}, false
}

// remember is best effort: a version that is not remembered is asked again.
func remember(id string, v Version) {
	if strings.ContainsAny(id, "\t\n") {
		return
	}
	path := rememberedIn()
	if path == "" {
		return
	}
	name, _, _ := strings.Cut(id, " ")
	lines := []string{v.String() + "\t" + id}
	for _, line := range rememberedLines() {
		if _, of, _ := strings.Cut(line, "\t"); !strings.HasPrefix(of, name+" ") && len(lines) < maxRemembered {
			lines = append(lines, line)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".versions-*")
	if err != nil {
		return
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	if cerr := f.Close(); err == nil && cerr == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
}

func rememberedLines() []string {
	path := rememberedIn()
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}
