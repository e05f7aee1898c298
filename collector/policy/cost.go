package policy

import (
	"fmt"
	"sort"
	"strconv"

	"tracecar/parser/script"
)

const (
	// tokensPerStatement: a statement of more than this counts as several.
	tokensPerStatement = 20
	maxMacros          = 100
	maxHeader          = 20 // tokens before a loop's brace
	// many is where counting stops.
	many = 1 << 30
	// defaultMapKeys is bpftrace's own bound of a map.
	defaultMapKeys = 4096
)

// nesting bounds brackets in brackets: each level costs the compiler stack.
func (c *checker) nesting() {
	for _, t := range c.tokens {
		switch {
		case c.role.MaxNesting > 0 && t.depth > c.role.MaxNesting:
			c.denyAt(t.start, RuleSize, "nested too deeply", fmt.Sprintf("%d brackets in brackets", c.role.MaxNesting))
			c.tooDeep = true
			return
		case t.match < 0 && t.kind == kindPunct && (t.text == "{" || t.text == "}" || t.text == "(" || t.text == ")" || t.text == "[" || t.text == "]"):
			c.denyAt(t.start, RuleUnclear, t.text+" has no other half", "")
		}
	}
}

// maps bounds how many maps there are, and the sizes that they declare.
func (c *checker) maps() {
	if n := len(c.s.Maps); c.role.MaxMaps > 0 && n > c.role.MaxMaps {
		c.deny(c.s.Maps[c.role.MaxMaps].Pos, RuleMaps, fmt.Sprintf("%d maps", n), strconv.Itoa(c.role.MaxMaps))
	}
	for _, call := range c.s.Calls {
		if !mapTypes[call.Name] || c.role.MaxMapKeys == 0 {
			continue
		}
		n := -1
		if len(call.Args) == 1 {
			n = c.number(call.Args[0])
		}
		if n < 0 || n > c.role.MaxMapKeys {
			c.deny(call.Start, RuleMaps, call.Name+" of "+fmt.Sprint(call.Args)+" keys", fmt.Sprintf("a number up to %d", c.role.MaxMapKeys))
		}
	}
}

// number reads a decimal number or a parameter that is one; -1 for all else.
func (c *checker) number(text string) int {
	if len(text) > 1 && text[0] == '$' {
		i, err := strconv.Atoi(text[1:])
		if err != nil || i < 1 || i > len(c.req.Args) {
			return -1
		}
		text = c.req.Args[i-1]
	}
	if text == "" || text[0] == '0' && text != "0" {
		return -1
	}
	for i := range len(text) {
		if !digit(text[i]) {
			return -1
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > many {
		return many
	}
	return n
}

// A frame is one pair of braces.
type frame struct {
	end        int // index of the closing brace
	passes     int // of the unrolls around
	iterations int // of the loops around
}

// blocks counts statements as often as they are unrolled, and the passes of
// loops in loops.
func (c *checker) blocks() {
	macros := map[string]int{} // statements in each
	for range min(len(c.s.Macros)+len(c.s.Functions), maxMacros) {
		for _, list := range [][]script.Definition{c.s.Macros, c.s.Functions} {
			for _, d := range list {
				macros[d.Name] = c.count(d.Start.Offset, d.End.Offset, macros, d.Name)
			}
		}
	}
	if n := len(c.s.Macros) + len(c.s.Functions); c.role.MaxStatements > 0 && n > maxMacros {
		c.deny(script.Pos{}, RuleSize, fmt.Sprintf("%d macros and functions", n), strconv.Itoa(maxMacros))
	}
	total := 0
	for _, p := range c.s.Probes {
		n := c.count(p.Start.Offset, p.End.Offset, macros, "")
		c.statements = append(c.statements, n)
		total = min(total+n, many)
	}
	for _, n := range macros {
		total = min(total+n, many)
	}
	if c.role.MaxStatements > 0 && total > c.role.MaxStatements {
		c.deny(script.Pos{}, RuleSize, fmt.Sprintf("%d statements after unrolling", total), strconv.Itoa(c.role.MaxStatements))
	}
}

// count counts the statements between two offsets; self is the macro that
// stands there, "" for a probe.
func (c *checker) count(from, to int, macros map[string]int, self string) int {
	statements, tokens, passes := 0, 0, 0
	frames := []frame{{end: len(c.tokens), passes: 1, iterations: 1}}
	opens := map[int]frame{} // by the index of the brace
	first := sort.Search(len(c.tokens), func(i int) bool { return c.tokens[i].start >= from })
	for i := first; i < len(c.tokens) && c.tokens[i].start < to; i++ {
		t := c.tokens[i]
		for len(frames) > 1 && i >= frames[len(frames)-1].end {
			frames = frames[:len(frames)-1]
		}
		now := frames[len(frames)-1]
		tokens += now.passes
		before := c.at(i - 1)
		isWord := t.kind == kindIdent && t.code && !before.is(".") && !before.is("->")
		switch {
		case t.is("{"):
			f, ok := opens[i]
			if !ok {
				f = now
			}
			f.end = t.match
			frames = append(frames, f)
			statements += now.passes
		case t.is(";"):
			statements += now.passes
		case isWord && t.text == "unroll":
			brace, f := c.unroll(i, now)
			opens[brace] = f
		case isWord && t.text == "for":
			if self != "" {
				c.denyAt(t.start, RuleLoop, "a loop in a macro or function", "")
			}
			brace, f := c.loop(i, now)
			opens[brace] = f
			c.passes(i, &passes, f)
		case isWord && macros[t.text] > 0 && t.text != self:
			statements += min(macros[t.text], many/now.passes) * now.passes
		}
		if statements > many || tokens > many {
			return many
		}
	}
	return statements + tokens/tokensPerStatement
}

// unroll reads unroll (N) { at token i, and gives the index of the brace.
func (c *checker) unroll(i int, now frame) (int, frame) {
	brace, count := i+2, c.at(i+1)
	if count.is("(") && c.at(i+3).is(")") {
		brace, count = i+4, c.at(i+2)
	}
	n := -1
	if count.kind == kindNumber || count.kind == kindParam {
		n = c.number(count.text)
	}
	limit := c.role.MaxUnroll
	switch start := c.tokens[i].start; {
	case limit == 0 && n >= 0:
	case n < 0 || !c.at(brace).is("{"):
		c.denyAt(start, RuleUnroll, "an unroll whose count is no plain number", fmt.Sprintf("unroll (N) with N up to %d", limit))
		n = 0
	case n > limit:
		c.denyAt(start, RuleUnroll, fmt.Sprintf("unroll of %d", n), fmt.Sprintf("up to %d", limit))
	case now.passes > 1:
		c.denyAt(start, RuleUnroll, "an unroll in an unroll", "")
	}
	now.passes = min(max(n, 2), many/now.passes) * now.passes
	return brace, now
}

// loop reads for ($i : from..to) { and for ($kv : @map) { at token i.
func (c *checker) loop(i int, now frame) (int, frame) {
	depth, brace := c.tokens[i].depth, i+1
	for ; !(c.at(brace).is("{") && c.at(brace).depth == depth); brace++ {
		if brace > i+maxHeader {
			break
		}
	}
	var over []token
	for k := i + 1; k < min(brace, len(c.tokens)); k++ {
		if t := c.tokens[k]; t.is(":") || t.kind == kindIdent && t.text == "in" {
			over = c.tokens[k+1 : min(brace, len(c.tokens))]
			break
		}
	}
	if len(over) > 0 && over[len(over)-1].is(")") && c.at(i+1).is("(") {
		over = over[:len(over)-1]
	}
	passes := -1
	switch {
	case len(over) == 1 && over[0].kind == kindMap:
		if passes = c.role.MaxMapKeys; passes == 0 {
			passes = defaultMapKeys
		}
	case len(over) == 3 && over[1].is(".."):
		from, to := c.number(over[0].text), c.number(over[2].text)
		if from >= 0 && to >= 0 {
			passes = max(to-from, 1)
		}
	}
	limit := c.role.MaxIterations
	if limit == 0 {
		return brace, now
	}
	if passes < 0 {
		c.denyAt(c.tokens[i].start, RuleLoop, "a loop whose passes cannot be told", fmt.Sprintf("for ($kv : @map), for ($i : 0..%d)", limit))
		return brace, now
	}
	now.iterations = min(passes, many/now.iterations) * now.iterations
	return brace, now
}

// passes adds up what the loops of one body take, those in loops multiplied.
func (c *checker) passes(i int, sum *int, f frame) {
	*sum += min(f.iterations, many/f.passes) * f.passes
	*sum = min(*sum, many)
	if limit := c.role.MaxIterations; limit > 0 && *sum > limit {
		c.denyAt(c.tokens[i].start, RuleLoop, fmt.Sprintf("%d passes of loops up to here", *sum), strconv.Itoa(limit))
	}
}
