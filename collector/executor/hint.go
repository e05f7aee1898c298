package executor

import (
	"context"
	"regexp"
	"strings"
)

// AddHints adds hints of the executor's own to errors that bpftrace gave
// none for: the nearest existing attach point, function or argument, and what
// the host lacks. It may list attach points (0.1 to 0.4 s here) as long as ctx
// lives; where that fails there is no hint. Validate calls it; for a run, the caller
// does, when there is somebody to read them.
func (b *Bpftrace) AddHints(ctx context.Context, diags []Diagnostic) {
	h := hinter{
		list: func(pattern string, details bool) []AttachPoint {
			points, err := b.List(ctx, pattern, details)
			if err != nil {
				return nil
			}
			return points
		},
		host: DescribeHost,
	}
	h.add(diags)
}

func (h *hinter) add(diags []Diagnostic) {
	for i := range diags {
		if d := &diags[i]; d.Hint == "" && !d.Noise {
			d.Hint = h.hint(d)
		}
	}
}

// hinter has what a hint needs from outside.
type hinter struct {
	list  func(pattern string, details bool) []AttachPoint
	host  func() *Host
	lists map[string][]string
}

var (
	notFound     = regexp.MustCompile(`^tracepoints? not found: (\S+:\S+)$`)
	noMatches    = regexp.MustCompile(`^No matches for (\w+) (\S+?)\.?$`)
	noSymbol     = regexp.MustCompile(`Could not resolve symbol: (/?[^:\s]+):(\w+)`)
	noUSDT       = regexp.MustCompile(`Failed to find usdt probe: usdt:(\S+)$`)
	noTraceable  = regexp.MustCompile(`^(\S+) is not traceable \(`)
	noAttach     = regexp.MustCompile(`^Error attaching probe: '?(k(?:ret)?probe):(\S+?)'?$`)
	noFunction   = regexp.MustCompile(`^Unknown function: '?(\w+)'?$`)
	noIdentifier = regexp.MustCompile(`^Unknown identifier: '(\w+)'$`)
	noEvent      = regexp.MustCompile(`^(\S+) is not a (software|hardware) probe$`)
	noProbeType  = regexp.MustCompile(`^Invalid probe type: (\w+)$`)
	noField      = regexp.MustCompile(`^Struct/union of type 'struct (?:tracepoint:(\w+):(\w+)_args|_tracepoint_(\w+))' does not contain a field named '(\w+)'`)
	noEvents     = regexp.MustCompile(`available_events`)
	noPrivilege  = regexp.MustCompile(`only supports running as the root user|^Missing CAP_`)
	noHeader     = regexp.MustCompile(`^'([^']+)' file not found$`)
	needsUnsafe  = regexp.MustCompile(`is an unsafe function being used in safe mode`)
	literalProbe = regexp.MustCompile(`^[\w.:/+-]+$`)
)

// hint finds the words for one diagnostic, or "".
func (h *hinter) hint(d *Diagnostic) string {
	msg, _, _ := strings.Cut(d.Message, "\n")
	if m := notFound.FindStringSubmatch(msg); m != nil {
		return h.probe("tracepoint", m[1])
	}
	if m := noMatches.FindStringSubmatch(msg); m != nil {
		if in := functionProbe.FindStringSubmatch(d.Source); in != nil && m[1] == "usdt" { // 0.27 leaves its provider out
			m = in
		}
		return h.probe(m[1], m[2])
	}
	if m := noAttach.FindStringSubmatch(msg); m != nil {
		return h.probe(m[1], m[2])
	}
	if m := noTraceable.FindStringSubmatch(msg); m != nil {
		return h.probe("kprobe", m[1])
	}
	if m := noSymbol.FindStringSubmatch(msg); m != nil {
		return h.probe("uprobe", m[1]+":"+m[2])
	}
	if m := noUSDT.FindStringSubmatch(msg); m != nil {
		return h.probe("usdt", m[1])
	}
	if m := noFunction.FindStringSubmatch(msg); m != nil {
		return didYouMean(Nearest(m[1], functions), "%s()")
	}
	if m := noIdentifier.FindStringSubmatch(msg); m != nil {
		return didYouMean(Nearest(m[1], builtins), "%s")
	}
	if m := noEvent.FindStringSubmatch(msg); m != nil {
		if near := Nearest(m[1], perfEvents[m[2]]); len(near) > 0 {
			return didYouMean(near, m[2]+":%s")
		}
		return "the " + m[2] + " events are: " + strings.Join(perfEvents[m[2]], ", ")
	}
	if m := noProbeType.FindStringSubmatch(msg); m != nil {
		return didYouMean(Nearest(m[1], probeTypes), "%s")
	}
	if m := noField.FindStringSubmatch(msg); m != nil {
		return h.field(m)
	}
	if m := functionProbe.FindStringSubmatch(d.Source); m != nil && msg == "No probes to attach" {
		return h.probe(m[1], m[2])
	}
	switch {
	case noEvents.MatchString(msg) && !h.host().Tracefs:
		return noTracefs
	case noPrivilege.MatchString(msg):
		return "run as root, or ask for sudo (0.25 and later also take capabilities: tracecar doctor names those that are missing)"
	case noHeader.MatchString(msg):
		return "this host has no such header for bpftrace; with BTF most kernel types are known without one"
	case needsUnsafe.MatchString(msg):
		return "unsafe functions have to be allowed: by --unsafe on the command line, or unsafe: true of a scheduled probe"
	}
	return ""
}

const (
	noTracefs = "tracefs is not mounted, so bpftrace sees no tracepoint at all: mount -t tracefs tracefs /sys/kernel/tracing"
	noKprobes = "this kernel has no kprobes (CONFIG_KPROBES is off): look for a tracepoint, or a uprobe"
)

// probe says why there is no such attach point, or which ones come close.
func (h *hinter) probe(provider, target string) string {
	full := provider + ":" + target
	wild := !literalProbe.MatchString(target)
	switch provider {
	case "tracepoint", "rawtracepoint":
		if !h.host().Tracefs {
			return noTracefs
		}
		if wild {
			return ""
		}
		return didYouMean(nearestProbe(full, h.names(provider+":*")), "%s")
	case "kprobe", "kretprobe":
		if !h.host().Kprobes {
			return noKprobes
		}
		if wild {
			return ""
		}
		return didYouMean(nearestProbe(full, h.names(provider+":*")), "%s")
	case "uprobe", "uretprobe", "usdt":
		file, _, ok := strings.Cut(target, ":")
		if !ok || wild {
			return ""
		}
		return didYouMean(nearestProbe(full, h.names(provider+":"+file+":*")), "%s")
	}
	return ""
}

// names lists a pattern once.
func (h *hinter) names(pattern string) []string {
	if names, ok := h.lists[pattern]; ok {
		return names
	}
	var names []string
	for _, p := range h.list(pattern, false) {
		names = append(names, p.Name)
	}
	if h.lists == nil {
		h.lists = map[string][]string{}
	}
	h.lists[pattern] = names
	return names
}

// nearestProbe also finds the right event under a wrong category.
func nearestProbe(full string, names []string) []string {
	var same []string
	event := full[strings.LastIndexByte(full, ':')+1:]
	for _, n := range names {
		if n != full && strings.HasSuffix(n, ":"+event) {
			same = append(same, n)
		}
	}
	if len(same) > 0 {
		return same[:min(2, len(same))]
	}
	// Attach points share long prefixes: compare what differs.
	prefix := full[:len(full)-len(event)]
	var events []string
	for _, n := range names {
		if e, ok := strings.CutPrefix(n, prefix); ok {
			events = append(events, e)
		}
	}
	near := Nearest(event, events)
	for i := range near {
		near[i] = prefix + near[i]
	}
	if len(near) == 0 {
		near = Nearest(full, names)
	}
	return near
}

// field names the argument of a tracepoint that comes close, or all of them.
func (h *hinter) field(m []string) string {
	probe := "tracepoint:" + m[1] + ":" + m[2]
	if m[3] != "" { // "sched_sched_switch": where the category ends is not said
		for _, n := range h.names("tracepoint:*") {
			if strings.ReplaceAll(strings.TrimPrefix(n, "tracepoint:"), ":", "_") == m[3] {
				probe = n
			}
		}
	}
	var args []string
	for _, p := range h.list(probe, true) {
		for _, a := range p.Args {
			args = append(args, a.Name)
		}
	}
	if near := Nearest(m[4], args); len(near) > 0 {
		return didYouMean(near, "args.%s")
	}
	if len(args) == 0 {
		return ""
	}
	return "its arguments are: " + strings.Join(args, ", ")
}

func didYouMean(names []string, form string) string {
	if len(names) == 0 {
		return ""
	}
	for i, n := range names {
		names[i] = strings.Replace(form, "%s", n, 1)
	}
	return "did you mean " + strings.Join(names, " or ") + "?"
}

// functions are the functions of bpftrace 0.27 and of the versions before it.
var functions = strings.Fields(`
	assert avg bswap buf cat cgroupid cgroup_path clear comm count delete errorf exit fail find getopt has_key hist
	is_array is_err is_integer is_literal is_map is_ptr is_scalar is_str is_unsigned_integer
	join kaddr kptr kstack ksym len lhist ltostr macaddr max memcmp min nsecs ntop offsetof override path percpu_kaddr pid ppid
	print printf pton reg signal sizeof skboutput socket_cookie stack_len stats str str_ends_with str_starts_with strcap strcontains strerror
	strftime strlen strncmp strstr sum system syscall_name tid time tseries uaddr uptr ustack usym unwatch warnf zero`)

// builtins are the words that stand for a value.
var builtins = strings.Fields(`
	arg0 arg1 arg2 arg3 arg4 arg5 arg6 arg7 arg8 arg9 args cgroup comm cpid cpu ctx curtask elapsed func gid jiffies kstack
	ncpus nsecs numaid pid ppid probe rand retval sarg0 sarg1 tid uid usermode username ustack`)

var probeTypes = strings.Fields(`
	BEGIN END begin end bench fentry fexit hardware interval iter kprobe kretprobe kfunc kretfunc profile
	rawtracepoint self software test tracepoint uprobe uretprobe usdt watchpoint asyncwatchpoint`)
