package policy

import "fmt"

// own reports whether the script itself defines a macro or function of this
// name. Whether it may is for definitions to say.
func (c *checker) own(name string) bool {
	for _, d := range c.s.Macros {
		if d.Name == name {
			return true
		}
	}
	for _, d := range c.s.Functions {
		if d.Name == name {
			return true
		}
	}
	return false
}

func (c *checker) mayCall(name string) bool {
	return c.role.Functions.permits(name) && (c.role.Unsafe || !unsafe[name])
}

func (c *checker) functions() {
	for _, call := range c.s.Calls {
		if unsafe[call.Name] && !c.role.Unsafe {
			continue // said already
		}
		if !c.mayCall(call.Name) && !(c.own(call.Name) && !denies(c.role.Functions, call.Name)) {
			c.deny(call.Start, RuleFunction, call.Name+"() is not allowed", c.list(&c.role.Functions))
		}
	}
}

// denies reports whether a name is denied, not just left out.
func denies(g Globs, name string) bool { return unsafe[name] || denied(g, name) }

func denied(g Globs, name string) bool {
	return !Globs{Allow: []string{"*"}, Deny: g.Deny}.permits(name)
}

func (c *checker) identifiers() {
	params := map[string]bool{} // of macros and functions
	for _, d := range append(c.s.Macros, c.s.Functions...) {
		for _, p := range d.Params {
			params[p] = true
		}
	}
	for _, id := range c.s.Identifiers {
		switch {
		case denies(c.role.Functions, id.Name): // callable without parentheses, or by a #define
		case c.role.Identifiers.permits(id.Name), c.own(id.Name), params[id.Name]:
			continue
		case constant(id.Name) && !denies(c.role.Identifiers, id.Name):
			continue
		}
		c.deny(id.Pos, RuleIdentifier, id.Name+" is not allowed", c.list(&c.role.Identifiers)+", constants in capitals")
	}
}

// crossCheck holds the tokens against what the parser lists: a word that is
// not allowed as a function may stand nowhere but as a field, a type's or an
// attach point's part; and every word before a parenthesis must be listed.
func (c *checker) crossCheck() {
	listed := map[int]bool{}
	for _, call := range c.s.Calls {
		listed[call.Start.Offset] = true
	}
	for _, d := range append(c.s.Macros, c.s.Functions...) {
		listed[d.Start.Offset] = true
	}
	for i, t := range c.tokens {
		if t.kind != kindIdent {
			continue
		}
		var before, after token
		if i > 0 {
			before = c.tokens[i-1]
		}
		if i+1 < len(c.tokens) {
			after = c.tokens[i+1]
		}
		call := after.is("(") && !words[t.text]
		switch {
		case before.is("."), before.is("->"):
			if call { // x.f(): of no version yet
				c.denyAt(t.start, RuleUnclear, "a call of a field", "")
			}
		case before.kind == kindIdent && typeWords[before.text], before.kind == kindHash:
		case call && t.code && !listed[t.start] && !c.defines(before):
			c.denyAt(t.start, RuleUnclear, fmt.Sprintf("a call of %s that cannot be told", t.text), "")
		case dangerous[t.text] && !c.mayCall(t.text) && !c.said(t.start):
			c.denyAt(t.start, RuleFunction, t.text+" is not allowed", "")
		}
	}
}

// said reports whether a name is refused already.
func (c *checker) said(offset int) bool {
	return c.seen[seen{offset, RuleFunction}] || c.seen[seen{offset, RuleIdentifier}] || c.seen[seen{offset, RuleUnsafe}]
}

// defines reports whether a definition's name follows t.
func (c *checker) defines(t token) bool {
	return t.kind == kindIdent && (t.text == "macro" || t.text == "fn" || t.text == "subprog")
}

// dangerous are the words that are refused wherever they stand.
var dangerous = set(`cat system signal signal_thread override skboutput skb_output debugf write_user __signal`)
