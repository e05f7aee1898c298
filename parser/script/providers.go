package script

import "strings"

// providers maps what may stand before the first ":" to bpftrace's own name
// of the provider.
var providers = map[string]string{
	"BEGIN": "BEGIN", "begin": "BEGIN", "END": "END", "end": "END",
	"self": "self", "test": "test", "bench": "bench",
	"kprobe": "kprobe", "k": "kprobe", "kretprobe": "kretprobe", "kr": "kretprobe",
	"uprobe": "uprobe", "u": "uprobe", "uretprobe": "uretprobe", "ur": "uretprobe",
	"usdt": "usdt", "U": "usdt",
	"tracepoint": "tracepoint", "t": "tracepoint",
	"rawtracepoint": "rawtracepoint", "rt": "rawtracepoint",
	"profile": "profile", "p": "profile", "interval": "interval", "i": "interval",
	"software": "software", "s": "software", "hardware": "hardware", "h": "hardware",
	"watchpoint": "watchpoint", "w": "watchpoint",
	"asyncwatchpoint": "asyncwatchpoint", "aw": "asyncwatchpoint",
	"fentry": "fentry", "f": "fentry", "kfunc": "fentry",
	"fexit": "fexit", "fr": "fexit", "kretfunc": "fexit",
	"iter": "iter", "it": "iter",
}

// ProviderName gives bpftrace's full name for a provider or one of its
// abbreviations ("t" is "tracepoint", "kfunc" is "fentry", "begin" is
// "BEGIN"); any other text comes back as it is.
func ProviderName(alias string) string {
	if p, ok := providers[alias]; ok {
		return p
	}
	if p, ok := providers[strings.ToLower(alias)]; ok { // 0.24+
		return p
	}
	return alias
}
