package executor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Bpftrace is one bpftrace program of a known version. It is safe for
// concurrent use.
type Bpftrace struct {
	cfg     Config
	path    string
	version Version
	known   *program
}

// Path is the absolute path of the program.
func (b *Bpftrace) Path() string { return b.path }

// Version is what the program says of itself.
func (b *Bpftrace) Version() Version { return b.version }

// program is what is known about one file. Find remembers it until the file changes.
type program struct {
	id      string // fingerprint
	version Version

	mu   sync.Mutex
	info *Info
}

// programs holds one entry per path ever found.
var programs = struct {
	sync.Mutex
	byPath map[string]*program
}{byPath: map[string]*program{}}

// Find finds bpftrace and asks its version (no root needed). The answer is
// remembered until the file changes; where the file is a script, until it or a
// file it names does. Errors: NotFoundError, VersionError, DeadlineError, or ctx's.
func Find(ctx context.Context, cfg Config) (*Bpftrace, error) {
	path, fi, err := lookUp(cfg.Path)
	if err != nil {
		return nil, err
	}
	b := &Bpftrace{cfg: cfg, path: path}
	id, lasting := fingerprint(path, fi)
	programs.Lock()
	b.known = programs.byPath[path]
	programs.Unlock()
	if b.known == nil || b.known.id != id {
		v, ok := Version{}, false
		if lasting {
			v, ok = recall(id)
		}
		if !ok {
			if v, err = b.askVersion(ctx); err != nil {
				return nil, err
			}
			if lasting {
				remember(id, v)
			}
		}
		b.known = &program{id: id, version: v}
		programs.Lock()
		programs.byPath[path] = b.known
		programs.Unlock()
	}
	b.version = b.known.version
	return b, nil
}

var searchDirs = []string{"/usr/bin", "/usr/local/bin", "/usr/sbin", "/sbin"}

func lookUp(path string) (string, os.FileInfo, error) {
	if path != "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", nil, err
		}
		fi, reason := executable(abs)
		if reason != "" {
			return "", nil, &NotFoundError{Path: path, Reason: reason}
		}
		return abs, fi, nil
	}
	reason := "not in PATH"
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), searchDirs...) {
		if !filepath.IsAbs(dir) {
			continue // as os/exec has it: nothing runs from where one happens to stand
		}
		file := filepath.Join(dir, "bpftrace")
		fi, why := executable(file)
		if why == "" {
			return file, fi, nil
		}
		if why != noFile {
			reason = file + ": " + why
		}
	}
	return "", nil, &NotFoundError{Path: "bpftrace", Reason: reason, Install: installCommand()}
}

const noFile = "no such file"

func executable(path string) (fi os.FileInfo, reason string) {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, noFile
	case err != nil:
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, err.Error()
	case fi.IsDir():
		return nil, "is a directory"
	case !fi.Mode().IsRegular():
		return nil, "is not a regular file"
	case fi.Mode().Perm()&0o111 == 0:
		return nil, "is not executable"
	}
	return fi, ""
}

const versionDeadline = 10 * time.Second

func (b *Bpftrace) askVersion(ctx context.Context) (Version, error) {
	a, err := b.ask(ctx, &request{kind: kindVersion, path: b.path}, versionDeadline)
	if err != nil {
		return Version{}, err
	}
	text := a.stdout + a.exit.Stderr
	v, err := ParseVersion(text)
	if a.exit.Signal != 0 || a.exit.Code != 0 {
		err = errors.New(a.exit.String())
	}
	if err != nil {
		return Version{}, &VersionError{Path: b.path, Output: clip(text, 200), Err: err}
	}
	return v, nil
}
