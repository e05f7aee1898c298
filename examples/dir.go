package examples

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// GetDir is Get for a folder of somebody's own scripts, NAME.bt and
// NAME@0.22.bt as in the library. A script there needs no header: without one,
// only its name and text are known. name must be a plain file name.
func GetDir(dir, name, bpftraceVersion string) (Script, bool) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return Script{}, false
	}
	return get(readDir(dir, name), name, bpftraceVersion)
}

// ListDir is List for such a folder.
func ListDir(dir string) []Script {
	var list []Script
	for _, s := range readDir(dir, "*") {
		if s.Since == "" {
			list = append(list, s)
		}
	}
	return list
}

func readDir(dir, name string) []Script {
	files, _ := filepath.Glob(filepath.Join(dir, name+".bt"))
	variants, _ := filepath.Glob(filepath.Join(dir, name+"@*.bt"))
	files = append(files, variants...)
	slices.Sort(files)
	var scripts []Script
	for _, file := range slices.Compact(files) {
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			continue // a pipe would block for ever
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		s, err := parseHeader(string(text))
		if err != nil {
			s = Script{Source: string(text)}
		}
		s.Name, s.Since, _ = strings.Cut(strings.TrimSuffix(filepath.Base(file), ".bt"), "@")
		scripts = append(scripts, s)
	}
	return scripts
}
