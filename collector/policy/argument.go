package policy

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"tracecar/parser/script"
)

// A source is where a pointer comes from.
type source uint8

const (
	notArgument source = iota
	// systemCall is a pointer that a process hands to a system call, function
	// one that it hands to a function or gets from it: both are the process's
	// own memory, and bpftrace reads nothing else through them.
	systemCall
	function
	// kernelText is a pointer to characters in an event of the kernel.
	kernelText
	// plainValue is no pointer at all.
	plainValue
)

// argument tells whether the tokens from..to are an argument of the event
// that the probe around them is at, as it stands there: args.filename, arg0,
// retval.
func (c *checker) argument(from, to int) source {
	points := c.probeAt(c.at(from).start)
	first := c.at(from)
	if len(points) == 0 || first.kind != kindIdent {
		return notArgument
	}
	before := c.at(from - 1)
	if before.is(".") || before.is("->") || before.is("::") || c.own(first.text) {
		return notArgument
	}
	all := notArgument
	for i, p := range points {
		s := notArgument
		switch {
		case to == from+3 && first.text == "args":
			if name, ok := c.field(from + 2); ok {
				s = c.fieldSource(p, name)
			}
		case to != from+1:
		case argN(first.text) && (p.ap.Provider == "uprobe" || p.ap.Provider == "usdt"),
			first.text == "retval" && p.ap.Provider == "uretprobe":
			s = function
		}
		if s == notArgument || i > 0 && s != all {
			return notArgument
		}
		all = s
	}
	return all
}

func argN(name string) bool {
	return len(name) == 4 && strings.HasPrefix(name, "arg") && digit(name[3])
}

// fieldSource is what args.NAME is at one attach point. That a tracepoint's
// field is a pointer is the kernel's word: its numbers are refused.
func (c *checker) fieldSource(p point, name string) source {
	switch p.ap.Provider {
	case "uprobe":
		return function
	case "tracepoint":
	default:
		return notArgument
	}
	if c.req.Fields == nil || len(p.ap.Parts) != 2 {
		return notArgument
	}
	kind := c.req.Fields(p.ap, name)
	switch {
	case p.ap.Parts[0] == "syscalls" && (kind == FieldPointer || kind == FieldText):
		return systemCall
	case kind == FieldText && !p.maySyscall():
		return kernelText
	}
	return notArgument
}

// pointer tells whether the tokens from..to are a pointer that an event's
// argument holds: the argument itself, or a variable or map that was never
// given anything else.
func (c *checker) pointer(from, to int) source {
	t := c.at(from)
	switch {
	case t.kind == kindVar && to == from+1:
		return c.variable(t, 'p', c.argument)
	case t.kind == kindMap && c.at(from+1).is("[") && c.at(from+1).match+1 == to:
		return c.mapped(from)
	}
	return c.argument(from, to)
}

// held is a variable of one probe, or a map (probe -1), and what of it was asked.
type held struct {
	probe int
	name  string
	asked byte
}

// once asks of each variable and map once: a script may name one thousands of times.
func (c *checker) once(h held, ask func() source) source {
	s, ok := c.held[h]
	if !ok {
		s = ask()
		c.held[h] = s
	}
	return s
}

// variable tells what the variable at t holds, if each assignment to it in
// its probe qualifies and nothing else changes it. Blocks that hide a
// variable of the same name count as the same.
func (c *checker) variable(t token, asked byte, value func(from, to int) source) source {
	n := c.probeOf(t.start)
	if n < 0 || c.macros() {
		return notArgument
	}
	return c.once(held{n, t.text, asked}, func() source { return c.assignments(t, c.s.Probes[n], value) })
}

func (c *checker) assignments(t token, probe script.Probe, value func(from, to int) source) source {
	all := notArgument
	for i, u := range c.tokens {
		if u.kind != kindVar || u.text != t.text || u.start < probe.Start.Offset || u.start >= probe.End.Offset {
			continue
		}
		if c.at(i-1).kind == kindIdent && c.at(i-1).text == "let" && c.at(i+1).is(";") {
			continue
		}
		s, assigns := c.assigned(i, i+1, value)
		switch {
		case !assigns && c.onlyRead(i, i+1):
		case !assigns || s == notArgument || all != notArgument && s != all:
			return notArgument
		default:
			all = s
		}
	}
	return all
}

// mapped tells what the map at token i holds: of the thread or process that
// is its key, each assignment anywhere a pointer of that process's own. It is
// read where it was written: in probes of the same kind.
func (c *checker) mapped(i int) source {
	if c.macros() || !c.ownKey(i) {
		return notArgument
	}
	all := c.once(held{-1, c.at(i).text + "[" + c.at(i+2).text, 'p'}, func() source { return c.mapAssignments(c.at(i).text, c.at(i+2).text) })
	for _, p := range c.probeAt(c.at(i).start) {
		switch p.ap.Provider {
		case "uprobe", "uretprobe", "usdt":
			if all != function {
				return notArgument
			}
		case "tracepoint":
			if all != systemCall || len(p.ap.Parts) != 2 || p.ap.Parts[0] != "syscalls" {
				return notArgument
			}
		default:
			return notArgument
		}
	}
	return all
}

func (c *checker) mapAssignments(name, own string) source {
	all := notArgument
	for k, u := range c.tokens {
		if u.kind != kindMap || u.text != name {
			continue
		}
		end := k + 1
		if c.at(end).is("[") {
			if end = c.at(end).match + 1; end <= k {
				return notArgument
			}
		}
		s, assigns := c.assigned(k, end, c.argument)
		switch {
		case !assigns && c.onlyRead(k, end):
		case !assigns || s != systemCall && s != function || all != notArgument && s != all,
			!c.ownKey(k) || c.at(k+2).text != own:
			return notArgument
		default:
			all = s
		}
	}
	return all
}

// ownKey tells whether the key of the map at token i begins with the thread
// or the process that is there: a pointer means something to it alone.
func (c *checker) ownKey(i int) bool {
	key, after := c.at(i+2), c.at(i+3)
	return c.at(i+1).is("[") && key.kind == kindIdent && (key.text == "tid" || key.text == "pid") && (after.is("]") || after.is(","))
}

// assigned tells whether what stands at the tokens from..to is assigned to,
// by a plain "=", and what value says of the right-hand side.
func (c *checker) assigned(from, to int, value func(from, to int) source) (s source, ok bool) {
	before := c.at(from - 1)
	let := before.kind == kindIdent && before.text == "let"
	if !c.at(to).is("=") || c.at(to+1).is("=") || !let && !before.is(";") && !before.is("{") && !before.is("}") {
		return notArgument, false
	}
	depth := c.at(from).depth
	for i := to + 1; i < len(c.tokens); i++ {
		t := c.at(i)
		if (t.is(";") || t.is(",")) && t.depth == depth || t.is("}") && t.depth < depth {
			if t.is(",") || i == to+1 {
				return notArgument, true
			}
			return value(to+1, i), true
		}
	}
	return notArgument, true
}

// onlyRead tells whether the variable or map at the tokens from..to is plainly
// read and not changed, by the tokens around it and the calls that it is an
// argument of: macros of bpftrace's own can write to what they are handed.
func (c *checker) onlyRead(from, to int) bool {
	before, after := c.at(from-1), c.at(to)
	switch {
	case after.is(")"), after.is(","), after.is(";"), after.is("]"), after.is("}"), after.is("?"):
	case after.is("/") && !c.at(to+1).is("="):
	case c.twice(to, "="), c.twice(to, "&"), c.twice(to, "|"), after.is("!") && c.at(to+1).is("="):
	default:
		return false
	}
	switch {
	case before.is("("), before.is(","), before.is("["), before.is("="), before.is("!"), before.is("/"):
	case c.twice(from-2, "&"), c.twice(from-2, "|"):
	default:
		return false
	}
	for i := c.at(from).within; i >= 0; i = c.at(i).within {
		if name := c.at(i - 1); c.at(i).is("(") && name.kind == kindIdent && !readers[name.text] {
			return false
		}
	}
	return true
}

// readers are keywords and functions that leave alone what they are given.
var readers = set(`if str buf printf print strncmp usym ksym delete clear zero len has_key sum count hist lhist
	strlen strcap strstr strcontains str_concat`)

// macros tells whether the script defines any: what they do to what they are
// handed is not followed.
func (c *checker) macros() bool { return len(c.s.Macros)+len(c.s.Functions) > 0 }

// probeOf is the index of the probe around an offset, -1 outside.
func (c *checker) probeOf(offset int) int {
	return slices.IndexFunc(c.s.Probes, func(p script.Probe) bool { return p.Start.Offset <= offset && offset < p.End.Offset })
}

// firstArgument finds the tokens of a call's first argument.
func (c *checker) firstArgument(call script.Call) (from, to, args int) {
	i := sort.Search(len(c.tokens), func(i int) bool { return c.tokens[i].start >= call.Start.Offset })
	open := c.at(i + 1)
	if c.at(i).start != call.Start.Offset || c.at(i).text != call.Name || !open.is("(") || open.match <= i+2 {
		return 0, 0, 0
	}
	args, to = 1, open.match
	for k := open.match - 1; k > i+1; k-- {
		if u := c.at(k); u.is(",") && u.within == i+1 {
			args, to = args+1, k
		}
	}
	return i + 2, to, args
}

// argumentCall tells whether a call of str or buf reads what an argument of
// the event points to. How far it reads is for bpftrace's longest string to
// bound, whatever the script asks for.
func (c *checker) argumentCall(call script.Call) bool {
	if c.role.UserMemory != MemoryArguments {
		return false
	}
	from, to, args := c.firstArgument(call)
	if from == 0 {
		return false
	}
	s := c.pointer(from, to)
	switch call.Name {
	case "str":
		return s != notArgument && args <= 2
	case "buf":
		return (s == systemCall || s == function) && args == 2
	}
	return false
}

// whyNot names the argument of a call that is refused, where that helps.
func (c *checker) whyNot(call script.Call) string {
	if c.role.UserMemory != MemoryArguments || call.Name != "str" && call.Name != "buf" || len(call.Args) == 0 {
		return ""
	}
	what := clip(call.Args[0])
	switch from, to, args := c.firstArgument(call); {
	case from == 0:
		return ""
	case c.pointer(from, to) == kernelText:
		return ": of " + what + " only str() is allowed, which ends where the text does"
	case c.pointer(from, to) != notArgument:
		return fmt.Sprintf(": %d arguments", args)
	case c.at(from).kind == kindVar && to == from+1, c.at(from).kind == kindMap:
		return ": " + what + " may hold something else than an argument of the event"
	}
	return ": " + what + " is not an argument of the event"
}
