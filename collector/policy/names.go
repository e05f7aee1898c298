package policy

import "strings"

// functions are those of bpftrace 0.17 to 0.27 that give a caller numbers,
// times, names and stacks. Left out: cat, system, signal, override and
// skboutput (reach out of the script), errorf, warnf, debugf (forge
// bpftrace's own words), and what tests only the compilation.
func functions() []string {
	return strings.Fields(`
		count sum min max avg stats hist lhist tseries
		print printf time strftime clear zero delete has_key find len exit join
		hash lruhash percpuhash percpulruhash percpuarray
		str buf kstr ustr kptr uptr kaddr uaddr reg macaddr memcmp container_of path usdt_arg
		ksym usym kstack ustack stack strerror syscall_name signal_name
		ntop pton cgroupid cgroup_path bswap
		strncmp strcontains strlen strstr strcap str_concat default_str_length getopt
		pid tid uid gid cpu ncpus comm pcomm ppid cpid nsecs elapsed jiffies cgroup curtask rand
		username func probe probetype retval usermode leader_comm leader_tid numaid
		sizeof offsetof typeof is_ptr is_str is_array is_integer is_literal is_unsigned_integer is_err
	`)
}

// identifiers are bpftrace's builtins, the words that its functions take
// (stack modes, clocks), and functions that may stand without parentheses.
func identifiers() []string {
	return strings.Fields(`
		pid tid uid gid cpu ncpus comm pcomm ppid cpid nsecs elapsed jiffies cgroup curtask ctx rand
		username func probe probetype retval usermode numaid args kstack ustack stack
		arg? sarg?
		perf bpftrace raw build_id boot monotonic tai sw_tai curr_ns init
	`)
}

// unsafe are the functions that bpftrace wants --unsafe for.
var unsafe = set(`system signal signal_thread override write_user`)

// pointed are the functions that read memory through their argument, give a
// pointer, or the registers of the process that was interrupted.
var pointed = set(`str buf kstr ustr kptr uptr kaddr uaddr macaddr memcmp container_of path skboutput join
	curtask leader_comm leader_tid pcomm ppid socket_cookie percpu_kaddr write_user __strnlen memcmp_record reg`)

// stringy are the functions that take pointers to characters for strings in
// 0.27, which is not to be told from a variable's name.
var stringy = set(`strcap strlen strstr strcontains str_concat`)

// harmlessBare are those of them that read nothing but the current task
// when they are given no argument.
var harmlessBare = set(`leader_comm leader_tid pcomm ppid`)

// pointers are the builtins that are pointers, or read through one.
var pointers = set(`curtask ctx sarg0 sarg1 sarg2 sarg3 sarg4 sarg5 sarg6 sarg7 sarg8 sarg9`)

// mapTypes declare a map with its size: let @m = lruhash(100).
var mapTypes = set(`hash lruhash percpuhash percpulruhash percpuarray`)

// typeWords begin a C type.
var typeWords = set(`struct union enum typeof void bool string buffer inet timestamp int char short long unsigned signed const
	uint8 uint16 uint32 uint64 int8 int16 int32 int64 uint8_t uint16_t uint32_t uint64_t int8_t int16_t int32_t int64_t size_t`)

// words are bpftrace's keywords: no calls, though a parenthesis may follow.
var words = set(`if else while for unroll return break continue let in comptime macro fn import config
	struct union enum typedef true false sizeof offsetof typeof`)

func set(names string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(names) {
		m[n] = true
	}
	return m
}

// constant reports whether a bare word is a constant by its spelling.
func constant(name string) bool {
	letter := false
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case 'A' <= c && c <= 'Z':
			letter = true
		case c == '_', '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return letter
}
