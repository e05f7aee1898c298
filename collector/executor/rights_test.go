package executor

import (
	"errors"
	"strings"
	"testing"
)

func TestRights(t *testing.T) {
	four := []string{"CAP_BPF", "CAP_PERFMON", "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE"}
	v17, v23, v24, v25 := Version{Minor: 17}, Version{Minor: 23, Patch: 2}, Version{Minor: 24}, Version{Minor: 25}
	denied := &SudoError{Reason: "a password is required", Sudoers: "x ALL=(root) NOPASSWD: y"}
	for name, c := range map[string]struct {
		root, nnp, noSymbols bool
		caps                 []string
		container            string
		v                    Version
		sudo                 error
		what, fix            string
		fatal                bool
	}{
		"root":                     {root: true, caps: []string{"CAP_SYS_ADMIN"}, v: v17, sudo: ErrNoSudo},
		"root without anything":    {root: true, v: v25, sudo: ErrNoSudo, what: "root without the right to use BPF", fix: "CAP_SYS_ADMIN", fatal: true},
		"in a container":           {root: true, container: "docker", v: v17, sudo: ErrNoSudo, what: "root without the right", fix: "--privileged", fatal: true},
		"root with BPF alone":      {root: true, caps: four, v: v25, sudo: ErrNoSudo, what: "without CAP_SYS_ADMIN", fix: "too"},
		"root without SYSLOG":      {root: true, caps: []string{"CAP_SYS_ADMIN"}, noSymbols: true, v: v25, sudo: ErrNoSudo, what: "no names of kernel functions", fix: "CAP_SYSLOG"},
		"nobody":                   {v: v25, sudo: ErrNoSudo, what: "not root: bpftrace needs root", fix: "--sudo", fatal: true},
		"no bpftrace":              {sudo: ErrNoSudo, what: "not root: bpftrace needs root", fix: "--sudo", fatal: true},
		"no new privileges":        {nnp: true, v: v25, sudo: ErrNoSudo, what: "not root", fix: "no_new_privs", fatal: true},
		"sudo does it":             {v: v17},
		"sudo is denied":           {v: v17, sudo: denied, what: "sudo does not help: a password is required", fix: "sudoers --install", fatal: true},
		"sudo is not there":        {v: v17, sudo: &SudoError{Reason: "not installed"}, what: "not installed", fatal: true},
		"sudo hangs":               {v: v17, sudo: errors.New("deadline"), what: "sudo does not help: deadline", fatal: true},
		"capable, 0.17":            {caps: four, v: v17, sudo: ErrNoSudo, what: "bpftrace 0.17.0 runs as root only: capabilities do not help", fix: "sudo", fatal: true},
		"capable, 0.23":            {caps: four, v: v23, sudo: ErrNoSudo, what: "bpftrace 0.23.2 runs as root only", fix: "sudo", fatal: true},
		"capable, 0.24":            {caps: four, v: v24, sudo: ErrNoSudo, what: "runs as root only", fix: "sudo", fatal: true},
		"capable, 0.23, and sudo":  {caps: four, v: v23},
		"capable":                  {caps: append([]string{"CAP_SYS_ADMIN"}, four...), v: v25, sudo: ErrNoSudo},
		"capable, sudo is denied":  {caps: append([]string{"CAP_SYS_ADMIN"}, four...), v: v25, sudo: denied},
		"the four":                 {caps: four, v: v25, sudo: ErrNoSudo, what: "map keys", fix: "CAP_SYS_ADMIN"},
		"without BPF":              {caps: four[1:], v: v25, sudo: ErrNoSudo, what: "without CAP_BPF: bpftrace asks for each of CAP_BPF, CAP_PERFMON", fix: "setcap", fatal: true},
		"without the DAC ones":     {caps: four[:2], v: v25, sudo: ErrNoSudo, what: "without CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE: bpftrace", fix: "setcap", fatal: true},
		"with no more than SYSLOG": {caps: []string{"CAP_SYSLOG"}, v: v25, sudo: ErrNoSudo, what: "not root: bpftrace needs root", fix: "sudo", fatal: true},
	} {
		h := Host{Root: c.root, NoNewPrivileges: c.nnp, Container: c.container, KernelSymbols: !c.noSymbols, Caps: map[string]bool{}}
		for _, name := range c.caps {
			h.Caps[name] = true
		}
		if got := h.CapabilityNames(); len(got) != len(c.caps) {
			t.Errorf("%s: %v", name, got)
		}
		ps := h.rightsProblems(c.v, c.sudo)
		if c.what == "" {
			if len(ps) > 0 {
				t.Errorf("%s: %+v", name, ps)
			}
			continue
		}
		if len(ps) != 1 || !strings.Contains(ps[0].What, c.what) || !strings.Contains(ps[0].Fix, c.fix) || ps[0].Fatal != c.fatal {
			t.Errorf("%s: %+v", name, ps)
		}
	}
}

func TestCapable(t *testing.T) {
	status := "Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t000000c000000006\nCapEff:\t0000008000000004\nCapAmb:\t0000000000000000\n"
	prm, eff := capable(status, "CapPrm"), capable(status, "CapEff")
	if !prm["CAP_BPF"] || !prm["CAP_PERFMON"] || !prm["CAP_DAC_OVERRIDE"] || !prm["CAP_DAC_READ_SEARCH"] || prm["CAP_SYS_ADMIN"] {
		t.Errorf("%v", prm)
	}
	if !eff["CAP_BPF"] || eff["CAP_PERFMON"] || eff["CAP_DAC_OVERRIDE"] || !eff["CAP_DAC_READ_SEARCH"] {
		t.Errorf("%v", eff)
	}
	if none := capable("CapPrm:\tx\n", "CapPrm"); none["CAP_BPF"] {
		t.Errorf("%v", none)
	}
}
