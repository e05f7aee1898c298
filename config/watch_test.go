package config_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tracecar/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hang is how long a test waits for what should come at once.
const hang = 20 * time.Second

type change struct {
	c   *config.Config
	err error
}

// watch watches a loaded file until the test ends.
func watch(t *testing.T, path string) <-chan change {
	t.Helper()
	c := load(t, path, testEnv, nil)
	changes, done := make(chan change, 100), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- c.Watch(ctx, func(c *config.Config, err error) { changes <- change{c, err} }) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(hang):
			t.Error("Watch does not return")
		}
	})
	return changes
}

// until waits for a configuration of which good holds; those before it may be
// errors and states in between.
func until(t *testing.T, changes <-chan change, what string, good func(change) bool) {
	t.Helper()
	late := time.After(hang)
	var seen []string
	for {
		select {
		case c := <-changes:
			if good(c) {
				return
			}
			seen = append(seen, fmt.Sprintf("%v", c.err))
		case <-late:
			t.Fatalf("%s: not seen; seen %q", what, seen)
		}
	}
}

func scriptIs(text string) func(change) bool {
	return func(c change) bool { return c.err == nil && len(c.c.Probes) > 0 && c.c.Probes[0].Source == text }
}

func fails(text string) func(change) bool {
	return func(c change) bool { return c.err != nil && c.c == nil && strings.Contains(c.err.Error(), text) }
}

func inline(script string) string { return "probes: [{name: a, script: '" + script + "'}]\n" }

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchWriteInPlace(t *testing.T) {
	t.Parallel()
	path := write(t, inline("one"))
	changes := watch(t, path)
	put(t, path, inline("two"))
	until(t, changes, "a write", scriptIs("two"))
	put(t, path, "probes: [")
	until(t, changes, "a bad file", fails("not YAML"))
	put(t, path, inline("three"))
	until(t, changes, "a mended file", scriptIs("three"))
}

func TestWatchRenameOver(t *testing.T) {
	t.Parallel()
	path := write(t, inline("one"))
	changes := watch(t, path)
	for _, script := range []string{"two", "three"} {
		put(t, path+".new", inline(script))
		must(t, os.Rename(path+".new", path))
		until(t, changes, "a rename", scriptIs(script))
	}
}

func TestWatchDeleteAndRecreate(t *testing.T) {
	t.Parallel()
	path := write(t, inline("one"))
	changes := watch(t, path)
	for _, script := range []string{"two", "three"} {
		must(t, os.Remove(path))
		until(t, changes, "a deleted file", fails("no such file"))
		put(t, path, inline(script))
		until(t, changes, "a recreated file", scriptIs(script))
	}
}

// A ConfigMap is mounted as links: tracecar.yaml → ..data/tracecar.yaml, and
// ..data → ..2026_1; an update renames a new ..data over the old one.
func TestWatchConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "tracecar.yaml")
	version := func(n string, script string) {
		put(t, filepath.Join(dir, "..2026_"+n, "tracecar.yaml"), "probes: [{name: a, file: a.bt}]")
		put(t, filepath.Join(dir, "..2026_"+n, "a.bt"), script)
		must(t, os.Symlink("..2026_"+n, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	version("1", "one")
	must(t, os.Symlink("..data/tracecar.yaml", path))
	must(t, os.Symlink("..data/a.bt", filepath.Join(dir, "a.bt")))
	changes := watch(t, path)
	version("2", "two")
	must(t, os.RemoveAll(filepath.Join(dir, "..2026_1")))
	until(t, changes, "a swap", scriptIs("two"))
	version("3", "three")
	until(t, changes, "a second swap", scriptIs("three"))
}

func TestWatchScriptFiles(t *testing.T) {
	t.Parallel()
	path := write(t, "probes: [{name: a, file: scripts/a.bt}]")
	dir := filepath.Dir(path)
	script := filepath.Join(dir, "scripts/a.bt")
	put(t, script, "one")
	changes := watch(t, path)
	put(t, script, "two")
	until(t, changes, "a write", scriptIs("two"))
	must(t, os.RemoveAll(filepath.Dir(script)))
	until(t, changes, "a folder gone", fails("no such file"))
	put(t, script, "three")
	until(t, changes, "a folder back", scriptIs("three"))
	put(t, filepath.Join(dir, "other/a.bt"), "four")
	must(t, os.Rename(filepath.Dir(script), filepath.Join(dir, "old")))
	must(t, os.Rename(filepath.Join(dir, "other"), filepath.Dir(script)))
	until(t, changes, "a folder swapped", scriptIs("four"))
	put(t, path, "probes: [{name: a, file: new.bt}]")
	until(t, changes, "a script that is not there", fails("new.bt"))
	put(t, filepath.Join(dir, "new.bt"), "five")
	until(t, changes, "the script appears", scriptIs("five"))
}

// What an overlong script is, is remembered with the limit it was read with:
// it must not look changed for ever.
func TestWatchOverlongScript(t *testing.T) {
	t.Parallel()
	path := write(t, "probes: [{name: a, file: a.bt}]")
	script := filepath.Join(filepath.Dir(path), "a.bt")
	put(t, script, "one")
	changes := watch(t, path)
	put(t, script, strings.Repeat("x", 1<<20+1))
	until(t, changes, "an overlong script", fails("larger than"))
	put(t, script, "two")
	late := time.After(hang)
	for errs := 0; ; {
		select {
		case c := <-changes:
			if c.err == nil {
				return
			}
			if errs++; errs > 3 {
				t.Fatal("loaded over and over")
			}
		case <-late:
			t.Fatal("not mended")
		}
	}
}

// What changed between Load and Watch is not missed.
func TestWatchSeesWhatChangedBefore(t *testing.T) {
	t.Parallel()
	path := write(t, inline("one"))
	c := load(t, path, nil, nil)
	put(t, path, inline("two"))
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	seen := false
	if err := c.Watch(ctx, func(c *config.Config, err error) {
		seen = scriptIs("two")(change{c, err})
		cancel()
	}); err != nil || !seen {
		t.Errorf("%v %v", seen, err)
	}
}

// A change that leaves all as it was is none; neither is one beside the file.
func TestWatchIgnoresNoise(t *testing.T) {
	t.Parallel()
	path := write(t, inline("one"))
	changes := watch(t, path)
	put(t, path, inline("one"))
	now := time.Now()
	must(t, os.Chtimes(path, now, now))
	for i := range 50 {
		put(t, filepath.Join(filepath.Dir(path), "audit.jsonl"), strings.Repeat("x", i))
	}
	put(t, path, inline("two"))
	until(t, changes, "the first change", func(c change) bool {
		if !scriptIs("two")(c) {
			t.Errorf("%v %v", c.c, c.err)
		}
		return true
	})
}

// place writes a file in one step: a slow machine shows nothing in between.
func place(t *testing.T, path, text string) {
	t.Helper()
	put(t, path+".new", text)
	must(t, os.Rename(path+".new", path))
}

// What a folder of the library holds counts: changed, added and removed
// scripts, and the folder itself.
func TestWatchLibrary(t *testing.T) {
	t.Parallel()
	path := write(t, "library: {dirs: [own]}\n")
	dir := filepath.Join(filepath.Dir(path), "own")
	put(t, filepath.Join(dir, "a.bt"), "one")
	changes := watch(t, path)
	taken := func(c change) bool { return c.err == nil }
	for _, step := range []struct {
		what string
		do   func()
		good func(change) bool
	}{
		{"a write", func() { put(t, filepath.Join(dir, "a.bt"), "two") }, taken},
		{"a rename over", func() { place(t, filepath.Join(dir, "a.bt"), "three") }, taken},
		{"a script more", func() { place(t, filepath.Join(dir, "b.bt"), "one") }, taken},
		{"a write to it", func() { put(t, filepath.Join(dir, "b.bt"), "two") }, taken},
		{"a script less", func() { must(t, os.Remove(filepath.Join(dir, "a.bt"))) }, taken},
		{"the folder gone", func() { must(t, os.Rename(dir, dir+".away")) }, fails("no such file")},
		{"the folder back", func() { must(t, os.Rename(dir+".away", dir)) }, taken},
		// As a ConfigMap is mounted.
		{"a link", func() {
			put(t, filepath.Join(dir, "..1/c.bt"), "one")
			must(t, os.Symlink("..1", filepath.Join(dir, "..data")))
			must(t, os.Symlink("..data/c.bt", filepath.Join(dir, "c.bt")))
		}, taken},
		{"a swap", func() {
			put(t, filepath.Join(dir, "..2/c.bt"), "two")
			must(t, os.Symlink("..2", filepath.Join(dir, "..new")))
			must(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
		}, taken},
		{"a file for a folder", func() {
			must(t, os.Rename(dir, dir+".away"))
			put(t, dir, "")
		}, fails("is not a folder")},
		{"mended", func() {
			must(t, os.Remove(dir))
			must(t, os.Rename(dir+".away", dir))
		}, taken},
	} {
		step.do()
		until(t, changes, step.what, step.good)
	}
}

// What is no script, and a script that stays as it is, change no library.
func TestWatchLibraryIgnoresNoise(t *testing.T) {
	t.Parallel()
	path := write(t, "library: {dirs: [own]}\n")
	dir := filepath.Join(filepath.Dir(path), "own")
	put(t, filepath.Join(dir, "a.bt"), "one")
	changes := watch(t, path)
	place(t, filepath.Join(dir, "a.bt"), "one")
	for i := range 20 {
		put(t, filepath.Join(dir, "notes.txt"), strings.Repeat("x", i))
	}
	place(t, path, "library: {dirs: [own]}\n"+inline("seen"))
	until(t, changes, "the first change", func(c change) bool {
		if !scriptIs("seen")(c) {
			t.Errorf("%v %v", c.c, c.err)
		}
		return true
	})
}
