package examples

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed library/*.bt
var files embed.FS

var library = sync.OnceValue(func() []Script {
	scripts, err := load(files, "library")
	if err != nil {
		panic(err) // embedded, and tested
	}
	return scripts
})

// List returns the scripts of the library, sorted by name, each once, without
// its variants. The slices inside are shared: do not change them.
func List() []Script {
	var list []Script
	for _, s := range library() {
		if s.Since == "" {
			list = append(list, s)
		}
	}
	return list
}

// Get returns the script called name in the variant for this version of
// bpftrace ("0.23.2"); for an unreadable version, "" among them, the script
// itself. false means that there is no such script.
func Get(name, bpftraceVersion string) (Script, bool) {
	return get(library(), name, bpftraceVersion)
}

func get(scripts []Script, name, bpftraceVersion string) (best Script, ok bool) {
	have, known := parseVersion(bpftraceVersion)
	for _, s := range scripts { // older variants come first
		if s.Name != name {
			continue
		}
		since, variant := parseVersion(s.Since)
		if !variant || known && !have.less(since) {
			best, ok = s, true
		}
	}
	return best, ok
}

// load reads every script in dir: sorted by name, the script itself before
// its variants, and these from the oldest version to the newest.
func load(fsys fs.FS, dir string) ([]Script, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.bt"))
	if err != nil {
		return nil, err
	}
	var scripts []Script
	for _, file := range names {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		s, err := parseHeader(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		var variant bool
		s.Name, s.Since, variant = strings.Cut(strings.TrimSuffix(path.Base(file), ".bt"), "@")
		if _, ok := parseVersion(s.Since); variant != ok {
			return nil, fmt.Errorf("%s: %q is no bpftrace version", file, s.Since)
		}
		scripts = append(scripts, s)
	}
	slices.SortFunc(scripts, func(a, b Script) int {
		if c := cmp.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		x, _ := parseVersion(a.Since) // none is the oldest
		y, _ := parseVersion(b.Since)
		return cmp.Or(cmp.Compare(x.major, y.major), cmp.Compare(x.minor, y.minor))
	})
	return withVariants(scripts)
}

func withVariants(scripts []Script) ([]Script, error) {
	base := -1
	for i, s := range scripts {
		switch {
		case s.Since == "":
			base = i
		case base < 0 || scripts[base].Name != s.Name:
			return nil, fmt.Errorf("%s@%s is a variant of nothing", s.Name, s.Since)
		default:
			scripts[base].Variants = append(scripts[base].Variants, s.Since)
		}
	}
	return scripts, nil
}
