package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"tracecar/parser/script"
)

// Check decides whether a holder of role may run s. expand counts wildcards;
// without it, and where it fails, they are refused. ctx bounds expand only.
// Check never fails, and its time is bounded by MaxScript.
func Check(ctx context.Context, role Role, s *script.Script, req Request, expand Expand) *Decision {
	return check(ctx, role, s, req, expand, rules)
}

// TooLong refuses a script that is too long for the role, nil for others: ask
// before script.Parse, whose time and memory grow with the script.
func TooLong(role Role, source string) *Decision {
	if role.Trusted || role.MaxScript <= 0 || len(source) <= role.MaxScript {
		return nil
	}
	return &Decision{Limits: role.Limits, Violations: []Violation{{Rule: RuleSize,
		Message: fmt.Sprintf("the script has %d bytes", len(source)),
		Allowed: fmt.Sprintf("%d bytes", role.MaxScript)}}}
}

// A rule reports what it finds through checker.deny.
type rule struct {
	name string
	run  func(*checker)
	// trusted rules hold for trusted roles too.
	trusted bool
}

// rules in the order in which they run: what is cheap and bounds the others
// goes first, what asks bpftrace last.
var rules = []rule{
	{name: "who", run: (*checker).who, trusted: true},
	{name: "unsafe", run: (*checker).unsafeCalls, trusted: true},
	{name: "args", run: (*checker).args},
	{name: "bytes", run: (*checker).bytes},
	{name: "tokens", run: (*checker).tokenText},
	{name: "nesting", run: (*checker).nesting},
	{name: "unclear", run: (*checker).unclear},
	{name: "preprocessor", run: (*checker).preprocessor},
	{name: "definitions", run: (*checker).definitions},
	{name: "config", run: (*checker).config},
	{name: "functions", run: (*checker).functions},
	{name: "identifiers", run: (*checker).identifiers},
	{name: "crosscheck", run: (*checker).crossCheck},
	{name: "pointers", run: (*checker).pointers},
	{name: "memory calls", run: (*checker).memoryCalls},
	{name: "fields", run: (*checker).userFields},
	{name: "blocks", run: (*checker).blocks},
	{name: "maps", run: (*checker).maps},
	{name: "attach points", run: (*checker).attachPoints},
	{name: "rates", run: (*checker).rates},
	{name: "expansion", run: (*checker).expansion},
}

// checker is one decision in the making.
type checker struct {
	ctx    context.Context
	role   *Role
	s      *script.Script
	req    *Request
	expand Expand
	tokens []token
	// torn is where the tokens end before the script does: a string or
	// comment without an end; -1 if they do not.
	torn   int
	points []point
	// tooDeep ends the checking: the rules after nesting take time for each level.
	tooDeep bool
	// statements are those of each probe, unrolled; set by blocks.
	statements []int
	d          *Decision
	seen       map[seen]bool
	lists      map[*Globs]string
	held       map[held]source
}

func check(ctx context.Context, role Role, s *script.Script, req Request, expand Expand, rules []rule) *Decision {
	c := &checker{ctx: ctx, role: &role, s: s, req: &req, expand: expand, torn: -1,
		d: &Decision{Limits: role.Limits}, seen: map[seen]bool{}, lists: map[*Globs]string{}, held: map[held]source{}}
	tooLong := TooLong(role, s.Source)
	if tooLong != nil {
		c.d.Violations = tooLong.Violations
	} else {
		c.tokens, c.torn = tokenise(s)
		c.points = points(s, req.Args)
	}
	for _, r := range rules {
		if r.trusted || !role.Trusted && tooLong == nil && !c.tooDeep {
			r.run(c)
		}
	}
	c.d.Allowed = len(c.d.Violations) == 0
	c.d.Violations = inOrder(c.d.Violations)
	return c.d
}

// inOrder sorts and cuts, and says what would be allowed once only: such
// lists are long.
func inOrder(v []Violation) []Violation {
	sort.SliceStable(v, func(i, j int) bool { return v[i].Pos.Offset < v[j].Pos.Offset })
	v = v[:min(len(v), maxViolations)]
	told := map[string]bool{}
	for i := range v {
		if told[v[i].Allowed] {
			v[i].Allowed = ""
		}
		told[v[i].Allowed] = true
	}
	return v
}

func (c *checker) deny(pos script.Pos, rule, message, allowed string) {
	key := seen{pos.Offset, rule}
	if pos.Line == 0 {
		key.offset = -1 - len(c.d.Violations)
	}
	if !c.seen[key] && len(c.d.Violations) < 20*maxViolations {
		c.seen[key] = true
		c.d.Violations = append(c.d.Violations, Violation{Rule: rule, Message: clip(message), Pos: pos, Allowed: allowed})
	}
}

func (c *checker) denyAt(offset int, rule, message, allowed string) {
	if !c.seen[seen{offset, rule}] && len(c.d.Violations) < 20*maxViolations {
		c.deny(position(c.s.Source, offset), rule, message, allowed)
	}
}

// clip cuts a message, which can quote the script.
func clip(s string) string {
	const most = 300
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// seen is what is said once only: one rule at one place.
type seen struct {
	offset int
	rule   string
}

// position counts lines and bytes; it is called for violations only.
func position(source string, offset int) script.Pos {
	before := source[:offset]
	return script.Pos{Offset: offset, Line: strings.Count(before, "\n") + 1, Column: offset - strings.LastIndexByte(before, '\n')}
}

// who checks what does not depend on the script.
func (c *checker) who() {
	nowhere := script.Pos{}
	switch {
	case c.role.ReadOnly:
		c.deny(nowhere, RuleReadOnly, "the role "+c.role.Name+" runs no scripts", "reading what the configured probes see")
	case c.role.LibraryOnly && c.req.Library == "":
		c.deny(nowhere, RuleLibraryOnly, "the role "+c.role.Name+" runs no scripts of its own", "scripts of the library, by name")
	}
	if c.req.Unsafe && !c.role.Unsafe {
		c.deny(nowhere, RuleUnsafe, "the role "+c.role.Name+" may not ask for unsafe runs", "")
	}
}

// unsafeCalls says so in tracecar's words, before bpftrace would.
func (c *checker) unsafeCalls() {
	if c.role.Unsafe {
		return
	}
	for _, u := range c.s.Calls {
		if unsafe[u.Name] {
			c.deny(u.Start, RuleUnsafe, u.Name+"() changes the system that is traced", "")
		}
	}
	for _, u := range c.s.Identifiers {
		if unsafe[u.Name] {
			c.deny(u.Pos, RuleUnsafe, u.Name+" changes the system that is traced", "")
		}
	}
}

// list shows names in a Violation.
func (c *checker) list(g *Globs) string {
	if s, ok := c.lists[g]; ok {
		return s
	}
	list := slices.Clone(g.Allow)
	slices.SortFunc(list, cmp.Compare[string])
	s := strings.Join(list, ", ")
	if len(g.Deny) > 0 {
		s += "; but not " + strings.Join(g.Deny, ", ")
	}
	c.lists[g] = s
	return s
}
