package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kind is one of the fixed things bpftrace is started for. A root helper
// takes a kind and builds the command line itself.
type kind string

const (
	kindVersion  kind = "version"
	kindInfo     kind = "info"
	kindValidate kind = "validate"
	kindList     kind = "list"
	kindDetails  kind = "list-details"
	kindRun      kind = "run"
)

// request is what to start bpftrace for, before it is a command line.
type request struct {
	kind    kind
	path    string
	version Version
	source  string
	args    []string
	pattern string
	unsafe  bool
	dir     string
	limits  Limits
	tz      string
	env     []string // hostVariables
}

// command is everything decided: what spawn starts.
type command struct {
	path  string
	argv  []string
	env   []string
	dir   string
	stdin string   // read from a memory file
	conn  *os.File // is standard input instead, where set
	json  bool     // gets a pipe for JSON as descriptor 3
	mem   uint64   // private memory, bytes; 0: no bound
	cpu   uint64   // CPU time until attached is called, s; 0: no bound
	group bool     // gets a control group of its own, where possible
	// limits are the control group's.
	limits Limits
	// caps are raised for it as ambient capabilities.
	caps []uintptr
}

// command builds the command line and environment for the version at hand.
func (r *request) command() (command, error) {
	if err := r.check(); err != nil {
		return command{}, err
	}
	c := command{path: r.path, dir: r.dir, env: r.environ(), mem: r.limits.memory(), cpu: r.limits.compileSeconds(), limits: r.limits}
	if c.dir == "" {
		c.dir = "/"
	}
	argv := []string{"bpftrace"}
	switch r.kind {
	case kindVersion:
		argv = append(argv, "--version")
	case kindInfo:
		argv = append(argv, "--info")
	case kindList, kindDetails:
		// From 0.21 on a pattern that names a file makes bpftrace parse that
		// file. This directory holds directories only.
		c.dir = "/proc/sys"
		if argv = append(argv, "-l"); r.kind == kindDetails {
			argv = append(argv, "-v")
		}
		if argv = append(argv, "--"); r.pattern != "" {
			argv = append(argv, r.pattern)
		}
	case kindValidate:
		argv = append(argv, checkFlags(r.version)...)
		fallthrough
	case kindRun:
		c.group = !r.limits.Ungrouped
		if r.unsafe {
			argv = append(argv, "--unsafe")
		}
		if r.kind == kindRun {
			c.json = true
			argv = append(argv, "-f", "json", "-o", "/dev/fd/3")
		}
		// "--" before "-": without it getopt takes script arguments like
		// "--unsafe" or "-o" for bpftrace's own options, on all versions.
		argv = append(append(argv, "--", "-"), r.args...)
		// A comment on the last line without newline is an error up to 0.23.
		if c.stdin = r.source; !strings.HasSuffix(c.stdin, "\n") {
			c.stdin += "\n"
		}
	default:
		return command{}, &InputError{fmt.Sprintf("unknown request %q", clip(string(r.kind), 40))}
	}
	c.argv = argv
	return c, nil
}

// checkFlags make bpftrace parse and type-check a script and look up its
// probes without loading anything; they moved in 0.25, where "--test" means
// something else.
func checkFlags(v Version) []string {
	if v.AtLeast(0, 25) {
		return []string{"--mode", "codegen"}
	}
	return []string{"--test", "codegen"}
}

func (r *request) check() error {
	if strings.IndexByte(r.source, 0) >= 0 {
		return &InputError{"the script holds a NUL byte: bpftrace would stop reading there"}
	}
	if strings.HasPrefix(r.source, "\ufeff") {
		return &InputError{"the script begins with a byte order mark, which bpftrace does not read: save it as UTF-8 without one"}
	}
	for i, a := range r.args {
		if strings.IndexByte(a, 0) >= 0 {
			return &InputError{fmt.Sprintf("argument $%d holds a NUL byte", i+1)}
		}
	}
	if r.dir != "" && (!filepath.IsAbs(r.dir) || strings.IndexByte(r.dir, 0) >= 0) {
		return &InputError{fmt.Sprintf("the working directory has to be an absolute path, not %q", clip(r.dir, 100))}
	}
	if r.kind != kindList && r.kind != kindDetails {
		return nil
	}
	if strings.ContainsFunc(r.pattern, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return &InputError{"the pattern holds a control character"}
	}
	if provider, _, _ := strings.Cut(r.pattern, ":"); strings.Contains(provider, "/") {
		return &InputError{fmt.Sprintf("%q is a path, not a pattern of attach points", clip(r.pattern, 100))}
	}
	return nil
}

// environ is built from nothing: a script can print bpftrace's environment,
// so it must not hold the secrets of this process.
func (r *request) environ() []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/nonexistent",
		"LANG=C.UTF-8",
	}
	if r.tz != "" && safeTZ(r.tz) {
		env = append(env, "TZ="+r.tz) // strftime() and time() use local time
	}
	if r.kind == kindRun {
		env = append(env, notifyVariable+"=1")
	}
	set := func(name string, n int) {
		if n > 0 { // a zero makes 0.17 fail and 0.23 abort
			env = append(env, name+"="+strconv.Itoa(n))
		}
	}
	if r.version.AtLeast(0, 20) {
		set("BPFTRACE_MAX_MAP_KEYS", r.limits.MaxMapKeys)
		set("BPFTRACE_MAX_STRLEN", r.limits.MaxStrlen)
	} else {
		set("BPFTRACE_MAP_KEYS_MAX", r.limits.MaxMapKeys)
		set("BPFTRACE_STRLEN", min(r.limits.MaxStrlen, 200))
	}
	set("BPFTRACE_MAX_PROBES", r.limits.MaxProbes)
	set("BPFTRACE_PERF_RB_PAGES", r.limits.RingBufferPages)
	return append(env, r.env...)
}

// notifyVariable makes bpftrace print a line of that name, with "ATTACHED"
// for "_ATTACHED" and nothing else changed, once all probes are attached: on
// stderr up to 0.22, on stdout later.
const notifyVariable = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"

// hostVariables tell bpftrace where this host keeps its kernel; they are
// handed on, since nothing else can say it.
var hostVariables = []string{"BPFTRACE_BTF", "BPFTRACE_VMLINUX", "BPFTRACE_KERNEL_SOURCE", "BPFTRACE_KERNEL_BUILD"}

// checkHostVariables is for a helper: it hands on only those, and only where
// root alone can say what is in the files that they name.
func checkHostVariables(env []string) error {
	for _, v := range env {
		name, path, _ := strings.Cut(v, "=")
		if !slices.Contains(hostVariables, name) {
			return &InputError{fmt.Sprintf("the variable %q is not handed on", clip(name, 40))}
		}
		if why := notRootsOwn(path); why != "" {
			return &InputError{name + " is not used as root: " + why}
		}
	}
	return nil
}

func hostEnviron() (env []string) {
	for _, name := range hostVariables {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

var tzPattern = regexp.MustCompile(`^:?[A-Za-z0-9<][A-Za-z0-9_+,./:<>-]{0,63}$`)

// safeTZ tells a zone name or rule from a path: libc opens the file it names.
func safeTZ(tz string) bool {
	return tzPattern.MatchString(tz) && !strings.Contains(tz, "..")
}
