package policy

import "time"

// Globs allows and denies by glob; deny goes first. An empty Allow allows
// nothing. "*" stands for any text, "?" for one character; both match "/" and
// ":" too.
type Globs struct {
	Allow []string
	Deny  []string
}

// Role says what its holders may run. The zero Role allows nothing that
// probes anything. For bounds of type int, 0 is no bound.
type Role struct {
	Name string
	// Trusted skips every rule on the script's text: all that bpftrace
	// accepts is allowed. ReadOnly, LibraryOnly and Unsafe still hold.
	Trusted bool
	// ReadOnly allows no runs at all, LibraryOnly only scripts of the library
	// (checked like all others).
	ReadOnly, LibraryOnly bool
	// Unsafe allows what bpftrace wants --unsafe for; a Request has to ask for
	// it as well.
	Unsafe bool
	// Providers are kinds of probes by bpftrace's full names: "tracepoint".
	Providers Globs
	// LibraryProviders are kinds of probes that scripts of the library may have
	// beside those, on whatever they name in full: what a parameter names is
	// held to the lists above and below like all else, and Deny holds for all.
	LibraryProviders []string
	// Probes are attach points, "tracepoint:syscalls:*". A wildcard in a
	// script is allowed where all that it can match is.
	Probes Globs
	// Functions are what a script may call.
	Functions Globs
	// Identifiers are bare words: builtins (comm, nsecs) and constants.
	// Constants in capitals are always allowed.
	Identifiers Globs
	// Binaries are what uprobes and usdt probes may attach to: absolute
	// paths. Only "*" allows names that bpftrace looks up itself (libc).
	Binaries Globs
	// UserMemory is what may be read through pointers.
	UserMemory UserMemory
	// Includes allows #include <linux/….h>, Imports import, Macros macro and
	// fn, CDefinitions struct, union and enum at top level.
	Includes, Imports, Macros, CDefinitions bool
	// Directives are other preprocessor lines by name: "define", which may
	// then stand for a constant only, "ifdef", "endif".
	Directives []string
	// ConfigKeys are the settings of a config block, in small letters and
	// without BPFTRACE_.
	ConfigKeys []string

	MaxScript     int // bytes
	MaxProbes     int // attach points as written
	MaxWildcards  int // different attach points with wildcards; each is looked up
	MaxRate       int // events per second and CPU of profile, interval, clocks and hardware counters, in sum
	MaxMaps       int // maps of one script
	MaxNesting    int // brackets in brackets
	MaxUnroll     int // passes of one unroll; one within another is refused
	MaxStatements int // statements after unrolling
	MaxCompiled   int // those statements times their attach points
	MaxIterations int // passes of the for loops of one probe, in loops multiplied; a map counts as MaxMapKeys

	Limits
}

// UserMemory is what a role may read through pointers; the zero value is
// MemoryNone.
type UserMemory string

const (
	// MemoryNone: nothing. Scripts have what the event itself holds.
	MemoryNone UserMemory = "none"
	// MemoryArguments: str() and buf() of what an event's own argument points
	// to: the file name of an open, the bytes of a write, arg0 of a uprobe. The
	// pointer is the argument as it stands there, or a variable, or a map by
	// tid or pid, that is never assigned anything else. Scripts of the library
	// (Request.Library) are the operator's own text and read what they say.
	MemoryArguments UserMemory = "arguments"
	// MemoryAll: casts to pointers, ->, *, [], curtask. A pointer made of any
	// number is a pointer: this is all memory, user's and kernel's.
	MemoryAll UserMemory = "all"
)

// Limits bound a run that is allowed. They come back in the Decision for
// whoever starts it. 0 is the runner's own default.
type Limits struct {
	MaxAttachPoints   int           // after wildcards
	MaxMapKeys        int           // keys of one map
	MaxStrlen         int           // bytes of one str()
	MaxTimeout        time.Duration // of tracing
	CompileTimeout    time.Duration // from start to attached probes
	MaxOutput         uint64        // bytes of JSON
	MaxEvents         int
	MaxRows           int
	MaxRuns           int // live at once, per holder
	MaxCalls          int // in work at once, per holder
	MaxCallsPerMinute int
	Memory            uint64  // bytes, of bpftrace and its kernel maps
	CPUPercent        float64 // of one CPU
}

// Operator is the role of whoever runs tracecar: all that bpftrace accepts,
// and --unsafe where asked for.
func Operator() Role {
	return Role{Name: "operator", Trusted: true, Unsafe: true}
}

// Caller is the role of an MCP caller that has no other: counts, histograms
// and stacks at tracepoints and timers, and what the arguments of events point
// to. Each call gives a Role of its own to change.
func Caller() Role {
	return Role{
		Name:             "caller",
		Providers:        Globs{Allow: []string{"BEGIN", "END", "self", "tracepoint", "software", "hardware", "profile", "interval"}},
		LibraryProviders: []string{"kprobe", "kretprobe", "uprobe", "uretprobe", "usdt", "iter"},
		Probes:           Globs{Allow: []string{"*"}},
		Functions:        Globs{Allow: functions()},
		Identifiers:      Globs{Allow: identifiers()},
		UserMemory:       MemoryArguments,
		ConfigKeys:       []string{"cache_user_symbols", "lazy_symbolication", "missing_probes", "on_stack_limit", "print_maps_on_exit", "stack_mode", "str_trunc_trailer", "use_blazesym"},

		MaxScript:     64 << 10,
		MaxProbes:     64,
		MaxWildcards:  16,
		MaxRate:       1000,
		MaxMaps:       32,
		MaxNesting:    64,
		MaxUnroll:     100,
		MaxStatements: 1000, // compiles in 3 s on every version, 3000 in 30 s
		MaxCompiled:   5000,
		MaxIterations: 1 << 16,

		Limits: Limits{
			MaxAttachPoints:   100, // up to 75 ms each to detach
			MaxMapKeys:        10000,
			MaxTimeout:        5 * time.Minute,
			CompileTimeout:    30 * time.Second,
			MaxOutput:         64 << 20,
			MaxEvents:         10000,
			MaxRows:           10000,
			MaxRuns:           2,
			MaxCalls:          16,
			MaxCallsPerMinute: 60,
			Memory:            4 << 30,
			CPUPercent:        5,
		},
	}
}
