package policy

import (
	"path"
	"slices"
	"strings"
)

// CheckListing decides whether a role may have the attach points listed that
// match a pattern; nil is yes. The kernel's names are no secret. Those in a program
// are read out of its file, as root: whoever may not attach there may not
// have them listed. How bpftrace reads a pattern was measured on 0.17, 0.23
// and 0.27: wildcards stand in each part, commas between several attach points.
func CheckListing(role Role, pattern string) *Violation {
	if role.Trusted {
		return nil
	}
	for part := range strings.SplitSeq(pattern, ",") {
		provider, rest, _ := strings.Cut(strings.TrimSpace(part), ":")
		file, _, _ := strings.Cut(rest, ":")
		for _, p := range programProviders {
			switch {
			case !names(provider, p.names) || rest == "" && !strings.Contains(part, "/"):
			case provider == "*" && !strings.Contains(part, "/"): // of programs it finds only those of a path
			case !role.Providers.permits(p.provider):
				return &Violation{Rule: RuleProvider, Message: p.provider + " probes may not be listed"}
			case !slices.Contains(role.Binaries.Allow, "*") && (!path.IsAbs(file) || path.Clean(file) != file), !role.Binaries.permitsAll(file):
				return &Violation{Rule: RuleForeignBinary, Message: "probes on this program may not be listed"}
			}
		}
	}
	return nil
}

// programProviders are the kinds of probes in programs, with all their names.
var programProviders = []struct {
	provider string
	names    []string
}{
	{"uprobe", []string{"uprobe", "u"}},
	{"uretprobe", []string{"uretprobe", "ur"}},
	{"usdt", []string{"usdt", "U"}},
}

// names tells whether a pattern can stand for one of several names. What is
// no pattern to us may be one to bpftrace.
func names(pattern string, all []string) bool {
	return slices.ContainsFunc(all, func(name string) bool {
		ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(name))
		return ok || err != nil || strings.Contains(pattern, "/")
	})
}
