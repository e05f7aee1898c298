package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// groupHost skips where control groups cannot be made.
func groupHost(t *testing.T) groupPlace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skip: not root, control groups cannot be made")
	}
	p := hostGroups()
	if p.why != "" {
		t.Skip("skip: no control groups here: " + p.why)
	}
	return p
}

// ours lists the groups of this process.
func ours(t *testing.T, p groupPlace) (dirs []string) {
	t.Helper()
	for _, d := range p.dirs() {
		found, err := filepath.Glob(fmt.Sprintf("%s/%s%d-*", d, groupPrefix, os.Getpid()))
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, found...)
	}
	return dirs
}

func TestRealBpftraceHasItsOwnGroup(t *testing.T) {
	place := groupHost(t)
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		limited, err := Find(testContext(t, time.Minute), Config{Path: bt.Path(), Limits: Limits{Memory: 700 << 20, CPUPercent: 150}})
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, limited, Job{Source: `BEGIN { @x["a b"] = 1; } interval:s:60 { exit(); } END { printf("end\n"); }`})
		<-p.Attached()
		text := readTrimmed("/proc/" + itoa(p.PID()) + "/cgroup")
		if n := strings.Count(text, groupPrefix+itoa(os.Getpid())+"-"); n == 0 {
			t.Errorf("not in a group of ours:\n%s", text)
		}
		for _, d := range ours(t, place) {
			for _, f := range []string{"memory.max", "memory.limit_in_bytes"} {
				if v := readTrimmed(d + "/" + f); v != "" && v != "734003200" {
					t.Errorf("%s/%s is %s", d, f, v)
				}
			}
			if v := readTrimmed(d + "/cpu.cfs_quota_us"); v != "" && v != "150000" && strings.HasPrefix(d, place.cpu) && place.cpu != "" {
				t.Errorf("%s: quota %s", d, v)
			}
		}
		if v := readTrimmed("/proc/" + itoa(p.PID()) + "/oom_score_adj"); v != "500" {
			t.Errorf("oom_score_adj is %s", v)
		}
		p.Stop()
		contains(t, readAll(t, p), `end\n`, `"@x"`)
		if e := wait(t, p); e.Code != 0 || e.Escalated || e.OutOfMemory != 0 {
			t.Errorf("%+v", e)
		}
		p.Close()
		if left := ours(t, place); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
		// A check compiles too.
		if c, err := limited.Validate(testContext(t, time.Minute), Job{Source: `BEGIN { }`}); err != nil || !c.Valid {
			t.Errorf("%+v, %v", c, err)
		}
		if left := ours(t, place); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
	})
}

func TestTooMuchMemoryIsSaid(t *testing.T) {
	place := groupHost(t)
	p := start(t, fake(t, "eat", Config{Limits: Limits{Memory: 100 << 20}}), Job{})
	e := wait(t, p)
	if e.OutOfMemory != 100<<20 || e.Signal != syscall.SIGKILL || len(e.Diagnostics) != 1 || !strings.Contains(e.Diagnostics[0].Message, "more than the 100 MiB") {
		t.Errorf("%+v", e)
	}
	p.Close()
	if left := ours(t, place); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestGroupThatCannotBeMade(t *testing.T) {
	if g, err := newGroup(groupPlace{why: "not here"}, Limits{}); g != nil || err == nil || err.Error() != "not here" {
		t.Errorf("%v, %v", g, err)
	}
	if g, err := newGroup(groupPlace{memory: t.TempDir() + "/none"}, Limits{}); g != nil || err == nil {
		t.Errorf("%v, %v", g, err)
	}
	if m := (Limits{}).memory(); m < smallestMemory || m > defaultMemory {
		t.Errorf("%d", m)
	}
}

func TestGroupOfWhatAScriptLeftBehind(t *testing.T) {
	place := groupHost(t)
	p := start(t, fake(t, "holder", Config{}), Job{})
	var holder int
	if _, err := fmt.Sscan(readAll(t, p), &holder); err != nil {
		t.Fatal(err)
	}
	wait(t, p)
	p.Close()
	if left := ours(t, place); len(left) == 0 {
		t.Error("a group with a process in it was removed")
	}
	if err := syscall.Kill(holder, syscall.SIGKILL); err != nil {
		t.Fatalf("what the script left behind was killed: %v", err)
	}
	waitFor(t, "the group to go", func() bool {
		retryLeftovers()
		return len(ours(t, place)) == 0
	})
}

func TestSweepTakesOnlyWhatTheDeadLeft(t *testing.T) {
	dir := t.TempDir()
	names := map[string]bool{ // and whether it stays
		fmt.Sprintf("%s%d-%s-1", groupPrefix, os.Getpid(), startTime(os.Getpid())): true,
		fmt.Sprintf("%s%d-1-1", groupPrefix, os.Getpid()):                          false, // another process had this id
		groupPrefix + "4194999-77-3":                                               false,
		groupPrefix + "main":                                                       true,
		groupPrefix + "x-y-z":                                                      true,
		"user.slice":                                                               true,
	}
	for name := range names {
		if err := os.Mkdir(dir+"/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sweepGroups(dir)
	for name, stays := range names {
		if exists(dir+"/"+name) != stays {
			t.Errorf("%s stays: %v", name, !stays)
		}
	}
	sweepGroups(dir + "/none")
}

// TestUnifiedGroup makes a group in a stand-in for a v2 hierarchy: most
// machines have either v1 or v2.
func TestUnifiedGroup(t *testing.T) {
	dir := t.TempDir()
	g, err := newGroup(groupPlace{unified: dir}, Limits{Memory: 1 << 30, CPUPercent: 200})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.add(77); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"memory.max": "1073741824", "memory.swap.max": "0", "pids.max": "512", "cpu.max": "200000 100000", "cgroup.procs": "77",
	} {
		if got := readTrimmed(filepath.Join(g.memory, file)); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	if g.outOfMemory() {
		t.Error("out of memory")
	}
	if err := os.WriteFile(g.memory+"/memory.events", []byte("low 0\nmax 9\noom 1\noom_kill 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if !g.outOfMemory() {
		t.Error("not out of memory")
	}
}

func TestFindGroups(t *testing.T) {
	top := t.TempDir()
	make := func(dir, controllers, handed string) string {
		dir = filepath.Join(top, dir)
		for file, text := range map[string]string{"cgroup.controllers": controllers, "cgroup.subtree_control": handed} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir+"/"+file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	v2 := make("v2", "cpuset cpu io memory pids", "cpu memory pids")
	make("v2/system.slice/tracecar.service", "cpu memory pids", "memory pids")
	make("v2/system.slice/tracecar.service/leaf", "memory pids", "")
	hybrid := make("unified", "", "")
	memory, pids := make("memory/docker/abc", "", ""), make("pids/docker/abc", "", "")
	mount := func(root, dir, kind, options string) string {
		return fmt.Sprintf("35 31 0:32 %s %s rw,relatime shared:9 - %s cgroup rw,%s\n", root, dir, kind, options)
	}
	v1 := mount("/", top+"/memory", "cgroup", "memory") + mount("/", top+"/pids", "cgroup", "pids") + mount("/", top+"/net", "cgroup", "net_cls,net_prio")
	for name, c := range map[string]struct {
		mounts, self string
		want         groupPlace
		why          string
	}{
		"v2": {mount("/", v2, "cgroup2", "nsdelegate"), "0::/system.slice/tracecar.service\n", groupPlace{unified: v2}, ""},
		"v1": {v1, "9:memory:/docker/abc\n8:pids:/docker/abc\n0::/\n", groupPlace{memory: memory, pids: pids}, ""},
		"hybrid": {mount("/", hybrid, "cgroup2", "") + v1, "9:memory:/docker/abc\n8:pids:/docker/abc\n0::/\n",
			groupPlace{memory: memory, pids: pids}, ""},
		"v1 in a container": {mount("/docker/abc", memory, "cgroup", "memory"), "9:memory:/docker/abc\n", groupPlace{memory: memory}, ""},
		"a space in the path": {mount("/", strings.ReplaceAll(make("a b", "", ""), " ", `\040`), "cgroup", "memory"), "9:memory:/\n",
			groupPlace{memory: top + "/a b"}, ""},
		"the host's, in v2": {mount("/../..", v2, "cgroup2", ""), "0::/\n", groupPlace{}, "in a cgroup namespace of its own"},
		"the host's, in v1": {mount("/..", memory, "cgroup", "memory"), "9:memory:/\n", groupPlace{}, "in a cgroup namespace of its own"},
		"nothing":           {"", "", groupPlace{}, "no memory controller is mounted"},
		"junk":              {"x\n - \n1 2 3 4 5 6 - cgroup2\n", "a:b\n::::\n", groupPlace{}, "no memory controller is mounted"},
		"not there":         {v1, "9:memory:/gone\n", groupPlace{}, "no such file"},
		"out of sight":      {v1, "9:memory:/../..\n", groupPlace{}, "no memory controller"},
		"hands not down":    {mount("/", make("bare", "memory pids", ""), "cgroup2", ""), "0::/\n", groupPlace{}, "hands no memory controller down"},
	} {
		got := findGroups(c.mounts, c.self)
		if !strings.Contains(got.why, c.why) || c.why == "" && got.why != "" {
			t.Errorf("%s: why %q, want %q", name, got.why, c.why)
		}
		if got.why = ""; got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestDelegatedTree has a service in the root of its own tree move into a leaf.
func TestDelegatedTree(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Setxattr(dir, "user.delegate", []byte("1"), 0); err != nil {
		t.Skip("skip: no extended attributes in " + dir + ": " + err.Error())
	}
	for file, text := range map[string]string{"cgroup.controllers": "cpu memory pids", "cgroup.subtree_control": "", "cgroup.procs": "12\n13\n"} {
		if err := os.WriteFile(dir+"/"+file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// In the stand-in a write replaces the file, where the kernel adds to it.
	if handDown(dir, dir); readTrimmed(dir+"/"+groupPrefix+"main/cgroup.procs") != "13" {
		t.Errorf("the processes stay")
	}
	if !strings.Contains(readTrimmed(dir+"/cgroup.subtree_control"), "cpu") {
		t.Error("nothing is handed down")
	}
}

func BenchmarkGroup(b *testing.B) {
	if os.Geteuid() != 0 || hostGroups().why != "" {
		b.Skip("skip: no control groups here")
	}
	for range b.N {
		g, err := newGroup(hostGroups(), Limits{})
		if err != nil {
			b.Fatal(err)
		}
		g.remove()
	}
}
