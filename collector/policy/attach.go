package policy

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"tracecar/parser/script"
)

// A point is one attach point with its parameters put in.
type point struct {
	ap      script.AttachPoint
	probe   int
	text    string // provider:parts, in full
	problem string
}

// points puts the positional parameters into the attach points, as bpftrace
// does: each within its part.
func points(s *script.Script, args []string) (list []point) {
	for i, p := range s.Probes {
		for _, ap := range p.AttachPoints {
			pt := point{ap: ap, probe: i}
			pt.ap.Parts = slices.Clone(ap.Parts)
			if strings.Contains(ap.Text, "$") {
				if strings.Contains(ap.Text, `"`) {
					pt.problem = "a parameter in a quoted attach point"
				}
				for k, part := range pt.ap.Parts {
					var problem string
					if pt.ap.Parts[k], problem = substitute(part, args); problem != "" {
						pt.problem = problem
					}
				}
				pt.ap.Wildcard = ap.Wildcard || strings.ContainsAny(strings.Join(pt.ap.Parts, ""), "*?[")
			}
			pt.text = strings.Join(append([]string{ap.Provider}, pt.ap.Parts...), ":")
			list = append(list, pt)
		}
	}
	return list
}

func substitute(part string, args []string) (text, problem string) {
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		if part[i] != '$' {
			b.WriteByte(part[i])
			continue
		}
		end := i + 1
		for end < len(part) && digit(part[end]) {
			end++
		}
		n, err := strconv.Atoi(part[i+1 : end])
		switch {
		case err != nil || n < 1:
			return part, "a $ that is no parameter"
		case n > len(args):
			return part, fmt.Sprintf("parameter $%d is not given", n)
		case !plainName(args[n-1]):
			return part, fmt.Sprintf("parameter $%d is no plain name", n)
		}
		b.WriteString(args[n-1])
		i = end - 1
	}
	return b.String(), ""
}

// plainName reports whether a text is one part of an attach point and no more.
func plainName(s string) bool {
	for i := range len(s) {
		if !letter(s[i]) && !digit(s[i]) && strings.IndexByte("*?/.-+@", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// plainParts reports whether an attach point holds no more than a name, which
// no version reads as something else. Names in programs can be any text.
func plainParts(ap script.AttachPoint) bool {
	switch ap.Provider {
	case "uprobe", "uretprobe", "usdt":
		return true
	}
	for _, part := range append([]string{ap.Provider}, ap.Parts...) {
		if part != "" && !plainName(part) {
			return false
		}
	}
	return true
}

// attachPoints checks where a script attaches.
func (c *checker) attachPoints() {
	if n := len(c.points); c.role.MaxProbes > 0 && n > c.role.MaxProbes {
		c.deny(c.points[c.role.MaxProbes].ap.Start, RuleSize, fmt.Sprintf("%d attach points as written", n), strconv.Itoa(c.role.MaxProbes))
	}
	for _, p := range c.points {
		switch {
		case p.problem != "":
			c.deny(p.ap.Start, RuleAttachPoint, p.problem, "")
		case p.ap.Wildcard && strings.ContainsAny(p.text, "[]?"):
			c.deny(p.ap.Start, RuleAttachPoint, "[ ] and ? in an attach point, which not every bpftrace takes for wildcards", "*")
		case !plainParts(p.ap):
			c.deny(p.ap.Start, RuleAttachPoint, "unusual characters in an attach point", "letters, digits, _ . - + * / @")
		case !c.role.Providers.permits(p.ap.Provider) && (!c.vouched(p) || denied(c.role.Providers, p.ap.Provider)):
			c.deny(p.ap.Start, RuleProvider, p.ap.Provider+" probes are not allowed", c.list(&c.role.Providers))
		case !c.permitsPoint(p):
			c.deny(p.ap.Start, RuleAttachPoint, p.text+" is not allowed, or not all that it matches", c.list(&c.role.Probes))
		case !c.permitsBinary(p):
			c.deny(p.ap.Start, RuleForeignBinary, "probes on this program are not allowed", c.list(&c.role.Binaries))
		}
	}
}

// vouched tells whether the library itself names an attach point, of a kind
// that it may have.
func (c *checker) vouched(p point) bool {
	return c.req.Library != "" && !strings.Contains(p.ap.Text, "$") && slices.Contains(c.role.LibraryProviders, p.ap.Provider)
}

// permitsPoint checks an attach point in all the ways to write it: a kernel
// function also without its module and its offset.
func (c *checker) permitsPoint(p point) bool {
	names := []string{p.text}
	switch p.ap.Provider {
	case "kprobe", "kretprobe", "fentry", "fexit":
		if n := len(p.ap.Parts); n > 0 {
			function, _, _ := strings.Cut(p.ap.Parts[n-1], "+")
			names = append(names, p.ap.Provider+":"+function)
		}
	}
	permitted := false
	for _, name := range names {
		if !(Globs{Allow: []string{"*"}, Deny: c.role.Probes.Deny}).permitsAll(name) {
			return false
		}
		permitted = permitted || c.role.Probes.permitsAll(name)
	}
	return permitted
}

func (c *checker) permitsBinary(p point) bool {
	ap := p.ap
	switch ap.Provider {
	case "uprobe", "uretprobe", "usdt":
	case "watchpoint", "asyncwatchpoint":
		return slices.Contains(c.role.Binaries.Allow, "*")
	default:
		return true
	}
	if len(ap.Parts) == 0 {
		return false
	}
	file := ap.Parts[0]
	if c.vouched(p) {
		return (Globs{Allow: []string{"*"}, Deny: c.role.Binaries.Deny}).permitsAll(file)
	}
	if !slices.Contains(c.role.Binaries.Allow, "*") && (!path.IsAbs(file) || path.Clean(file) != file) {
		return false // looked up in PATH, or among the libraries
	}
	return c.role.Binaries.permitsAll(file)
}

// expansion counts what wildcards match. It asks bpftrace only for scripts
// that nothing else speaks against.
func (c *checker) expansion() {
	if len(c.d.Violations) > 0 || c.role.MaxAttachPoints == 0 && c.role.MaxCompiled == 0 {
		return
	}
	counts := map[string]int{}
	compiled := 0
	for _, p := range c.points {
		n := 1
		if p.ap.Wildcard {
			known := false
			if n, known = counts[p.text]; !known {
				if n = c.wildcard(p, len(counts)); n < 0 {
					return
				}
				counts[p.text] = n
			}
		}
		c.d.AttachPoints = min(c.d.AttachPoints+n, many)
		if p.probe < len(c.statements) {
			compiled = min(compiled+c.statements[p.probe]*min(n, 1<<20), many)
		}
		if most := c.role.MaxAttachPoints; most > 0 && c.d.AttachPoints > most {
			c.deny(p.ap.Start, RuleAttachPoint, fmt.Sprintf("%d attach points or more", c.d.AttachPoints), strconv.Itoa(most))
			return
		}
	}
	if most := c.role.MaxCompiled; most > 0 && compiled > most {
		c.deny(script.Pos{}, RuleSize, fmt.Sprintf("%d statements to compile for %d attach points", compiled, c.d.AttachPoints), strconv.Itoa(most))
	}
}

// wildcard counts one pattern, -1 if that cannot be.
func (c *checker) wildcard(p point, before int) int {
	parts := strings.Join(p.ap.Parts, "")
	for i := range len(parts) {
		if !plainName(parts[i : i+1]) {
			c.deny(p.ap.Start, RuleAttachPoint, "a wildcard with unusual characters", "")
			return -1
		}
	}
	switch {
	case c.role.MaxWildcards > 0 && before >= c.role.MaxWildcards:
		c.deny(p.ap.Start, RuleAttachPoint, "too many wildcards", strconv.Itoa(c.role.MaxWildcards))
		return -1
	case c.expand == nil:
		c.deny(p.ap.Start, RuleAttachPoint, "what "+p.text+" matches cannot be counted here", "attach points in full")
		return -1
	}
	n, err := c.expand(c.ctx, p.text)
	if err != nil || n < 0 {
		c.deny(p.ap.Start, RuleAttachPoint, "what "+p.text+" matches could not be counted", "attach points in full")
		return -1
	}
	return n
}
