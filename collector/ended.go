package collector

import (
	"fmt"
	"regexp"
	"time"

	"tracecar/parser/script"
)

// exits finds what may be a call of exit(), in a macro too.
var exits = regexp.MustCompile(`\bexit\b`)

// endless tells whether nothing in the script can end it: it has a probe that
// waits for events, and no exit().
func endless(s *script.Script) bool {
	if s == nil || len(s.Imports)+len(s.Directives) > 0 || exits.MatchString(s.Source) {
		return false
	}
	for _, p := range s.Probes {
		for _, a := range p.AttachPoints {
			switch a.Provider {
			case "tracepoint", "rawtracepoint", "kprobe", "kretprobe", "fentry", "fexit", "uprobe", "uretprobe", "usdt",
				"profile", "interval", "software", "hardware", "watchpoint", "asyncwatchpoint":
				return true
			}
		}
	}
	return false
}

// early says that bpftrace ended as if all were done when nobody had asked it
// to. Somebody may have sent it SIGINT; 0.17 also does so when it loses the
// descriptor that it waits on, which happens while it looks up user stacks.
func (r *Run) early() (Diagnostic, bool) {
	if r.attachedAt.IsZero() || !endless(r.fold.script) {
		return Diagnostic{}, false
	}
	return Diagnostic{Severity: "warning", Message: fmt.Sprintf(
		"bpftrace ended by itself %v after it had attached, though the script calls no exit(): what came later was not seen",
		time.Since(r.attachedAt).Round(100*time.Millisecond))}, true
}
