//go:build !light

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
)

// inOrder names files, the configuration before the script: what a slow test
// shows in between is then the configuration's mistake with either script, and
// never the new script without the mistake.
func inOrder(files map[string]string) []string {
	names := slices.Sorted(maps.Keys(files))
	slices.Reverse(names)
	return names
}

// ways are those in which a file is changed.
var ways = map[string]func(t *testing.T, dir string, files map[string]string){
	"in place": func(t *testing.T, dir string, files map[string]string) {
		for _, name := range inOrder(files) {
			writeFile(t, filepath.Join(dir, name), files[name])
		}
	},
	"renamed over": func(t *testing.T, dir string, files map[string]string) {
		for _, name := range inOrder(files) {
			path := filepath.Join(dir, name)
			writeFile(t, path+".new", files[name])
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}
	},
	"deleted and recreated": func(t *testing.T, dir string, files map[string]string) {
		for _, name := range inOrder(files) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		for _, name := range inOrder(files) {
			writeFile(t, filepath.Join(dir, name), files[name])
		}
	},
	// As a ConfigMap is mounted: NAME → ..data/NAME, ..data → a folder of its
	// own for each version.
	"swapped": func(t *testing.T, dir string, files map[string]string) {
		version, err := os.MkdirTemp(dir, "..version_")
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			writeFile(t, filepath.Join(version, name), text)
			if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
				if err := os.Symlink("..data/"+name, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		before, _ := os.Readlink(filepath.Join(dir, "..data"))
		if err := os.Symlink(filepath.Base(version), filepath.Join(dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		if before != "" {
			if err := os.RemoveAll(filepath.Join(dir, before)); err != nil {
				t.Fatal(err)
			}
		}
	},
}

// metric is the value of a sample at /metrics, "" for none.
func (d *testDaemon) metric(sample string) string {
	d.t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(sample) + ` (\S+)$`).FindStringSubmatch(d.get("/metrics"))
	if m == nil {
		return ""
	}
	return m[1]
}

// TestReloadLive: however the files change, the probes that changed restart and
// no others; a mistake leaves all as it was, and shows until it is mended.
func TestReloadLive(t *testing.T) {
	p := executortest.Newest(t)
	const conf = "probes:\n  - {name: stays, script: 'interval:ms:10 { @n = count(); }'}\n  - {name: changes, file: changes.bt}\n"
	files := func(conf, script string) map[string]string {
		return map[string]string{"tracecar.yaml": conf, "changes.bt": script}
	}
	counts := func(name string) string { return "interval:ms:10 { @" + name + " = count(); }\n" }
	for name, change := range ways {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			change(t, dir, files(conf, counts("one")))
			d := followTestDaemon(t, p, filepath.Join(dir, "tracecar.yaml"))
			shows := func(what string) (probes map[string]collector.ProbeStatus) {
				t.Helper()
				waitFor(t, what, func() bool {
					probes = d.probes()
					res := probes["changes"].Result
					return probes["stays"].State == collector.ProbeRunning && probes["changes"].State == collector.ProbeRunning &&
						len(res.Maps) == 1 && res.Maps[0].Name == "@"+what
				})
				return probes
			}
			first := shows("one")
			change(t, dir, files(conf, counts("two")))
			second := shows("two")
			if first["stays"].RunID != second["stays"].RunID || first["changes"].RunID == second["changes"].RunID {
				t.Errorf("runs %v and %v, then %v and %v", first["stays"].RunID, first["changes"].RunID, second["stays"].RunID, second["changes"].RunID)
			}
			// A mistake beside a good change: none of both is taken.
			change(t, dir, files(strings.Replace(conf, "stays,", "stays, evry: 5m,", 1), counts("three")))
			waitFor(t, "the mistake to show", func() bool {
				why, _ := d.readyDetail()["config_error"].(string)
				return strings.Contains(why, "tracecar.yaml:2:") && strings.Contains(why, "evry")
			})
			if got := d.metric("tracecar_config_refused"); got != "1" {
				t.Errorf("the metric says %q", got)
			}
			if said := d.said.String(); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "the old one stays in force") || !strings.Contains(said, "evry") {
				t.Errorf("the log says %s", said)
			}
			if now := shows("two"); now["stays"].RunID != second["stays"].RunID || now["changes"].RunID != second["changes"].RunID {
				t.Errorf("a mistake restarts: %v", now)
			}
			change(t, dir, files(conf, counts("four")))
			if now := shows("four"); now["stays"].RunID != first["stays"].RunID {
				t.Errorf("the unchanged one was restarted")
			}
			if d.readyDetail()["config_error"] != nil || d.metric("tracecar_config_refused") != "0" {
				t.Errorf("mended, and still %v", d.readyDetail())
			}
			if d.metric(`tracecar_config_changes_total{outcome="refused"}`) == "0" {
				t.Error("the refusal is not counted")
			}
		})
	}
}

// TestReloadLibrary: a script in a folder of the library is followed like the
// file of a probe: what runs it restarts, and callers see what is new.
func TestReloadLibrary(t *testing.T) {
	p := executortest.Newest(t)
	const conf = `
library: {dirs: [own]}
probes:
  - {name: stays, script: 'interval:ms:10 { @n = count(); }'}
  - {name: changes, library: mine}
  - {name: variant, versions: [{bpftrace: ">=0.1", library: mine}]}
`
	script := func(name string) string {
		return "// Title: Mine\n// Question: " + name + "?\ninterval:ms:10 { @" + name + " = count(); }\n"
	}
	for name, change := range ways {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tracecar.yaml")
			own := filepath.Join(filepath.Dir(path), "own")
			if err := os.Mkdir(own, 0o700); err != nil {
				t.Fatal(err)
			}
			writeFile(t, path, conf)
			change(t, own, map[string]string{"mine.bt": script("one")})
			d := followTestDaemon(t, p, path)
			m := newMCPClient(t, d)
			shows := func(what string) (probes map[string]collector.ProbeStatus) {
				t.Helper()
				waitFor(t, what, func() bool {
					probes = d.probes()
					for _, name := range []string{"changes", "variant"} {
						p := probes[name]
						if p.State != collector.ProbeRunning || len(p.Result.Maps) != 1 || p.Result.Maps[0].Name != "@"+what {
							return false
						}
					}
					return probes["stays"].State == collector.ProbeRunning
				})
				return probes
			}
			listed := func(query string) string {
				out, _ := m.call("list_scripts", map[string]any{"query": query})
				return fmt.Sprint(out["scripts"])
			}
			first := shows("one")
			change(t, own, map[string]string{"mine.bt": script("two"), "other.bt": script("else")})
			if now := shows("two"); now["stays"].RunID != first["stays"].RunID || now["changes"].RunID == first["changes"].RunID {
				t.Errorf("runs %v, then %v", first, now)
			}
			if mine, other := listed("mine"), listed("other"); !strings.Contains(mine, "name:mine") || !strings.Contains(other, "name:other") {
				t.Errorf("listed are %s and %s", mine, other)
			}
			// A configuration may be taken twice, as other.bt came a little later.
			if said := d.said.String(); !strings.Contains(said, `changed="[changes variant]"`) {
				t.Errorf("the log says %s", said)
			}
			// A probe without its script is a mistake.
			second := d.probes()
			if err := os.Remove(filepath.Join(own, "mine.bt")); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the mistake to show", func() bool {
				why, _ := d.readyDetail()["config_error"].(string)
				return strings.Contains(why, "tracecar.yaml:5:") && strings.Contains(why, `no script "mine"`)
			})
			if now := d.probes(); now["changes"].RunID != second["changes"].RunID || now["changes"].State != collector.ProbeRunning {
				t.Errorf("a mistake restarts: %+v", now["changes"])
			}
			change(t, own, map[string]string{"mine.bt": script("three")})
			if now := shows("three"); now["stays"].RunID != first["stays"].RunID {
				t.Errorf("the unchanged one was restarted")
			}
			waitFor(t, "the mistake to be gone", func() bool { return d.readyDetail()["config_error"] == nil })
		})
	}
}

// TestDeletedConfiguration: without its file what was in force goes on.
func TestDeletedConfiguration(t *testing.T) {
	d := newTestDaemon(t, executortest.Newest(t), "probes: [{name: p, script: 'interval:ms:10 { @n = count(); }'}]\n")
	waitFor(t, "the probe", func() bool { return d.probes()["p"].State == collector.ProbeRunning })
	run := d.probes()["p"].RunID
	if err := os.Remove(d.path); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the missing file to show", func() bool {
		return strings.Contains(fmt.Sprint(d.readyDetail()["config_error"]), "no such file")
	})
	if p := d.probes()["p"]; p.State != collector.ProbeRunning || p.RunID != run {
		t.Errorf("%+v", p)
	}
}

// TestReloadSaysWhatNeedsARestart, key by key and until it is undone; what is
// live is taken over.
func TestReloadSaysWhatNeedsARestart(t *testing.T) {
	const probe = "probes: [{name: p, script: 'interval:ms:10 { @n = count(); }'}]\n"
	d := newTestDaemon(t, executortest.Newest(t), probe)
	change := func(text string) {
		t.Helper()
		before := d.config()
		writeFile(t, d.path, text+probe)
		waitFor(t, "the change", func() bool { return d.config() != before })
	}
	restart := func() string {
		keys, _ := d.readyDetail()["config_restart"].([]any)
		if got, want := d.metric("tracecar_config_pending"), fmt.Sprint(len(keys)); got != want {
			t.Errorf("the metric says %q, /readyz %s", got, want)
		}
		return fmt.Sprint(keys)
	}
	change("log: {level: debug}\nguard: {total_cpu_percent: 50}\nlibrary: {dirs: [.]}\n")
	if got := restart(); got != "[]" {
		t.Errorf("live keys need a restart: %s", got)
	}
	d.log.Debug("seen now")
	if !strings.Contains(d.said.String(), "seen now") {
		t.Error("the level of the log is not taken over")
	}
	writeFile(t, filepath.Join(filepath.Dir(d.path), "own.bt"), "// Title: Mine\n// Question: none\nBEGIN { exit(); }\n")
	if _, _, err := (scriptLibrary{d.runner, d.daemon.config}).Script(t.Context(), "own", nil); err != nil {
		t.Errorf("a new folder of scripts is not taken over: %v", err)
	}
	change("log: {format: json}\nlimits: {max_runs: 3}\n")
	if got := restart(); got != "[limits.max_runs log.format]" {
		t.Errorf("%s", got)
	}
	// The first change waits for its restart still when there is a second.
	change("log: {format: json}\nauth: {hosts: [a.example]}\nlimits: {max_runs: 3}\n")
	if got := restart(); got != "[auth.hosts limits.max_runs log.format]" {
		t.Errorf("%s", got)
	}
	if said := d.said.String(); !strings.Contains(said, "auth.hosts limits.max_runs log.format") || strings.Contains(said, "seen later") {
		t.Errorf("the log says %s", said)
	}
	change("")
	if got := restart(); got != "[]" {
		t.Errorf("undone, and still %s", got)
	}
	d.log.Debug("seen later")
	if strings.Contains(d.said.String(), "seen later") {
		t.Error("the level of the log is not taken back")
	}
}
