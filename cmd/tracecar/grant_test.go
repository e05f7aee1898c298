package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"tracecar/collector/executor/executortest"
)

// granted are the capabilities of examples/systemd/tracecar.service, as setpriv
// names them. The tests of examples hold those of the containers to the same.
func granted(t *testing.T) []string {
	t.Helper()
	unit, err := os.ReadFile("../../examples/systemd/tracecar.service")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^CapabilityBoundingSet=(.*)$`).FindSubmatch(unit)
	if m == nil || !strings.Contains(string(unit), "\nNoNewPrivileges=yes\n") || !strings.Contains(string(unit), "\nReadWritePaths=/tmp\n") {
		t.Fatal("the unit does not bound its capabilities, or the tests do not do as it says")
	}
	return strings.Fields(strings.ToLower(strings.ReplaceAll(string(m[1]), "CAP_", "")))
}

// confined starts tracecar as the unit and the containers do: root with these
// capabilities, no new privileges, and a file system of which it can write /tmp.
func (a *account) confined(t *testing.T, caps []string, args ...string) *exec.Cmd {
	t.Helper()
	for _, tool := range []string{"setpriv", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("skip: no " + tool + " here")
		}
	}
	set := "-all"
	for _, c := range caps {
		set += ",+" + c
	}
	script := `mount --bind /tmp /tmp && mount -o remount,bind,ro / || exit 98
! touch /var/tracecar-was-here 2>/dev/null || exit 99
exec setpriv --bounding-set ` + set + ` --inh-caps -all --ambient-caps -all --no-new-privs -- "$@"`
	c := exec.Command("unshare", append([]string{"-m", "--propagation", "private", "sh", "-c", script, "sh", a.tracecar}, args...)...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/nonexistent", "GORACE=atexit_sleep_ms=0"}
	return c
}

// load is what another user's processes do meanwhile: write all the time, and
// start a program that only that user may read.
func (a *account) load(t *testing.T) (pid int, program string) {
	t.Helper()
	private := a.prefix + "/home/private"
	bash, err := os.ReadFile("/bin/bash")
	if err != nil {
		t.Skip("skip: no bash here")
	}
	program = private + "/bash"
	for _, err := range []error{
		os.Mkdir(private, 0o700), os.WriteFile(program, bash, 0o700),
		os.Chown(private, int(a.credential.Uid), 0), os.Chown(program, int(a.credential.Uid), 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*exec.Cmd{
		a.command("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "status=none"),
		a.command("sh", "-c", "while :; do "+program+" -c : || exit; done"),
	} {
		c.SysProcAttr.Setpgid = true
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			_ = c.Wait()
		})
		if pid == 0 {
			pid = c.Process.Pid
		}
	}
	return pid, program
}

// lacks says what a run with few capabilities could not tell; "" is nothing.
func lacks(out []byte) string {
	var r struct {
		Status string `json:"status"`
		Maps   []struct {
			Name string `json:"name"`
			Rows []struct {
				Ambiguous bool              `json:"ambiguous"`
				Key       []json.RawMessage `json:"key"`
			} `json:"rows"`
		} `json:"maps"`
		Cost struct {
			Kernel *int64 `json:"kernel_ns"`
		} `json:"cost"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return "not a result: " + string(out)
	}
	switch {
	case r.Status != "completed":
		return "it " + r.Status
	case r.Cost.Kernel == nil:
		return "the probes' cost"
	case len(r.Maps) != 5:
		return fmt.Sprintf("%d of 5 maps", len(r.Maps))
	}
	for _, m := range r.Maps {
		for _, row := range m.Rows {
			if key := fmt.Sprintf("%s", row.Key); row.Ambiguous || strings.Contains(key, `"0x`) {
				return m.Name + " " + key
			}
		}
	}
	return ""
}

// TestGrantedCapabilitiesAreEnoughAndAllNeeded runs every version with the
// capabilities of the unit and the containers, and without each in turn.
func TestGrantedCapabilitiesAreEnoughAndAllNeeded(t *testing.T) {
	a := newAccount(t)
	caps := granted(t)
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		pid, program := a.load(t)
		defer os.RemoveAll(a.prefix + "/home/private")
		script := fmt.Sprintf(`BEGIN { @e["a, b", "c"] = 1; @e["a", "b, c"] = 2; }
			tracepoint:syscalls:sys_enter_write /pid == %d/ { @u[ustack(1)] = count(); @k[kstack(1)] = count(); @w = 1; }
			uprobe:%s:main { @p = count(); } uprobe:%s:main /@w/ { exit(); } interval:s:30 { exit(); }`, pid, program, program)
		run := func(caps []string) string {
			out, err := a.confined(t, caps, "run", "--bpftrace", p.Path, "-e", script).Output()
			if e, ok := err.(*exec.ExitError); ok && len(out) == 0 {
				if code := e.ExitCode(); code == 1 || code == 98 {
					t.Skipf("skip: no mount namespace of our own here: %s", e.Stderr)
				}
				t.Fatalf("%v: %s", err, e.Stderr)
			}
			return lacks(out)
		}
		if what := run(caps); what != "" {
			t.Errorf("with %v it lacks: %s", caps, what)
		}
		for i, without := range caps {
			if without == "syslog" && symbolsForAll() {
				continue // this kernel shows them to everybody
			}
			fewer := append(append([]string{}, caps[:i]...), caps[i+1:]...)
			if what := run(fewer); what == "" {
				t.Errorf("%s is not needed", without)
			} else {
				t.Logf("without %s it lacks: %.100s", without, what)
			}
		}
	})
}

// symbolsForAll tells whether the kernel shows addresses without CAP_SYSLOG.
func symbolsForAll() bool {
	restrict, _ := os.ReadFile("/proc/sys/kernel/kptr_restrict")
	paranoid, _ := os.ReadFile("/proc/sys/kernel/perf_event_paranoid")
	p := strings.TrimSpace(string(paranoid))
	return strings.TrimSpace(string(restrict)) == "0" && (p == "-1" || p == "0" || p == "1")
}

// TestSnapshotWithGrantedCapabilities reads the maps of a live run.
func TestSnapshotWithGrantedCapabilities(t *testing.T) {
	a := newAccount(t)
	caps := granted(t)
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		c := a.confined(t, caps, "mcp")
		c.Env = append(c.Env, "TRACECAR_BPFTRACE_PATH="+p.Path)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Wait() }()
		defer in.Close()
		replies := bufio.NewReaderSize(out, 1<<20)
		id := 0
		ask := func(method string, params any) map[string]any {
			t.Helper()
			id++
			b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := in.Write(append(b, '\n')); err != nil {
				t.Fatal(err)
			}
			line, err := replies.ReadBytes('\n')
			if err != nil {
				t.Fatal(err)
			}
			var reply struct{ Result map[string]any }
			if err := json.Unmarshal(line, &reply); err != nil || reply.Result == nil {
				t.Fatalf("%v: %s", err, line)
			}
			return reply.Result
		}
		tool := func(name string, args map[string]any) map[string]any {
			t.Helper()
			r := ask("tools/call", map[string]any{"name": name, "arguments": args})
			content, ok := r["structuredContent"].(map[string]any)
			if !ok {
				t.Fatalf("%s: %v", name, r)
			}
			return content
		}
		ask("initialize", map[string]any{"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "test", "version": "1"}})
		run := tool("start_run", map[string]any{"script": strings.ReplaceAll(exact, "interval:ms:100 { exit(); }", "interval:s:3600 { }")})
		args := map[string]any{"id": run["id"]}
		for run["snapshot"] == nil && run["status"] == "running" {
			run = tool("get_run", args)
		}
		want := `[map[key:[a b, c] value:2] map[key:[a, b c] value:1]]`
		rows := func() string {
			maps, _ := run["maps"].([]any)
			if len(maps) != 1 {
				return fmt.Sprint(run)
			}
			m, _ := maps[0].(map[string]any)
			list, _ := m["rows"].([]any)
			if len(list) == 2 && strings.Contains(fmt.Sprint(list[0]), "value:1") {
				list[0], list[1] = list[1], list[0]
			}
			return fmt.Sprint(list)
		}
		if got := rows(); run["status"] != "running" || got != want {
			t.Errorf("the live run is %v, with %s", run["status"], got)
		}
		run = tool("stop_run", args)
		if got := rows(); got != want || run["exit_code"] != float64(0) {
			t.Errorf("the ended run is %v, with %s", run["status"], got)
		}
	})
}
