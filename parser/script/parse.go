package script

import (
	"strings"
)

const (
	// maxHeight bounds the nesting of expressions and blocks. bpftrace
	// itself gets to about a thousand levels.
	maxHeight = 400
	// maxUnclear bounds len(Script.Unclear).
	maxUnclear = 100
	// maxExpanded bounds the tokens that #define may put into one script.
	maxExpanded = 20000
)

// Parse reads a script. It never fails: what it could not make sense of is
// listed in Unclear, and what hangs on that is marked in the maps. Time and
// memory are linear in the length of the source.
func Parse(source string) *Script { return ParseWith(source, nil) }

// ParseWith is Parse with what the kernel tells about the fields of args;
// fields may be nil.
func ParseWith(source string, fields Fields) *Script {
	p := &parser{
		argFields: fields,
		s:         &Script{Source: source},
		lines:     newLines(source),
		defines:   map[string][]token{},
		macros:    map[string][]int{},
		reported:  map[int]bool{},
		structs:   map[string]map[string]string{},
		enums:     map[string]bool{},
	}
	p.lex = lexer{src: source, report: p.unclear}
	p.program()
	p.analyse()
	return p.s
}

// parser builds the syntax tree of a script.
type parser struct {
	s         *Script
	argFields Fields
	lines     lines
	lex       lexer
	// ahead are tokens read and not yet taken; those of an expanded #define
	// stand here too.
	ahead []token
	// lastEnd is where the last token taken ended.
	lastEnd  int
	depth    int
	inPred   bool
	defines  map[string][]token
	expanded int
	// conditional counts the #if lines that are open.
	conditional int
	reported    map[int]bool

	bodies []body
	// macros finds the bodies of a macro; several differ in their parameters.
	macros map[string][]int
	// decls are the map declarations at top level: let @m = hash(10).
	decls []*node
	// torn are the tokens that no statement could use.
	torn []token
	// orphans are trees cut off where the nesting got too deep.
	orphans []*node
	// asides are expressions in types.
	asides []*node
	// structs holds the members of the C definitions: "struct foo" → name →
	// type; enums their enumerators.
	structs map[string]map[string]string
	enums   map[string]bool
}

// body is the code of one probe, macro or fn.
type body struct {
	probe int // index into Script.Probes, -1
	pred  *node
	code  *node
	// params are the names of a macro's or function's parameters.
	params map[string]string // name → declared type
	order  []string          // the names as written
	name   string
	macro  bool
}

func (p *parser) unclear(offset int, message string) {
	if p.reported[offset] || len(p.s.Unclear) >= maxUnclear {
		return
	}
	p.reported[offset] = true
	p.s.Unclear = append(p.s.Unclear, Unclear{p.lines.pos(offset), message})
}

// peekN returns the token n places ahead, expanding #defines.
func (p *parser) peekN(n int) token {
	for len(p.ahead) <= n {
		t := p.lex.next()
		if t.kind == tokIdent && len(p.defines) > 0 {
			if def, ok := p.defines[t.text]; ok && !p.callFollows() && !builtins[t.text] {
				p.ahead = p.expand(p.ahead, t, def, 0)
				continue
			}
		}
		p.ahead = append(p.ahead, t)
	}
	return p.ahead[n]
}

// callFollows reports whether a parenthesis is next: the name of a call is
// never taken for a #define.
func (p *parser) callFollows() bool {
	l := p.lex
	l.report = func(int, string) {}
	l.skipSpace()
	return l.pos < len(l.src) && l.src[l.pos] == '('
}

// expand appends the tokens that a #define puts in the place of t. The lexer
// of bpftrace pushes the text back and reads it again, so macros in macros
// are expanded too; one that names itself is left as it is.
func (p *parser) expand(to []token, t token, def []token, depth int) []token {
	for _, d := range def {
		if p.expanded++; p.expanded > maxExpanded || depth > 20 {
			p.unclear(t.start, "#define "+t.text+" grows too long")
			return to
		}
		if inner, ok := p.defines[d.text]; ok && d.kind == tokIdent && d.text != t.text {
			to = p.expand(to, token{start: t.start, end: t.end, text: d.text}, inner, depth+1)
			continue
		}
		to = append(to, token{kind: d.kind, start: t.start, end: t.end, text: d.text, expanded: true})
	}
	return to
}

func (p *parser) peek() token { return p.peekN(0) }

func (p *parser) take() token {
	t := p.peekN(0)
	p.ahead = p.ahead[1:]
	if len(p.ahead) == 0 {
		p.ahead = nil
	}
	if t.kind != tokEOF {
		p.lastEnd = t.end
	}
	return t
}

// accept takes the next token if it is the punctuation s.
func (p *parser) accept(s string) bool {
	if p.peek().is(s) {
		p.take()
		return true
	}
	return false
}

// expect takes the punctuation s or says that it is missing.
func (p *parser) expect(s string) bool {
	if p.accept(s) {
		return true
	}
	p.fail("expected " + s)
	return false
}

// fail reports the next token as one that does not fit.
func (p *parser) fail(message string) {
	t := p.peek()
	if t.kind == tokEOF {
		p.unclear(t.start, message+", found the end of the script")
		return
	}
	p.unclear(t.start, message+", found "+clip(t.text))
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// rewind forgets tokens read ahead: what follows is not bpftrace code.
func (p *parser) rewind() {
	if len(p.ahead) > 0 {
		p.lex.pos = p.ahead[0].start
		if p.ahead[0].expanded {
			p.lex.pos = p.ahead[0].end
		}
		p.ahead = nil
	}
}

// node makes a node of the extent from start to the last token taken.
func (p *parser) node(op nodeOp, start int, name string, kids ...*node) *node {
	n := &node{op: op, start: start, end: max(p.lastEnd, start), name: name, kids: kids}
	n.outerStart, n.outerEnd = n.start, n.end
	for _, k := range kids {
		if k != nil && k.height >= n.height {
			n.height = k.height + 1
		}
	}
	if n.height > maxHeight {
		p.unclear(start, "nested too deeply")
		p.orphans = append(p.orphans, kids...)
		n.op, n.kids, n.height = opBad, nil, 0
	}
	return n
}

// text is the source of a node, without the white space around it.
func (p *parser) text(n *node) string {
	if n == nil {
		return ""
	}
	return strings.TrimSpace(p.s.Source[n.outerStart:n.outerEnd])
}
