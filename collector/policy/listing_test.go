package policy

import "testing"

func TestCheckListing(t *testing.T) {
	traces := Caller()
	traces.Providers.Allow = append(traces.Providers.Allow, "uprobe")
	traces.Binaries.Allow = []string{"/usr/bin/bash", "/opt/*"}
	for _, tt := range []struct {
		pattern        string
		caller, traces string // the rule that refuses, "" for none
	}{
		{"", "", ""},
		{"*", "", ""},
		{"tracepoint:syscalls:*open*", "", ""},
		{"*:syscalls:sys_enter_*", "", ""},
		{"kprobe:vfs_*", "", ""},
		{"hardware:*", "", ""},
		{"uprobe", "", ""},
		{"uprobe:/usr/bin/bash:*", RuleProvider, ""},
		{"uprobe:/opt/app/server:*", RuleProvider, ""},
		{"uprobe:/opt/../root/secret:*", RuleProvider, RuleForeignBinary},
		{"uprobe:/etc/*:*", RuleProvider, RuleForeignBinary},
		{"uprobe:bash:*", RuleProvider, RuleForeignBinary},
		{" u:bash:main", RuleProvider, RuleForeignBinary},
		{"UPROBE:/root/x:main", RuleProvider, RuleForeignBinary},
		{"u*:/usr/bin/bash:main", RuleProvider, RuleProvider}, // usdt, too
		{"?probe:/root/x:main", RuleProvider, RuleForeignBinary},
		{"[u]probe:/root/x:main", RuleProvider, RuleForeignBinary},
		{"[u:/root/x:main", RuleProvider, RuleForeignBinary},
		{"*:/root/x:*", RuleProvider, RuleForeignBinary},
		{"usdt:/usr/bin/python3:*", RuleProvider, RuleProvider},
		{"tracepoint:a:b,uprobe:/root/x:main", RuleProvider, RuleForeignBinary},
		{"tracepoint:a:b, ur:/usr/bin/bash:x", RuleProvider, RuleProvider},
		{"/root/x", RuleProvider, RuleForeignBinary},
	} {
		for name, c := range map[string]struct {
			role Role
			want string
		}{"caller": {Caller(), tt.caller}, "traces": {traces, tt.traces}, "operator": {Operator(), ""}} {
			got := ""
			if v := CheckListing(c.role, tt.pattern); v != nil {
				got = v.Rule
			}
			if got != c.want {
				t.Errorf("%s, %q: refused by %q, want %q", name, tt.pattern, got, c.want)
			}
		}
	}
}
