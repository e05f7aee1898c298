package config

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long files must be left alone before they are read: an
	// editor truncates, writes and renames in several steps.
	quiet = 150 * time.Millisecond
	// impatient bounds the wait where they are never left alone.
	impatient = 2 * time.Second
	// emptied is the wait where a file has just become empty: more likely its
	// text is on the way than that somebody wants no configuration.
	emptied = time.Second
	// patrol is how often the files are read without a sign of change: some
	// network and container file systems give none.
	patrol = 30 * time.Second
)

// Watch loads the configuration again, with the environment and flags of the
// first time, whenever what it was loaded from changes: its file, a script,
// certificate or token file it names, or a script in a folder of its library,
// of which a new one counts, too. A write in place, a rename over the
// file, a swapped symbolic link (a Kubernetes ConfigMap) and a deleted and
// recreated file are all changes; touching a file is none.
//
// onChange gets the new Config, or the error of one that cannot be loaded, in
// which case the old one should stay in force. It is called from within Watch,
// never twice at once; while it runs, no files are watched, and what changed
// meanwhile is found afterwards. Watch returns when ctx ends, with nil, or
// when the kernel's inotify cannot be had. It leaves no goroutine behind.
func (c *Config) Watch(ctx context.Context, onChange func(*Config, error)) error {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer events.Close()
	w := watcher{events: events, source: c.src, files: maps.Clone(c.src.files), names: map[string]bool{}, folders: map[string]bool{}}
	w.follow()
	rounds := time.NewTicker(patrol)
	defer rounds.Stop()
	for {
		// What changed since the files were read, and before they were watched.
		if w.changed() {
			if !w.settle(ctx) {
				return nil
			}
			if w.changed() {
				w.reload(onChange)
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-rounds.C:
		case e := <-events.Events:
			if !w.matters(e.Name) {
				continue
			}
			if !w.settle(ctx) {
				return nil
			}
		case <-events.Errors: //nolint:errcheck // an overflow: events are lost, so look
		}
		w.follow()
	}
}

type watcher struct {
	events *fsnotify.Watcher
	source source
	files  map[string]seenFile // as last loaded
	// names are what events are about that matter: the folders watched, and
	// what of them lies on the way to a file.
	names map[string]bool
	// folders are those of scripts: of these any script matters.
	folders map[string]bool
}

// matters tells whether an event is about something that is followed.
func (w *watcher) matters(name string) bool {
	return w.names[name] || strings.HasSuffix(name, scriptSuffix) && w.folders[filepath.Dir(name)]
}

// reload loads, and from then on compares with what was read now.
func (w *watcher) reload(onChange func(*Config, error)) {
	c, files, err := load(w.source.shown, w.source.env, w.source.flags)
	if err != nil {
		// A file of the last good configuration may be what mends it.
		for path := range w.files {
			if _, there := files[path]; !there {
				files[path] = look(path, w.files[path])
			}
		}
	}
	w.files = files
	onChange(c, err)
	w.follow()
}

// changed tells whether any file holds something else than when it was loaded.
func (w *watcher) changed() bool {
	for path, before := range w.files {
		if look(path, before) != before {
			return true
		}
	}
	return false
}

// settle waits until the files are left alone; false if ctx ended.
func (w *watcher) settle(ctx context.Context) bool {
	deadline := time.NewTimer(impatient)
	defer deadline.Stop()
	wait := time.NewTimer(w.wait())
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case e := <-w.events.Events:
			if w.matters(e.Name) {
				wait.Reset(w.wait())
			}
		case <-w.events.Errors: //nolint:errcheck // an overflow: all is looked at afterwards anyway
		case <-wait.C:
			return true
		case <-deadline.C:
			return true
		}
	}
}

func (w *watcher) wait() time.Duration {
	for path, before := range w.files {
		if info, err := os.Stat(path); !before.empty && (err != nil || info.Size() == 0 && !before.folder) {
			return emptied
		}
	}
	return quiet
}

// follow watches the folders of the files as they are reached now.
func (w *watcher) follow() {
	want := map[string]bool{}
	clear(w.names)
	clear(w.folders)
	for path, seen := range w.files {
		way(path, want, w.names, 0)
		if real, err := filepath.EvalSymlinks(path); seen.folder && err == nil {
			want[real], w.folders[real] = true, true
		}
	}
	maps.Copy(w.names, want)
	have := w.events.WatchList()
	for _, dir := range have {
		if !want[dir] {
			_ = w.events.Remove(dir) // it may be gone already, which is as well
		}
	}
	for dir := range want {
		if !slices.Contains(have, dir) {
			_ = w.events.Add(dir) // gone in this moment, or over a limit: patrol finds what changes
		}
	}
}
