package executor

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Host is what this machine offers to bpftrace, as this process sees it.
type Host struct {
	Kernel string // release: "6.1.0-13-amd64"
	Arch   string // "x86_64"
	Distro string // PRETTY_NAME of /etc/os-release; "" where there is none
	Root   bool   // effective user id 0
	// Caps are the effective capabilities that matter to bpftrace, by name.
	Caps map[string]bool
	// KernelSymbols: the kernel tells this process where its functions are.
	KernelSymbols bool
	// NoNewPrivileges: sudo cannot give root here.
	NoNewPrivileges bool
	BTF             bool // /sys/kernel/btf/vmlinux
	Tracefs         bool // mounted, so that there are tracepoints
	Kprobes         bool // the kernel has them
	Functions       bool // this process may read which functions take a kprobe
	// Lockdown is "none", "integrity" or "confidentiality"; "" where the
	// kernel does not say.
	Lockdown string
	// Container names what kind of container this process seems to be in; ""
	// where none shows.
	Container string
	// UnprivilegedBPF: the kernel lets users without rights load BPF.
	UnprivilegedBPF bool
	Problems        []Problem
}

// Problem is one thing the host lacks.
type Problem struct {
	What string
	Fix  string // a command, or what to do; "" where nothing helps
	// Fatal: no script can run until it is mended.
	Fatal bool
}

// DescribeHost looks at the host. It starts nothing and takes about a
// millisecond. Whether bpftrace is there is Find's to say, and what rights it
// wants depends on its version: AddProblems and AddRights join them.
func DescribeHost() *Host {
	h := &Host{
		Root: os.Geteuid() == 0, Distro: osRelease()["PRETTY_NAME"],
		BTF: exists("/sys/kernel/btf/vmlinux"), Tracefs: tracefsMounted(),
		Lockdown: lockdown(), Container: container(), KernelSymbols: kernelSymbols(),
		UnprivilegedBPF: readTrimmed("/proc/sys/kernel/unprivileged_bpf_disabled") == "0",
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Kernel, h.Arch = unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:])
	}
	h.Kprobes = exists("/sys/bus/event_source/devices/kprobe")
	h.Functions = readable(tracefsDir + "/available_filter_functions")
	status := readTrimmed("/proc/self/status")
	h.Caps = capable(status, "CapEff")
	h.NoNewPrivileges = strings.Contains(status, "\nNoNewPrivs:\t1\n")
	h.Problems = h.findProblems()
	return h
}

func (h *Host) findProblems() (ps []Problem) {
	if !h.Tracefs {
		ps = append(ps, Problem{
			What: noTracepoints + ", every one is \"not found\"",
			Fix:  "mount -t tracefs tracefs " + tracefsDir,
		})
	}
	if !h.BTF {
		ps = append(ps, Problem{
			What: "the kernel has no BTF (/sys/kernel/btf/vmlinux): fentry probes and kernel types need it",
			Fix:  "use a kernel built with CONFIG_DEBUG_INFO_BTF, or install its headers and debug information",
		})
	}
	if !h.Kprobes {
		ps = append(ps, Problem{What: "the kernel has no kprobes (CONFIG_KPROBES is off): use tracepoints and uprobes"})
	}
	if p := hostGroups(); h.Root && p.why != "" {
		ps = append(ps, Problem{
			What: "bpftrace cannot have a control group of its own: " + p.why + "; its memory is bounded in the address space instead",
			Fix:  "let this process write to its control group (systemd: Delegate=yes; a container: mount /sys/fs/cgroup for writing)",
		})
	}
	if h.Lockdown == "confidentiality" {
		ps = append(ps, Problem{
			What: "kernel lockdown is in confidentiality mode: BPF may not read kernel memory",
			Fix:  "boot with lockdown=integrity, or without Secure Boot", Fatal: true,
		})
	}
	return ps
}

// AddProblems adds what Find and Info say, given their errors (nil is fine).
func (h *Host) AddProblems(b *Bpftrace, err error) {
	var missing *NotFoundError
	switch {
	case errors.As(err, &missing):
		h.Problems = append(h.Problems, Problem{What: "bpftrace is not there: " + missing.Path + ": " + missing.Reason, Fix: missing.Install, Fatal: true})
	case err != nil:
		h.Problems = append(h.Problems, Problem{What: err.Error(), Fatal: true})
	case b != nil && b.Version().AtLeast(0, 27) && !h.Tracefs && !h.Caps["CAP_SYS_ADMIN"]:
		// It wants the list of tracepoints whatever the script, and nobody here may mount it.
		for i := range h.Problems {
			if p := &h.Problems[i]; strings.HasPrefix(p.What, noTracepoints) {
				p.What, p.Fatal = noTracepoints+", and bpftrace "+b.Version().String()+" runs no script", true
			}
		}
	case b != nil && !b.Version().AtLeast(0, 17):
		h.Problems = append(h.Problems, Problem{
			What: "bpftrace " + b.Version().String() + " is older than any this was tested with (0.17)", Fix: "install a newer bpftrace",
		})
	}
}

const noTracepoints = "tracefs is not mounted: there are no tracepoints"

const tracefsDir = "/sys/kernel/tracing"

func tracefsMounted() bool {
	return isTracefs(tracefsDir) || isTracefs("/sys/kernel/debug/tracing")
}

func isTracefs(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == unix.TRACEFS_MAGIC
}

// MountTracefs mounts tracefs on /sys/kernel/tracing where it is not mounted.
// It needs root (CAP_SYS_ADMIN).
func MountTracefs() error {
	if tracefsMounted() {
		return nil
	}
	if err := unix.Mount("tracefs", tracefsDir, "tracefs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return &os.PathError{Op: "mount tracefs on", Path: tracefsDir, Err: err}
	}
	return nil
}

// lockdown reads "none [integrity] confidentiality".
func lockdown() string {
	_, rest, ok := strings.Cut(readTrimmed("/sys/kernel/security/lockdown"), "[")
	mode, _, closed := strings.Cut(rest, "]")
	if !ok || !closed {
		return ""
	}
	return mode
}

func container() string {
	switch {
	case exists("/.dockerenv"):
		return "docker"
	case exists("/run/.containerenv"):
		return "podman"
	case os.Getenv("KUBERNETES_SERVICE_HOST") != "":
		return "kubernetes"
	}
	return readTrimmed("/run/systemd/container")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readable tells whether a byte can be read.
func readable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	n, _ := f.Read(make([]byte, 1))
	return n == 1
}

func readTrimmed(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}
