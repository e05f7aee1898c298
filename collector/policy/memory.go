package policy

import (
	"strings"

	"tracecar/parser/script"
)

// What would be allowed, by tier.
const (
	insteadOfMemory = "what the event itself holds: numbers, args.comm, str(args.name) of a field that is text; or a role with user_memory: arguments or all"
	argumentsOnly   = "str(P) and buf(P, size) where P is an argument of the event, as it stands: args.filename of a system call's tracepoint, " +
		"arg0 of a uprobe, retval of a uretprobe; or a variable, or @map[tid], that is assigned such an argument and never anything else; " +
		"numbers and text that the event itself holds; scripts of the library; or a role with user_memory: all"
)

func (c *checker) denyMemory(offset int, message string) {
	allowed := insteadOfMemory
	if c.role.UserMemory == MemoryArguments {
		allowed = argumentsOnly
	}
	c.denyAt(offset, RuleUserMemory, message, allowed)
}

// allMemory tells whether the script may read whatever it has a pointer to.
func (c *checker) allMemory() bool {
	return c.role.UserMemory == MemoryAll || c.role.UserMemory == MemoryArguments && c.req.Library != ""
}

// pointers finds the operators that read memory through a pointer, or make
// one: each sign that is not plainly something else.
func (c *checker) pointers() {
	if c.allMemory() {
		return
	}
	for i, t := range c.tokens {
		before, after := c.at(i-1), c.at(i+1)
		switch {
		case !t.code:
		case t.is("->") && !c.isArgs(i-1):
			c.denyMemory(t.start, "-> reads memory through a pointer")
		case t.is(".") && after.kind != kindNumber && !c.isArgs(i-1):
			c.denyMemory(t.start, ". may read memory through a pointer")
		case t.is("[") && before.kind != kindMap && !(before.kind == kindIdent && typeWords[before.text]) && !c.element(i):
			c.denyMemory(t.start, "[] may read memory through a pointer")
		case t.is("*") && (after.kind == kindPunct && strings.Contains(") , = ; { ] >", after.text)):
			c.denyMemory(t.start, "a pointer's type")
		case t.is("*") && !c.operand(i-1):
			c.denyMemory(t.start, "* reads memory through a pointer")
		case t.is("&") && !c.twice(i, "&") && !c.twice(i-1, "&") && !c.operand(i-1):
			c.denyMemory(t.start, "& makes a pointer")
		case t.is("&") && c.twice(i-1, "&") && !c.operand(i-2):
			c.denyMemory(t.start, "& makes a pointer")
		case t.kind == kindIdent && pointers[t.text] && !before.is(".") && !before.is("->"):
			c.denyMemory(t.start, t.text+" is a pointer")
		}
	}
}

// at is a token, or an empty one beyond the ends.
func (c *checker) at(i int) token {
	if i < 0 || i >= len(c.tokens) {
		return token{kind: kindOther, match: -1}
	}
	return c.tokens[i]
}

// twice reports whether two of one sign stand at i with nothing between: &&.
func (c *checker) twice(i int, sign string) bool {
	return c.at(i).is(sign) && c.at(i+1).is(sign) && c.at(i+1).start == c.at(i).start+1
}

// isArgs reports whether a token is the builtin args.
func (c *checker) isArgs(i int) bool {
	t, before := c.at(i), c.at(i-1)
	return t.kind == kindIdent && t.text == "args" && !before.is(".") && !before.is("->") && !before.is("::")
}

// field is the name if tokens up to i are args.name.
func (c *checker) field(i int) (string, bool) {
	t, dot := c.at(i), c.at(i-1)
	return t.text, t.kind == kindIdent && (dot.is(".") || dot.is("->")) && c.isArgs(i-2)
}

// element reports whether the bracket at i takes an element by its number
// from a field that the event holds. bpftrace checks the bounds of numbers.
func (c *checker) element(i int) bool {
	name, ok := c.field(i - 1)
	return ok && c.at(i+1).kind == kindNumber && c.at(i+2).is("]") && c.inline(c.at(i).start, name)
}

// operand reports whether the token i ends a value, so that what follows is
// an operator between two.
func (c *checker) operand(i int) bool {
	t := c.at(i)
	switch t.kind {
	case kindIdent:
		return !words[t.text] || t.text == "true" || t.text == "false"
	case kindVar, kindParam, kindMap, kindNumber, kindString:
		return true
	}
	switch {
	case t.is("]"):
		return true
	case t.is(")"):
		return t.match >= 0 && !c.castLike(t.match, i)
	case t.is("+") && c.at(i-1).is("+"), t.is("-") && c.at(i-1).is("-"):
		b := c.at(i - 2)
		return b.kind == kindVar || b.kind == kindMap || b.is("]")
	}
	return false
}

// castLike reports whether the parentheses from open to end may be a cast, or
// belong to a keyword: if (x) *p = 1.
func (c *checker) castLike(open, end int) bool {
	if before := c.at(open - 1); before.kind == kindIdent {
		return words[before.text] && before.text != "sizeof" && before.text != "offsetof"
	}
	if open+2 == end {
		only := c.at(open + 1)
		return only.kind == kindIdent && (typeWords[only.text] || !c.role.Identifiers.permits(only.text))
	}
	for _, t := range c.tokens[open+1 : end] {
		if t.kind != kindIdent && t.kind != kindNumber && !t.is("*") && !t.is("[") && !t.is("]") && !t.is("(") && !t.is(")") && !t.is(",") {
			return false
		}
	}
	return true
}

// memoryCalls checks the functions that read through what they are given.
func (c *checker) memoryCalls() {
	if c.allMemory() {
		return
	}
	for _, call := range c.s.Calls {
		switch {
		case pointed[call.Name] && !c.harmless(call) && !c.argumentCall(call):
			c.denyMemory(call.Start.Offset, call.Name+"() reads memory through a pointer"+c.whyNot(call))
		case stringy[call.Name]:
			for _, arg := range call.Args {
				if !c.noPointer(call.Start.Offset, arg) {
					c.denyMemory(call.Start.Offset, call.Name+"() reads memory where "+arg+" is a pointer")
				}
			}
		}
	}
}

func (c *checker) harmless(call script.Call) bool {
	if len(call.Args) == 0 {
		return harmlessBare[call.Name]
	}
	arg := call.Args[0]
	name, isField := fieldText(arg)
	switch call.Name {
	case "str":
		t := scan(arg)
		literal := t.text == arg && (t.kind == kindString && len(arg) > 1 || t.kind == kindParam && arg != "$#")
		return literal || isField && c.inline(call.Start.Offset, name)
	case "buf", "macaddr": // buf with a size may read beyond the field
		return len(call.Args) == 1 && isField && c.inline(call.Start.Offset, name)
	case "join":
		return name == "argv" && c.onlyExec(call.Start.Offset)
	}
	return false
}

// noPointer reports whether an argument is plainly a value: a literal, a
// builtin, what a function gives, or a field that the event holds.
func (c *checker) noPointer(offset int, arg string) bool {
	if name, isField := fieldText(arg); isField {
		return c.inline(offset, name)
	}
	t := scan(arg)
	switch t.kind {
	case kindString, kindNumber, kindParam:
		return t.text == arg && arg != `"`
	case kindVar:
		return t.text == arg && c.variable(token{start: offset, text: arg}, 's', c.value) != notArgument
	case kindIdent:
		return t.text == arg && arg != "args" || strings.HasPrefix(arg[len(t.text):], "(") && closes(arg[len(t.text):])
	}
	return false
}

// value tells whether the tokens from..to, which are assigned, are no pointer.
func (c *checker) value(from, to int) source {
	last := c.at(to - 1)
	text := c.s.Source[c.at(from).start : last.start+len(last.text)]
	if c.at(from).kind != kindVar && c.noPointer(c.at(from).start, text) {
		return plainValue
	}
	return notArgument
}

// closes reports whether the parenthesis that opens a text is closed by its
// last character.
func closes(s string) bool {
	depth := 0
	for i := 0; i < len(s); {
		n := max(blank(s[i:]), 0)
		if n == 0 {
			t := scan(s[i:])
			switch {
			case t.is("("):
				depth++
			case t.is(")"):
				depth--
			}
			n = len(t.text)
		}
		if i += n; depth == 0 {
			return i == len(s)
		}
	}
	return false
}

// fieldText is the field's name if text is args.name or args->name.
func fieldText(text string) (string, bool) {
	rest, ok := strings.CutPrefix(text, "args")
	if !ok {
		return "", false
	}
	name, ok := strings.CutPrefix(rest, ".")
	if !ok {
		name, ok = strings.CutPrefix(rest, "->")
	}
	return name, ok && name != "" && letter(name[0]) && word(name, 0) == len(name)
}

// probeAt finds the attach points of the probe around an offset, nil outside.
func (c *checker) probeAt(offset int) (points []point) {
	for _, p := range c.points {
		if pr := c.s.Probes[p.probe]; pr.Start.Offset <= offset && offset < pr.End.Offset {
			points = append(points, p)
		}
	}
	return points
}

// inline reports whether the events of all attach points around the offset
// hold the field themselves, and it is no copy of user memory.
func (c *checker) inline(offset int, field string) bool {
	points := c.probeAt(offset)
	for _, p := range points {
		if c.req.Fields == nil || p.ap.Provider != "tracepoint" || p.ap.Wildcard || p.maySyscall() || c.req.Fields(p.ap, field) != FieldInline {
			return false
		}
	}
	return len(points) > 0
}

func (p point) maySyscall() bool {
	return p.ap.Provider == "tracepoint" && (len(p.ap.Parts) == 0 || overlap("syscalls", p.ap.Parts[0], true))
}

func (c *checker) onlyExec(offset int) bool {
	points := c.probeAt(offset)
	for _, p := range points {
		if p.text != "tracepoint:syscalls:sys_enter_execve" && p.text != "tracepoint:syscalls:sys_enter_execveat" {
			return false
		}
	}
	return len(points) > 0
}

// userFields finds what newer kernels copy from user memory into the events
// of system calls (args.__filename_val), and args as a whole.
func (c *checker) userFields() {
	if c.allMemory() {
		return
	}
	for i, t := range c.tokens {
		if !t.code {
			continue
		}
		if next := c.at(i + 1); c.isArgs(i) && !next.is(".") && !next.is("->") {
			c.denyMemory(t.start, "args as a whole")
		}
		name, ok := c.field(i)
		if !ok || !strings.HasPrefix(name, "__") || name == "__syscall_nr" {
			continue
		}
		points := c.probeAt(t.start)
		for _, p := range points {
			if p.maySyscall() {
				c.denyMemory(t.start, "args."+name+" is a copy of user memory")
			}
		}
		if len(points) == 0 { // in a macro
			c.denyMemory(t.start, "args."+name+" may be a copy of user memory")
		}
	}
}
