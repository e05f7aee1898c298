package examples

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"tracecar/collector/otlp/decode"
	"tracecar/parser/script"
)

// needs says which requirement an attach point brings.
var needs = map[string]string{
	"tracepoint": "tracepoints", "kprobe": "kprobes", "kretprobe": "kprobes", "uprobe": "uprobes", "uretprobe": "uprobes",
	"profile": "profile", "software": "software", "iter": "iter", "interval": "", "BEGIN": "", "END": "",
}

var (
	requirement = regexp.MustCompile(`^(tracepoints|uprobes|kprobes|profile|software|iter|BTF|cgroup2|libc|linux >= \d+\.\d+|bpftrace >= 0\.\d+)$`)
	unit        = regexp.MustCompile(`^(ns|us|ms|By|\{[a-z]+\})$`)
	btf         = regexp.MustCompile(`\bcurtask->|\bctx->|\(struct `)
	scriptName  = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
)

// The header of every script says what parser/script finds in its text.
func TestHeadersMatchScripts(t *testing.T) {
	metrics := map[string]string{}
	titles := map[string]string{}
	for _, s := range library() {
		t.Run(s.Name, func(t *testing.T) {
			if other := titles[s.Title]; other != "" && other != s.Name {
				t.Errorf("has the title of %s", other)
			}
			titles[s.Title] = s.Name
			if !scriptName.MatchString(s.Name) {
				t.Error("the name is not lower-case words joined by hyphens")
			}
			if !strings.HasSuffix(s.Question, "?") {
				t.Errorf("question %q", s.Question)
			}
			for _, d := range s.Maps {
				if other := metrics[d.Metric]; other != "" && other != s.Name {
					t.Errorf("%s: metric %s is that of %s too", d.Name, d.Metric, other)
				}
				metrics[d.Metric] = s.Name
			}
			p := script.Parse(s.Source)
			for _, u := range p.Unclear {
				t.Errorf("line %d: %s", u.Line, u.Message)
			}
			if n := params(p); n != len(s.Params) {
				t.Errorf("uses $%d, describes %d parameters", n, len(s.Params))
			}
			checkMaps(t, s, p)
			checkProbes(t, s, p)
			checkOutputs(t, s, p)
		})
	}
}

var positional = regexp.MustCompile(`\$([1-9])`)

// params is the highest positional parameter, those in attach points included.
func params(p *script.Script) int {
	n := p.Params
	for _, probe := range p.Probes {
		for _, ap := range probe.AttachPoints {
			for _, m := range positional.FindAllStringSubmatch(ap.Text, -1) {
				n = max(n, int(m[1][0]-'0'))
			}
		}
	}
	return n
}

func checkMaps(t *testing.T, s Script, p *script.Script) {
	for _, d := range s.Maps {
		m := p.Map(d.Name)
		if m == nil {
			t.Errorf("%s is described, but not there", d.Name)
			continue
		}
		if string(m.Kind) != d.Kind {
			t.Errorf("%s is %s, described as %s", d.Name, m.Kind, d.Kind)
		}
		if !unit.MatchString(d.Unit) {
			t.Errorf("%s: unit %q", d.Name, d.Unit)
		}
		var have, want []string
		for _, k := range m.Keys {
			have = append(have, k.Name)
		}
		for _, k := range d.Keys {
			want = append(want, k.Name)
			if k.Decode != "" {
				if _, err := decode.New(k.Decode); err != nil {
					t.Errorf("%s: %v", d.Name, err)
				}
			}
		}
		if !slices.Equal(have, want) || m.KeyUnclear {
			t.Errorf("%s has the key %q, described as %q", d.Name, have, want)
		}
		if slices.Contains(s.Scratch, d.Name) {
			t.Errorf("%s is described, and scratch too", d.Name)
		}
	}
	for _, m := range p.Maps {
		if !slices.Contains(s.Scratch, m.Name) && !slices.ContainsFunc(s.Maps, func(d MapDoc) bool { return d.Name == m.Name }) {
			t.Errorf("%s is not described", m.Name)
		}
	}
	for _, name := range s.Scratch {
		if p.Map(name) == nil {
			t.Errorf("%s is scratch, but not there", name)
		}
		if !clearedAtEnd(p, name) {
			t.Errorf("%s is scratch, but END does not clear it", name)
		}
	}
}

func clearedAtEnd(p *script.Script, name string) bool {
	for _, probe := range p.Probes {
		if probe.AttachPoints[0].Provider != "END" {
			continue
		}
		for _, c := range p.Calls {
			if c.Name == "clear" && slices.Equal(c.Args, []string{name}) &&
				c.Start.Offset > probe.Body.Start.Offset && c.Start.Offset < probe.Body.End.Offset {
				return true
			}
		}
	}
	return false
}

func checkProbes(t *testing.T, s Script, p *script.Script) {
	want := map[string]bool{}
	for _, probe := range p.Probes {
		for _, ap := range probe.AttachPoints {
			need, known := needs[ap.Provider]
			if !known {
				t.Errorf("provider %q", ap.Provider)
			}
			if need != "" {
				want[need] = true
			}
		}
	}
	if btf.MatchString(s.Source) {
		want["BTF"] = true
	}
	for need := range want {
		if !slices.Contains(s.Requires, need) {
			t.Errorf("requires %s, and does not say so", need)
		}
	}
	for _, r := range s.Requires {
		if !requirement.MatchString(r) {
			t.Errorf("requirement %q", r)
		}
		if slices.Contains([]string{"tracepoints", "kprobes", "uprobes", "profile", "software", "iter", "BTF"}, r) && !want[r] {
			t.Errorf("says it requires %s, and does not", r)
		}
	}
	if len(p.Includes)+len(p.Imports)+len(p.Directives)+len(p.Config)+len(p.Macros) > 0 {
		t.Error("has includes, imports, directives, a config block or macros: not for all versions")
	}
}

// harmless are the functions that a script of the library may call.
var harmless = []string{
	"count", "sum", "hist", "delete", "clear", "str", "ntop", "ksym", "kstack", "ustack", "printf", "print", "join",
}

func checkOutputs(t *testing.T, s Script, p *script.Script) {
	for _, c := range p.Calls {
		if !slices.Contains(harmless, c.Name) {
			t.Errorf("line %d: calls %s", c.Start.Line, c.Name)
		}
	}
	var have, want []string
	for _, o := range p.Outputs {
		typ := o.Name
		if typ == "print" {
			typ = "map"
		}
		if !slices.Contains(have, typ) {
			have = append(have, typ)
		}
	}
	for _, e := range s.Events {
		want = append(want, e.Type)
	}
	if !slices.Equal(have, want) {
		t.Errorf("prints %q, described as %q", have, want)
	}
	if len(s.Maps)+len(s.Events) == 0 {
		t.Error("neither maps nor events")
	}
}
