package collector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tracecar/collector/executor"
	"tracecar/collector/policy"
	"tracecar/parser/script"
)

var (
	// listed are the providers of which bpftrace -l knows the attach points of
	// a wildcard; all others attach as written.
	listed = strings.Fields("tracepoint rawtracepoint kprobe kretprobe fentry fexit uprobe uretprobe usdt iter software hardware")
	// unlooked are those that bpftrace up to 0.23 calls valid without a look
	// at whether there is such an attach point.
	unlooked = strings.Fields("rawtracepoint kprobe kretprobe uprobe uretprobe usdt")
)

// matcher tells how many attach points each of a script's matches.
type matcher struct {
	bt     *executor.Bpftrace
	role   policy.Role
	script *script.Script
	valid  bool // says bpftrace
	lists  map[string]listing
	about  *executor.Host
	// missing are those of unlooked that do not exist, as a run would say it.
	missing []executor.Diagnostic
}

// listing is what bpftrace -l gives for one attach point.
type listing struct {
	n    int
	told bool // n is known
}

func (m *matcher) matches(ctx context.Context) []ProbeMatch {
	out := []ProbeMatch{}
	looks := m.bt.Version().AtLeast(0, 24)
	some := false // something is there to attach to
	for _, p := range m.script.Probes {
		for _, ap := range p.AttachPoints {
			n := -1
			switch {
			case ap.Wildcard && slices.Contains(listed, ap.Provider):
				if l := m.list(ctx, ap.Text); l.told {
					n = l.n
				}
			case ap.Wildcard || !m.valid:
			case looks || !slices.Contains(unlooked, ap.Provider):
				n = 1
			default:
				n = m.look(ctx, &ap)
			}
			some = some || n != 0 || m.warned(&ap)
			out = append(out, ProbeMatch{Probe: ap.Text, Matches: n})
		}
	}
	if m.valid && !looks {
		m.complain(out, !some)
	}
	return out
}

// look asks for an attach point without a wildcard.
func (m *matcher) look(ctx context.Context, ap *script.AttachPoint) int {
	if ofFunction(ap.Provider) && m.host().Kprobes && !m.host().Functions {
		return -1
	}
	// bpftrace -l takes no parameters, leaves out an offset, and gives an
	// address back unseen.
	l := m.list(ctx, ap.Text)
	last := ap.Parts[max(0, len(ap.Parts)-1):]
	inexact := len(last) == 0 || strings.ContainsAny(ap.Text, "$+") || last[0] == "" || last[0][0] >= '0' && last[0][0] <= '9'
	if !l.told || strings.Contains(ap.Text, "$") || l.n > 0 && inexact {
		return -1
	}
	return l.n
}

// list asks bpftrace once for what may be asked: whoever may attach there may
// not always have what else is there named.
func (m *matcher) list(ctx context.Context, text string) listing {
	l, known := m.lists[text]
	if !known {
		if policy.CheckListing(m.role, text) == nil {
			n, err := m.bt.Count(ctx, text)
			l = listing{n: n, told: err == nil}
		}
		m.lists[text] = l
	}
	return l
}

// complain says what of the script does not exist, in the words of 0.27. none:
// nothing of it does.
func (m *matcher) complain(matches []ProbeMatch, none bool) {
	i := 0
	for _, p := range m.script.Probes {
		for _, ap := range p.AttachPoints {
			n := matches[i].Matches
			i++
			if n != 0 || !none && ap.Wildcard || m.warned(&ap) {
				continue
			}
			_, target, _ := strings.Cut(ap.Text, ":")
			d := executor.Diagnostic{
				Severity: executor.SeverityWarning, Message: fmt.Sprintf("No matches for %s %s.", ap.Provider, target),
				Line: ap.Start.Line, Column: ap.Start.Column, EndLine: ap.End.Line, EndColumn: ap.End.Column,
			}
			if lines := strings.Split(m.script.Source, "\n"); d.Line > 0 && d.Line <= len(lines) {
				d.Source = lines[d.Line-1]
			}
			if none || m.fails(&ap, len(p.AttachPoints) == 1) {
				d.Severity = executor.SeverityError
			}
			m.missing = append(m.missing, d)
		}
	}
}

func ofFunction(provider string) bool { return provider == "kprobe" || provider == "kretprobe" }

// warned tells whether bpftrace itself warns where there is no such attach
// point: a function that is not listed can be attached to all the same, if the
// kernel has kprobes.
func (m *matcher) warned(ap *script.AttachPoint) bool {
	return ofFunction(ap.Provider) && !ap.Wildcard && m.host().Kprobes
}

func (m *matcher) host() *executor.Host {
	if m.about == nil {
		m.about = executor.DescribeHost()
	}
	return m.about
}

// fails tells whether a run fails for the want of one attach point, as seen
// with 0.17 and 0.23 (the latter's missing_probes may change it).
func (m *matcher) fails(ap *script.AttachPoint, alone bool) bool {
	if slices.ContainsFunc(m.script.Config, func(s script.Setting) bool { return s.Name == "missing_probes" }) {
		return false
	}
	switch ap.Provider {
	case "uprobe", "uretprobe": // 0.17 leaves them out, without a word
		return alone && m.bt.Version().AtLeast(0, 18)
	case "usdt":
		return m.bt.Version().AtLeast(0, 18)
	}
	return alone
}
