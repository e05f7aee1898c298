package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tracecar/collector/executor/executortest"
)

// rootless reads which of this machine's bpftrace run without root.
func rootless(version string) bool {
	return !strings.HasPrefix(version, "0.17.") && !strings.HasPrefix(version, "0.23.")
}

// tracing are the capabilities that README names for tracing without root.
const tracing = "cap_bpf,cap_perfmon,cap_dac_read_search,cap_dac_override,cap_sys_admin,cap_syslog,cap_sys_ptrace"

// host is the part of `tracecar info` that these tests look at.
type host struct {
	Available    bool     `json:"available"`
	Root         bool     `json:"root"`
	Capabilities []string `json:"capabilities"`
	Problems     []struct {
		What  string `json:"what"`
		Fatal bool   `json:"fatal"`
	} `json:"problems"`
}

func (h *host) fatal() string {
	for _, p := range h.Problems {
		if p.Fatal {
			return p.What
		}
	}
	return ""
}

func (a *account) info(t *testing.T, c *exec.Cmd) *host {
	t.Helper()
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var h host
	if err := json.Unmarshal(out, &h); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return &h
}

// TestFileCapabilities gives them to tracecar, which hands them on to a bpftrace
// that has none of its own.
func TestFileCapabilities(t *testing.T) {
	a := newAccount(t)
	setcap, err := exec.LookPath("setcap")
	if err != nil {
		t.Skip("skip: no setcap here")
	}
	give := func(caps string) {
		t.Helper()
		if out, err := exec.Command(setcap, caps+"+ep", a.tracecar).CombinedOutput(); err != nil {
			t.Skipf("skip: setcap: %v: %s", err, out)
		}
	}
	give(tracing)
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		h := a.info(t, a.command(a.tracecar, "info", "--bpftrace", p.Path))
		out, err := a.command(a.tracecar, "run", "--bpftrace", p.Path, "-e", exact).Output()
		r := decodeResult(t, out)
		if !rootless(p.Version) {
			want := "bpftrace " + p.Version + " runs as root only: capabilities do not help it"
			if err == nil || h.Available || !strings.Contains(h.fatal(), want) || !strings.Contains(string(out), "only supports running as the root user") {
				t.Errorf("%+v\n%s", h, out)
			}
			return
		}
		if err != nil || !h.Available || h.Root || len(h.Capabilities) != 7 || h.fatal() != "" {
			t.Errorf("%v: %+v", err, h)
		}
		if r.check(t, true); r.Events[0].Data == "uid 0\n" {
			t.Error("it runs as root")
		}
		a.killed(t, p.Path)
	})
	newest := executortest.Newest(t)
	if !rootless(newest.Version) {
		return
	}
	for _, without := range strings.Split("cap_bpf,cap_perfmon,cap_dac_read_search,cap_dac_override", ",") {
		give(strings.Trim(strings.ReplaceAll(","+tracing+",", ","+without+",", ","), ","))
		if h := a.info(t, a.command(a.tracecar, "info", "--bpftrace", newest.Path)); h.Available || !strings.Contains(h.fatal(), "without "+strings.ToUpper(without)+":") {
			t.Errorf("without %s: %+v", without, h)
		}
	}
	// A program that the user chose does not get them.
	mine := a.prefix + "/home/bpftrace"
	if err := os.WriteFile(mine, []byte("#!/bin/sh\n[ $1 != --version ] || exec echo bpftrace v0.27.1\ngrep Cap /proc/self/status\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := a.command(a.tracecar, "run", "--bpftrace", mine, "-e", exact).CombinedOutput(); err == nil || !strings.Contains(string(out), "will not hand capabilities to this bpftrace: "+a.prefix+"/home does not belong to root") {
		t.Errorf("%v: %s", err, out)
	}
	// Without CAP_SYS_ADMIN it traces, and says which keys it cannot tell.
	give("cap_bpf,cap_perfmon,cap_dac_read_search,cap_dac_override")
	out, err := a.command(a.tracecar, "run", "--bpftrace", newest.Path, "-e", exact).Output()
	if r := decodeResult(t, out); err != nil || r.Status != "completed" || len(r.Maps[0].Rows) != 2 || !r.Maps[0].Rows[0].Ambiguous || !r.Maps[0].Rows[1].Ambiguous {
		t.Errorf("%v: %s", err, out)
	}
	a.killed(t, newest.Path)
	h := a.info(t, a.command(a.tracecar, "info", "--bpftrace", newest.Path))
	if !h.Available || len(h.Problems) == 0 || !strings.Contains(h.Problems[len(h.Problems)-2].What+h.Problems[len(h.Problems)-1].What, "without CAP_SYS_ADMIN map keys") {
		t.Errorf("%+v", h)
	}
}

// TestAmbientCapabilities is how systemd gives them (AmbientCapabilities=).
func TestAmbientCapabilities(t *testing.T) {
	a := newAccount(t)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("skip: no setpriv here")
	}
	sets := "-all,+" + strings.ReplaceAll(strings.ReplaceAll(tracing, ",", ",+"), "cap_", "")
	command := func(args ...string) *exec.Cmd {
		c := exec.Command(setpriv, append([]string{"--reuid", a.name, "--regid", a.name, "--clear-groups", "--no-new-privs",
			"--bounding-set", sets, "--inh-caps", sets, "--ambient-caps", sets, "--", a.tracecar}, args...)...)
		c.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + a.prefix + "/home", "GORACE=atexit_sleep_ms=0"}
		return c
	}
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		h := a.info(t, command("info", "--bpftrace", p.Path))
		if h.Available != rootless(p.Version) {
			t.Errorf("%+v", h)
		}
		if !h.Available {
			return
		}
		out, err := command("run", "--bpftrace", p.Path, "-e", exact).Output()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		decodeResult(t, out).check(t, true)
	})
}

// TestCapableBpftraceIsRefused: the kernel would not end it with tracecar.
func TestCapableBpftraceIsRefused(t *testing.T) {
	a := newAccount(t)
	fake := a.prefix + "/bin/bpftrace"
	if err := os.WriteFile(fake, []byte("#!/bin/sh\necho bpftrace v0.27.1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("setcap", tracing+"+ep", fake).CombinedOutput(); err != nil {
		t.Skipf("skip: setcap: %v: %s", err, out)
	}
	out, err := a.command(a.tracecar, "run", "--bpftrace", fake, "-e", exact).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "has file capabilities: it would outlive this process; give them to tracecar instead") {
		t.Errorf("%v: %s", err, out)
	}
}
