package executor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// seen is what /proc tells of a live bpftrace.
type seen struct{ environ, session, oom, dir, core, cmdline string }

func look(t *testing.T, pid int) seen {
	t.Helper()
	proc := "/proc/" + itoa(pid)
	file := func(name string) string {
		b, err := os.ReadFile(proc + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(strings.ReplaceAll(strings.TrimSuffix(string(b), "\x00"), "\x00", "\n"))
	}
	vars := strings.Split(file("environ"), "\n")
	// Programs in /opt are started by a shell and a loader of their own.
	vars = slices.DeleteFunc(vars, func(v string) bool { return strings.HasPrefix(v, "PWD=") || strings.HasPrefix(v, "OLDPWD=") })
	slices.Sort(vars)
	dir, err := filepath.EvalSymlinks(proc + "/cwd")
	if err != nil {
		t.Fatal(err)
	}
	stat := file("stat")
	s := seen{environ: strings.Join(vars, "\n"), oom: file("oom_score_adj"), dir: dir, cmdline: file("cmdline")}
	if f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]); len(f) > 3 {
		s.session = f[3]
	}
	for line := range strings.Lines(file("limits")) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
			s.core = strings.Fields(rest)[0]
		}
	}
	return s
}

// TestWhatBpftraceGets reads it from /proc: environment, session, order of
// dying, working directory, and a command line without the script.
func TestWhatBpftraceGets(t *testing.T) {
	h := setUpSudo(t, true)
	// What this process has, and a caller of the helper has, and bpftrace must not get.
	for _, v := range []string{"SECRET", "LD_PRELOAD_X", "BPFTRACE_LOG_SIZE", "BPFTRACE_MAX_BPF_PROGS", "BPFTRACE_STACK_MODE"} {
		t.Setenv(v, "hunter2")
	}
	t.Setenv("TZ", "Europe/Berlin")
	t.Setenv("BPFTRACE_KERNEL_BUILD", h.dir)
	common := []string{
		"HOME=/nonexistent", "LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TZ=Europe/Berlin", "BPFTRACE_KERNEL_BUILD=" + h.dir, notifyVariable + "=1",
	}
	slices.Sort(common)
	check := func(t *testing.T, pid int, dir string) {
		t.Helper()
		got := look(t, pid)
		if want := strings.Join(common, "\n"); got.environ != want {
			t.Errorf("environment\n%s\nwant\n%s", got.environ, want)
		}
		if got.session != itoa(pid) || got.oom != "500" || got.dir != dir || got.core != "0" {
			t.Errorf("%+v, want session %d, oom_score_adj 500, directory %s and no core file", got, pid, dir)
		}
		if !strings.HasSuffix(got.cmdline, "-f\njson\n-o\n/dev/fd/3\n--\n-") || strings.Contains(got.cmdline, "interval") {
			t.Errorf("command line %q", got.cmdline)
		}
	}
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		t.Run("child of root", func(t *testing.T) {
			p := start(t, bt, Job{Source: silent, Dir: h.dir})
			<-p.Attached()
			check(t, p.PID(), h.dir)
			p.Stop()
		})
		t.Run("without a directory", func(t *testing.T) {
			p := start(t, bt, Job{Source: silent})
			<-p.Attached()
			check(t, p.PID(), "/")
			p.Stop()
		})
		t.Run("behind sudo", func(t *testing.T) {
			c := h.client("hold", bt.Path(), silent)
			c.Env = append(c.Env, dirVariable+"="+h.dir)
			for _, v := range []string{"SECRET", "BPFTRACE_LOG_SIZE", "TZ", "BPFTRACE_KERNEL_BUILD"} {
				c.Env = append(c.Env, v+"="+os.Getenv(v))
			}
			pid, _ := held(t, c)
			check(t, pid, h.dir)
			waitFor(t, "the bound on CPU time to end", func() bool { return softLimit(t, pid, unix.RLIMIT_CPU) == unix.RLIM_INFINITY })
		})
		t.Run("behind a helper alone", func(t *testing.T) {
			fc, served := serve(t, HelperOptions{})
			r := bt.request(kindRun)
			r.source, r.dir = silent, h.dir
			if err := fc.write(opStart, 0, r.pack()); err != nil {
				t.Fatal(err)
			}
			fr, err := fc.read()
			if err != nil || fr.op != opStarted {
				t.Fatalf("%q %q, %v", fr.op, fr.payload, err)
			}
			c := helperChild{bpf: number(string(fr.payload))}
			attached := make(chan struct{})
			found := sync.OnceFunc(func() { close(attached) })
			out, says := newCapture(fc.fds[0], 4096, notifyVariable, found), newCapture(fc.fds[1], 4096, notifyVariable, found)
			json, err := newOutput(fc.fds[2])
			if err != nil {
				t.Fatal(err)
			}
			fc.fds = nil
			<-attached
			check(t, c.bpf, h.dir)
			if n := softLimit(t, c.bpf, unix.RLIMIT_CPU); n != 60 { // the caller has not said that it is attached
				t.Errorf("a bound on CPU time of %d s", n)
			}
			_ = fc.c.Close()
			<-served
			_ = json.Close()
			out.finish()
			says.finish()
			waitFor(t, "bpftrace to end", func() bool { return !alive(c.bpf) })
		})
	})
}

// TestVariablesOfAnotherAreRefused: what root reads is root's.
func TestVariablesOfAnotherAreRefused(t *testing.T) {
	h := setUpSudo(t, true)
	theirs := h.dir + "/btf"
	if err := os.WriteFile(theirs, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(theirs, int(h.uid), int(h.gid)); err != nil {
		t.Fatal(err)
	}
	c := h.client("hold", anyBpftrace(t), silent)
	c.Env = append(c.Env, "BPFTRACE_BTF="+theirs)
	out, err := c.CombinedOutput()
	if err == nil {
		t.Error("it ran")
	}
	contains(t, string(out), "root helper: BPFTRACE_BTF is not used as root: "+theirs+" does not belong to root")
	c = h.client("hold", anyBpftrace(t), silent)
	c.Env = append(c.Env, dirVariable+"=lib")
	if out, err = c.CombinedOutput(); err == nil {
		t.Error("it ran in a relative directory")
	}
	contains(t, string(out), `the working directory has to be an absolute path, not "lib"`)
}

func TestRootsOwn(t *testing.T) {
	h := setUpSudo(t, false)
	dir := h.dir
	for _, d := range []string{"/real", "/real/deep", "/theirs", "/open", "/shared"} {
		if err := os.Mkdir(dir+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"/real/deep/file", "/theirs/file", "/open/file", "/file"} {
		if err := os.WriteFile(dir+f, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{
		"/link": "real/deep", "/hop": dir + "/theirs/hop", "/theirs/hop": dir + "/real", "/real/deep/up": "../../file",
		"/loop": dir + "/loop", "/open/hop": dir + "/real", "/viaopen": "open/hop", "/dangling": "nothing",
	} {
		if err := os.Symlink(to, dir+from); err != nil {
			t.Fatal(err)
		}
	}
	for path, why := range map[string]func() error{
		"/theirs": func() error { return os.Chown(dir+"/theirs", int(h.uid), int(h.gid)) },
		"/open":   func() error { return os.Chmod(dir+"/open", 0o777) },
		"/shared": func() error { return os.Chmod(dir+"/shared", 0o775) },
	} {
		if err := why(); err != nil {
			t.Fatal(path, err)
		}
	}
	for path, want := range map[string]string{
		dir + "/file":          "",
		dir + "/link/file":     "",
		dir + "/link/up":       "",
		dir + "/real":          "",
		"/":                    "",
		dir + "/theirs/file":   "/theirs does not belong to root",
		dir + "/hop/deep/file": "/theirs does not belong to root", // a link on the way, though it leads to root's own
		dir + "/open/file":     "/open is writable by others",
		dir + "/viaopen/deep":  "/open is writable by others",
		dir + "/shared":        "/shared is writable by others",
		dir + "/loop":          "too many links",
		dir + "/dangling":      "no such file",
		dir + "/file/x":        "not a directory",
		dir + "/real/../file":  "not a plain absolute path",
		"file":                 "not a plain absolute path",
		dir + "/file\x00":      "not a plain absolute path",
	} {
		got := notRootsOwn(path)
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if why := untrusted(dir + "/real"); !strings.Contains(why, "is a directory") {
		t.Error(why)
	}
}
