package executor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDescribeHost(t *testing.T) {
	h := DescribeHost()
	if h.Kernel != readTrimmed("/proc/sys/kernel/osrelease") || h.Arch == "" || h.Root != (os.Geteuid() == 0) {
		t.Errorf("%+v", h)
	}
	if h.Root && len(h.Caps) != len(capabilities) {
		t.Errorf("capabilities %v", h.Caps)
	}
	h.AddProblems(nil, &NotFoundError{Path: "bpftrace", Reason: "not in PATH", Install: "apt-get install bpftrace"})
	p := h.Problems[len(h.Problems)-1]
	if !p.Fatal || p.Fix != "apt-get install bpftrace" || !strings.Contains(p.What, "not in PATH") {
		t.Errorf("%+v", p)
	}
}

func TestProblems(t *testing.T) {
	fine := Host{Root: true, Caps: map[string]bool{"CAP_SYS_ADMIN": true}, BTF: true, Tracefs: true, Kprobes: true, KernelSymbols: true}
	for name, tc := range map[string]struct {
		change func(*Host)
		what   string
		fix    string
		fatal  bool
	}{
		"no tracefs":    {func(h *Host) { h.Tracefs = false }, "tracefs is not mounted", "mount -t tracefs tracefs /sys/kernel/tracing", false},
		"no BTF":        {func(h *Host) { h.BTF = false }, "no BTF", "CONFIG_DEBUG_INFO_BTF", false},
		"no kprobes":    {func(h *Host) { h.Kprobes = false }, "no kprobes", "", false},
		"locked down":   {func(h *Host) { h.Lockdown = "confidentiality" }, "lockdown", "integrity", true},
		"in good shape": {func(h *Host) { h.Lockdown = "integrity" }, "", "", false},
	} {
		h := fine
		tc.change(&h)
		ps := h.findProblems()
		if tc.what == "" {
			if len(ps) > 0 {
				t.Errorf("%s: %v", name, ps)
			}
			continue
		}
		if len(ps) != 1 || !strings.Contains(ps[0].What, tc.what) || !strings.Contains(ps[0].Fix, tc.fix) || ps[0].Fatal != tc.fatal {
			t.Errorf("%s: %+v", name, ps)
		}
	}
}

// TestWithoutTracefs looks at a host without tracefs: a mount namespace of its own.
func TestWithoutTracefs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skip: a mount namespace needs root")
	}
	if !tracefsMounted() {
		t.Skip("skip: tracefs is not mounted here")
	}
	eachReal(t, func(t *testing.T, bt *Bpftrace) { withoutTracefs(t, bt) })
}

func withoutTracefs(t *testing.T, bt *Bpftrace) {
	result := make(chan string, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		defer close(result)
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			result <- "skip: " + err.Error()
			return
		}
		_ = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		for _, dir := range []string{"/sys/kernel/debug/tracing", "/sys/kernel/debug", tracefsDir} {
			_ = unix.Unmount(dir, unix.MNT_DETACH)
		}
		if tracefsMounted() {
			result <- "skip: tracefs cannot be unmounted here"
			return
		}
		exe, _ := os.Executable()
		c := exec.Command(exe, bt.Path())
		c.Env = []string{roleVariable + "=client:bare", "GORACE=atexit_sleep_ms=0"}
		out, err := c.CombinedOutput()
		if err != nil {
			out = append(out, err.Error()...)
		}
		result <- string(out)
	}()
	out := <-result
	if strings.HasPrefix(out, "skip: ") {
		t.Skip(out)
	}
	contains(t, out, "tracefs false\n", noTracefs, "problem tracefs is not mounted", "mounted <nil>\n", "valid true\n", "counted 0 <nil>\n", "hopeless false\n") // it may mount it
	for _, pattern := range []string{"tracepoint:sched:*", "t:nosuch:*", "*", ""} {
		if !regexp.MustCompile(`(?m)^listed "` + regexp.QuoteMeta(pattern) + `" false .*tracepoint not found.*` + noTracefs).MatchString(out) {
			t.Errorf("of %q:\n%s", pattern, out)
		}
	}
	if software := `listed "software:*" true <nil>`; strings.Contains(out, software) == bt.Version().AtLeast(0, 27) {
		t.Errorf("%s:\n%s", software, out)
	}
}

// TestHopelessWithoutTracefs has the doctor give up where nobody may mount it
// and bpftrace does nothing without.
func TestHopelessWithoutTracefs(t *testing.T) {
	for _, tt := range []struct {
		minor int
		admin bool
		want  bool
	}{{17, false, false}, {23, false, false}, {27, false, true}, {27, true, false}} {
		h := Host{Root: true, BTF: true, Kprobes: true, Caps: map[string]bool{"CAP_SYS_ADMIN": tt.admin}}
		h.Problems = h.findProblems()
		h.AddProblems(&Bpftrace{version: Version{Minor: tt.minor}}, nil)
		if p := h.Problems[0]; p.Fatal != tt.want || p.Fix == "" {
			t.Errorf("%+v: %+v", tt, p)
		}
	}
}

func TestOSRelease(t *testing.T) {
	for text, want := range map[string]string{
		"ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"":  "apt-get install -y bpftrace",
		"# a comment\nID=\"linuxmint\"\nID_LIKE=\"ubuntu debian\"\n": "apt-get install -y bpftrace",
		"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n":             "dnf install -y bpftrace",
		"ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"":            "zypper install -y bpftrace",
		"ID=unheardof": "",
		"":             "",
	} {
		got := strings.TrimPrefix(installOn(parseOSRelease(text)), "sudo ")
		if got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestSudoersLine(t *testing.T) {
	line := SudoersLine("", []string{"/opt/a b/tracecar", "root-helper", "x,y:*"})
	if !strings.HasSuffix(line, ` ALL=(root) NOPASSWD: /opt/a\ b/tracecar root-helper x\,y\:\*`) {
		t.Error(line)
	}
	if line = SudoersLine("", []string{"/usr/bin/h"}); !strings.HasSuffix(line, `/usr/bin/h ""`) {
		t.Error(line)
	}
	if _, err := exec.LookPath("visudo"); err != nil {
		t.Skip("skip: no visudo to check the line with")
	}
	file := filepath.Join(t.TempDir(), "sudoers")
	if err := os.WriteFile(file, []byte(SudoersLine("", []string{"/opt/a b/tracecar", "root-helper", "x,y:*"})+"\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("visudo", "-c", "-f", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestUntrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skip: needs root to make files of others")
	}
	dir, err := os.MkdirTemp("/var/lib", "tracecar-test-")
	if err != nil {
		t.Skip("skip: " + err.Error())
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := func(name string, mode os.FileMode, uid int) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755), os.Chmod(path, mode), os.Chown(path, uid, 0)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, theirs := file("good", 0o755, 0), file("theirs", 0o755, 65534)
	inOpen := file("open/x", 0o755, 0)
	if err := os.Chmod(dir+"/open", 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		good: "", theirs: "does not belong to root", inOpen: "open is writable by others",
		file("writable", 0o775, 0): "is writable by others", file("plain", 0o644, 0): "not executable",
		link("to-good", "good"): "", link("to-theirs", theirs): "does not belong to root", link("into-open", dir+"/open"): "",
		link("loop", "loop"): "too many links", dir + "/to-open-dir/x": "no such file", dir: "directory", "good": "not a plain absolute path",
		dir + "/into-open/x": "open is writable by others",
	} {
		if path == dir+"/into-open" {
			continue
		}
		got := untrusted(path)
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestEnvironmentIsBuiltFromNothing(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "hunter2")
	t.Setenv("TZ", "Asia/Kathmandu")
	t.Setenv("BPFTRACE_BTF", "/no/such")
	t.Setenv("BPFTRACE_MAX_STRLEN", "junk")
	bt := fake(t, "self", Config{Limits: Limits{MaxMapKeys: 5, MaxStrlen: 900, MaxProbes: 7, RingBufferPages: 8}})
	p := start(t, bt, Job{Source: "BEGIN { }", Args: []string{"-o", "/etc/x"}})
	out := readAll(t, p)
	contains(t, out, `args ["-f" "json" "-o" "/dev/fd/3" "--" "-" "-o" "/etc/x"]`, `source "BEGIN { }\n"`, `dir "/"`,
		`"TZ=Asia/Kathmandu"`, `"BPFTRACE_BTF=/no/such"`, `"BPFTRACE_MAX_MAP_KEYS=5"`, `"BPFTRACE_MAX_STRLEN=900"`, `"BPFTRACE_MAX_PROBES=7"`, `"BPFTRACE_PERF_RB_PAGES=8"`, `"HOME=/nonexistent"`)
	if strings.Contains(out, "hunter2") || strings.Contains(out, "junk") {
		t.Error(out)
	}
	old := (&request{kind: kindRun, version: Version{Minor: 17}, limits: Limits{MaxMapKeys: 5, MaxStrlen: 900}, tz: "../../etc/shadow"}).environ()
	if !slices.Contains(old, "BPFTRACE_MAP_KEYS_MAX=5") || !slices.Contains(old, "BPFTRACE_STRLEN=200") {
		t.Errorf("%q", old)
	}
	for _, tz := range []string{"../../etc/shadow", "/etc/shadow", ":/etc/shadow", "a b"} {
		if safeTZ(tz) {
			t.Errorf("%q is a zone", tz)
		}
	}
	for _, tz := range []string{"UTC", "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3", ":UTC"} {
		if !safeTZ(tz) {
			t.Errorf("%q is none", tz)
		}
	}
}

func TestRealMemoryLimit(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		limited, err := Find(testContext(t, time.Minute), Config{Path: bt.Path(), Limits: Limits{Memory: 2 << 30}})
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, limited, Job{Source: `tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } BEGIN { @x = hist(7); exit(); }`})
		contains(t, readAll(t, p), `"@x"`)
		if e := wait(t, p); e.Code != 0 {
			t.Errorf("%s: %v", e, e.Diagnostics)
		}
	})
}
