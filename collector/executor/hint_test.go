package executor

import (
	"slices"
	"strings"
	"testing"
)

func TestHints(t *testing.T) {
	h := hinter{
		list: func(pattern string, details bool) []AttachPoint {
			switch {
			case details && pattern == "tracepoint:syscalls:sys_enter_openat":
				return []AttachPoint{{pattern, []Arg{{"dfd", "int"}, {"filename", "const char *"}, {"flags", "int"}}}}
			case pattern == "tracepoint:*":
				return []AttachPoint{{Name: "tracepoint:syscalls:sys_enter_openat"}, {Name: "tracepoint:syscalls:sys_enter_open"}, {Name: "tracepoint:sched:sched_switch"}}
			case pattern == "uprobe:/bin/bash:*":
				return []AttachPoint{{Name: "uprobe:/bin/bash:readline"}, {Name: "uprobe:/bin/bash:main"}}
			case pattern == "usdt:/bin/py:*":
				return []AttachPoint{{Name: "usdt:/bin/py:python:gc__start"}, {Name: "usdt:/bin/py:python:line"}}
			case pattern == "kprobe:*":
				return []AttachPoint{{Name: "kprobe:vfs_read"}, {Name: "kprobe:vfs_write"}}
			}
			return nil
		},
		host: func() *Host { return &Host{Tracefs: true, Kprobes: true} },
	}
	const openat = "did you mean tracepoint:syscalls:sys_enter_openat?"
	for message, want := range map[string]string{
		"tracepoint not found: syscalls:sys_enter_opnat":           openat,
		"No matches for tracepoint syscalls:sys_enter_opnat.":      openat,
		"No matches for tracepoint syscall:sys_enter_openat.":      openat,
		"No matches for tracepoint syscalls:sys_enter_opena*.":     "",
		"tracepoint not found: nothing:alike":                      "",
		"Unknown function: prinft":                                 "did you mean printf()?",
		"Unknown function: 'cuont'":                                "did you mean count()?",
		"Unknown identifier: 'ksatck'":                             "did you mean kstack?",
		"Unknown function: frobnicate":                             "",
		"Invalid probe type: tracepiont":                           "did you mean tracepoint?",
		"Could not resolve symbol: /bin/bash:readlin, cannot":      "did you mean uprobe:/bin/bash:readline?",
		"No matches for uprobe /bin/bash:readlin.":                 "did you mean uprobe:/bin/bash:readline?",
		"Error attaching probe: 'kprobe:vfs_raed'":                 "did you mean kprobe:vfs_read?",
		`vfs_raed is not traceable (either non-existing, inlined)`: "did you mean kprobe:vfs_read?",
		"Struct/union of type 'struct _tracepoint_syscalls_sys_enter_openat' does not contain a field named 'filname'":       "did you mean args.filename?",
		"Struct/union of type 'struct tracepoint:syscalls:sys_enter_openat_args' does not contain a field named 'something'": "its arguments are: dfd, filename, flags",
		"bpftrace currently only supports running as the root user.":                                                         "run as root, or ask for sudo (0.25 and later also take capabilities: tracecar doctor names those that are missing)",
		"Failed to compile: Failed to find usdt probe: usdt:/bin/py:python:gc__star":                                         "did you mean usdt:/bin/py:python:gc__start?",
		"No matches for usdt /bin/py:python:gc__star.":                                                                       "did you mean usdt:/bin/py:python:gc__start?",
		"cpu-clok is not a software probe":                                                                                   "did you mean software:cpu-clock?",
		"cyclez is not a hardware probe":                                                                                     "did you mean hardware:cycles?",
		"frobnicate is not a hardware probe":                                                                                 "the hardware events are: " + strings.Join(perfEvents["hardware"], ", "),
		"something else":                                                                                                     "",
	} {
		if got := h.hint(&Diagnostic{Severity: SeverityError, Message: message}); got != want {
			t.Errorf("%s:\n got  %q\n want %q", message, got, want)
		}
	}
	bare := hinter{list: func(string, bool) []AttachPoint { return nil }, host: func() *Host { return &Host{} }}
	for message, want := range map[string]string{
		"tracepoint not found: syscalls:sys_enter_openat": noTracefs,
		"tracepoints not found: syscalls:*":               noTracefs,
		"Failed to open kernel function info: Error reading events from /sys/kernel/tracing/available_events (No such file or directory)": noTracefs,
		"No matches for kprobe vfs_read.":       noKprobes,
		"Error attaching probe: kprobe:vfs_*re": noKprobes,
	} {
		if got := bare.hint(&Diagnostic{Message: message}); got != want {
			t.Errorf("%s: %q", message, got)
		}
	}
}

// 0.17 aborts on a misspelt provider, and gives neither its name nor its place.
func TestProviderIsNamed(t *testing.T) {
	const said = "FATAL: Invalid probe type made it to attachpoint parser\n"
	h := hinter{list: func(string, bool) []AttachPoint { return nil }, host: func() *Host { return &Host{} }}
	for script, want := range map[string]struct {
		message, hint string
		line, column  int
	}{
		"BEGN { exit(); }": {"Invalid probe type: BEGN", "did you mean BEGIN or begin?", 1, 1},
		"#!/usr/bin/env bpftrace\nBEGIN\n{\n  if (1) { @ = pid / 2; }\n  else { @a = 1; }\n} tracepont:sched:sched_switch /pid/ { @ = 1 }": {
			"Invalid probe type: tracepont", "did you mean tracepoint?", 6, 3},
		"uprobe:/bin/sh:main,\nuretprobbe:/bin/sh:main { }": {"Invalid probe type: uretprobbe", "did you mean uretprobe?", 2, 1},
		"foo:a { } bar:b { }":                               {unnamedProvider, "", 0, 0}, // which of them, it does not say
	} {
		d := ParseDiagnostics(said, script)[0]
		if d.Message != want.message || d.Line != want.line || d.Column != want.column || h.hint(&d) != want.hint {
			t.Errorf("%s:\n got  %q %d:%d, hint %q\n want %+v", script, d.Message, d.Line, d.Column, h.hint(&d), want)
		}
	}
}

// 0.17 says of a function that is not there only that nothing is left to attach.
func TestMissingFunctionIsFound(t *testing.T) {
	h := hinter{list: func(pattern string, _ bool) []AttachPoint {
		if pattern != "uprobe:/bin/bash:*" {
			t.Errorf("listed %s", pattern)
		}
		return []AttachPoint{{Name: "uprobe:/bin/bash:readline"}}
	}}
	d := ParseDiagnostics("No probes to attach\n", "\nuprobe:/bin/bash:raedline { @ = count() }")[0]
	if got := h.hint(&d); d.Line != 2 || d.Column != 1 || got != "did you mean uprobe:/bin/bash:readline?" {
		t.Errorf("%+v, hint %q", d, got)
	}
	for _, two := range []string{"uprobe:/a:b,uprobe:/c:d { }", "uprobe:/a:b { }\nuprobe:/c:d { }", "interval:s:1 { }"} {
		if d := ParseDiagnostics("No probes to attach\n", two)[0]; d.Line != 0 {
			t.Errorf("%s: which of them is not known, got line %d", two, d.Line)
		}
	}
}

// What 0.27 warns of on every delete() and comparison is not shown to people,
// wherever in the script it stands.
func TestNoiseHasAPlace(t *testing.T) {
	script := "tracepoint:syscalls:sys_exit_read /args.ret > 0/ { delete(@[pid]); }"
	for _, d := range ParseDiagnostics("stdin:1:36-48: WARNING: Addrspace mismatch\n"+script+"\n    ~~~~\n"+
		"stdin:1:52-65: WARNING: Return value discarded.\n"+script+"\n    ~~~\n"+
		"stdin:1:36-49: WARNING: expanded from\n"+script+"\n    ~~~\n", script) {
		if !d.Noise || d.Line != 1 {
			t.Errorf("shown: %+v", d)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"openat", "openat2", "open", "close", "print", "printf"}
	for want, near := range map[string][]string{
		"opnat": {"openat"}, "openta": {"openat"}, "prinft": {"printf"}, "OPENAT": {"openat"}, "clos": {"close"}, "xyzzy": nil, "": nil, "openat": {"openat2"},
	} {
		if got := Nearest(want, names); !slices.Equal(got, near) {
			t.Errorf("%s: %q", want, got)
		}
	}
	if d := distance("abcdef", strings.Repeat("x", 6), 2); d <= 2 {
		t.Errorf("distance %d", d)
	}
}

// What a command says when bpftrace would not answer ends in how to mend it.
func TestFailedErrorTellsTheHint(t *testing.T) {
	diags := ParseDiagnostics("ERROR: bpftrace currently only supports running as the root user.\n", "")
	(&hinter{}).add(diags)
	err := &FailedError{What: "-l", Diagnostics: diags}
	if got := err.Error(); !strings.HasPrefix(got, "bpftrace -l: bpftrace currently only supports running as the root user; run as root") {
		t.Error(got)
	}
}
