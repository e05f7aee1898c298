package executor

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilities are those that matter to bpftrace, and to what tracecar reads
// from the kernel beside it.
var capabilities = map[string]uintptr{
	"CAP_DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "CAP_DAC_READ_SEARCH": unix.CAP_DAC_READ_SEARCH,
	"CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN, "CAP_SYS_RESOURCE": unix.CAP_SYS_RESOURCE, "CAP_SYSLOG": unix.CAP_SYSLOG,
	"CAP_SYS_PTRACE": unix.CAP_SYS_PTRACE, "CAP_PERFMON": unix.CAP_PERFMON, "CAP_BPF": unix.CAP_BPF,
}

// rootless are those that bpftrace asks for, one by one, where it is not root:
// 0.25 and later. Earlier versions want user id 0, whatever capabilities they have.
var rootless = []string{"CAP_BPF", "CAP_PERFMON", "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE"}

// capable returns the capabilities of a set of /proc/self/status: CapEff, CapPrm.
func capable(status, set string) map[string]bool {
	has := map[string]bool{}
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, set+":"); ok {
			bits, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			for name, bit := range capabilities {
				has[name] = bits&(1<<bit) != 0
			}
		}
	}
	return has
}

// inheritable are the capabilities to raise for bpftrace: a program that is
// started by one with file capabilities (setcap) has none of them otherwise. Of
// root it gets all anyway.
func inheritable() (caps []uintptr) {
	if os.Geteuid() == 0 {
		return nil
	}
	status := readTrimmed("/proc/self/status")
	ambient := capable(status, "CapAmb")
	for name, has := range capable(status, "CapPrm") {
		if has && !ambient[name] {
			caps = append(caps, capabilities[name])
		}
	}
	slices.Sort(caps)
	return caps
}

// ErrNoSudo says that sudo was not asked for.
var ErrNoSudo = errors.New("sudo was not asked for")

// AddRights joins what rights b needs, and this process has; sudo is what
// CheckSudo says, nil where the root helper works, or ErrNoSudo. b may be nil.
func (h *Host) AddRights(b *Bpftrace, sudo error) {
	v := Version{}
	if b != nil {
		v = b.Version()
	}
	h.Problems = append(h.Problems, h.rightsProblems(v, sudo)...)
}

func (h *Host) rightsProblems(v Version, sudo error) (ps []Problem) {
	if !h.Root && sudo == nil {
		return nil
	}
	var missing []string
	for _, c := range rootless {
		if !h.Caps[c] {
			missing = append(missing, c)
		}
	}
	switch {
	case h.Root && !h.Caps["CAP_SYS_ADMIN"] && !h.Caps["CAP_BPF"]:
		fix := "give this process CAP_SYS_ADMIN (and CAP_SYSLOG, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH for names in stacks and files of others)"
		if h.Container != "" {
			fix = "start the container with --privileged, or with --cap-add SYS_ADMIN --cap-add SYSLOG --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH"
		}
		return []Problem{{What: "root without the right to use BPF (no CAP_BPF, no CAP_SYS_ADMIN)", Fix: fix, Fatal: true}}
	case h.Root:
	case v != Version{} && !v.AtLeast(0, 25):
		p := h.notRoot(sudo)
		if len(missing) < len(rootless) {
			p.What = "bpftrace " + v.String() + " runs as root only: capabilities do not help it (0.25 and later take them)"
		}
		return []Problem{p}
	case len(missing) == len(rootless):
		return []Problem{h.notRoot(sudo)}
	case len(missing) > 0:
		return []Problem{{
			What:  "not root, and without " + strings.Join(missing, ", ") + ": bpftrace asks for each of " + strings.Join(rootless, ", "),
			Fix:   "give this process what is missing (setcap on tracecar, AmbientCapabilities= of systemd), or root",
			Fatal: true,
		}}
	}
	if !h.Caps["CAP_SYS_ADMIN"] {
		ps = append(ps, Problem{
			What: "without CAP_SYS_ADMIN map keys that bpftrace prints in more than one reading stay ambiguous, what probes cost in the kernel is not known, and uprobes fail",
			Fix:  "give this process CAP_SYS_ADMIN too",
		})
	}
	if !h.KernelSymbols {
		ps = append(ps, Problem{
			What: "the kernel does not tell this process its addresses: stacks show no names of kernel functions",
			Fix:  "give this process CAP_SYSLOG, and set the sysctl kernel.kptr_restrict to 0 or 1",
		})
	}
	return ps
}

// notRoot words that there is neither root nor a capability.
func (h *Host) notRoot(sudo error) Problem {
	p := Problem{What: "not root: bpftrace needs root to attach anything", Fix: "run it with sudo, or ask for sudo (--sudo)", Fatal: true}
	var se *SudoError
	switch {
	case h.NoNewPrivileges:
		p.Fix = "start it as root: this process has the no_new_privs flag, so sudo cannot help"
	case errors.As(sudo, &se):
		p.What, p.Fix = "not root, and sudo does not help: "+se.Reason, se.Error()
		if se.Sudoers != "" {
			p.Fix = "sudo tracecar sudoers --install (its help tells the rest)"
		}
	case sudo != nil && !errors.Is(sudo, ErrNoSudo):
		p.What = "not root, and sudo does not help: " + sudo.Error()
	}
	return p
}

// CapabilityNames are the capabilities h has of those that matter, sorted.
func (h *Host) CapabilityNames() []string {
	names := []string{}
	for _, name := range slices.Sorted(maps.Keys(h.Caps)) {
		if h.Caps[name] {
			names = append(names, name)
		}
	}
	return names
}

// kernelSymbols tells whether /proc/kallsyms shows this process addresses.
func kernelSymbols() bool {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return false
	}
	defer f.Close()
	line := make([]byte, 16)
	n, _ := f.Read(line)
	address, _, _ := strings.Cut(string(line[:n]), " ")
	return strings.Trim(address, "0") != ""
}
