package script

import (
	"sort"
	"strings"
)

// statements that are also words: never listed as identifiers.
var keywords = map[string]bool{
	"if": true, "else": true, "while": true, "for": true, "unroll": true, "return": true,
	"break": true, "continue": true, "let": true, "in": true, "comptime": true, "macro": true,
	"fn": true, "import": true, "config": true,
	"struct": true, "union": true, "enum": true, "typedef": true,
	"true": true, "false": true, "sizeof": true, "offsetof": true, "typeof": true,
}

// analyse fills in the Script from the trees.
func (p *parser) analyse() {
	in := newInference(p)
	for i := range p.bodies {
		b := &p.bodies[i]
		for _, root := range []*node{b.pred, b.code} {
			walk(root, p.list1)
			in.gather(root, b)
		}
	}
	for _, n := range p.decls {
		walk(n, p.list1)
		in.declare(n)
	}
	for _, n := range p.orphans {
		walk(n, func(n *node) {
			p.list1(n)
			if n.op == opMap {
				in.tornMap(n.name, n.start)
			}
		})
	}
	for _, n := range p.asides {
		walk(n, p.list1)
	}
	p.listTorn(in)
	in.run()
	p.s.Maps = in.maps()
	p.outputs(in)

	s := p.s
	sort.SliceStable(s.Calls, func(i, j int) bool { return s.Calls[i].Start.Offset < s.Calls[j].Start.Offset })
	sort.SliceStable(s.Identifiers, func(i, j int) bool { return s.Identifiers[i].Offset < s.Identifiers[j].Offset })
	sort.SliceStable(s.Outputs, func(i, j int) bool { return s.Outputs[i].Start.Offset < s.Outputs[j].Start.Offset })
	sort.SliceStable(s.Unclear, func(i, j int) bool { return s.Unclear[i].Offset < s.Unclear[j].Offset })
}

// list1 puts one node into the lists of calls, identifiers and parameters.
func (p *parser) list1(n *node) {
	switch n.op {
	case opCall:
		p.s.Calls = append(p.s.Calls, p.call(n))
	case opIdent:
		if !keywords[n.name] {
			p.s.Identifiers = append(p.s.Identifiers, Identifier{p.lines.pos(n.start), n.name})
		}
	case opParam:
		p.param(n.name)
	case opParamCount:
		p.s.HasParamCount = true
	}
}

func (p *parser) call(n *node) Call {
	c := Call{Span: p.lines.span(n.start, n.end), Name: n.name}
	for _, k := range n.kids {
		c.Args = append(c.Args, p.text(k))
	}
	return c
}

func (p *parser) param(digits string) {
	if v, ok := parseUint(digits); ok {
		p.s.Params = max(p.s.Params, int(min(v, 1<<30)))
	}
}

// listTorn lists what stands in code that no statement could use, so that
// nothing called there is overlooked.
func (p *parser) listTorn(in *inference) {
	for i, t := range p.torn {
		switch t.kind {
		case tokIdent:
			switch {
			case i+1 < len(p.torn) && p.torn[i+1].is("("):
				p.s.Calls = append(p.s.Calls, Call{Span: p.lines.span(t.start, t.end), Name: t.text})
			case !keywords[t.text] && (i == 0 || !p.torn[i-1].is(".") && !p.torn[i-1].is("->")):
				p.s.Identifiers = append(p.s.Identifiers, Identifier{p.lines.pos(t.start), t.text})
			}
		case tokMap:
			in.tornMap(t.text, t.start)
		case tokParam:
			p.param(t.text[1:])
		case tokParamCount:
			p.s.HasParamCount = true
		}
	}
}

// printers are the calls that print, and whether their first argument is a
// printf format.
var printers = map[string]bool{
	"printf": true, "errorf": true, "warnf": true, "debugf": true, "system": true, "cat": true,
	"print": false, "time": false, "join": false,
}

func (p *parser) outputs(in *inference) {
	for i := range p.bodies {
		b := &p.bodies[i]
		for _, root := range []*node{b.pred, b.code} {
			walk(root, func(n *node) {
				formatted, prints := printers[n.name]
				if n.op != opCall || !prints {
					return
				}
				o := Output{Call: p.call(n)}
				if formatted && len(n.kids) > 0 && n.kids[0].op == opString {
					o.Format, o.HasFormat = n.kids[0].name, true
					o.pieces = splitFormat(o.Format)
					o.Fields = p.fields(in, b, o.pieces, n.kids[1:])
				}
				p.s.Outputs = append(p.s.Outputs, o)
			})
		}
	}
}

// fields pairs the conversions of a format with the arguments.
func (p *parser) fields(in *inference, b *body, pieces []formatPiece, args []*node) []Conversion {
	var list []Conversion
	names := namer{}
	for _, piece := range pieces {
		if piece.verb == "" {
			continue
		}
		c := Conversion{Spec: piece.text, Verb: piece.verb}
		i := len(list)
		if i < len(args) {
			c.Expr = p.text(args[i])
			c.Type = in.typeOf(args[i], b)
			c.Name = names.take(nameOf(args[i]))
			if args[i].op == opString && len(args[i].name) < 60 { // longer ones are cut
				c.literal = &args[i].name
			}
		}
		if c.Name == "" {
			c.Name = names.take("arg" + itoa(i))
		}
		list = append(list, c)
	}
	return list
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + string(rune('0'+i%10))
}

// parseUint reads an integer as bpftrace writes them: 10, 0x1f, 1_000, 1e6.
func parseUint(s string) (uint64, bool) {
	s = strings.TrimRight(strings.ReplaceAll(s, "_", ""), "uUlL")
	base := uint64(10)
	if len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") {
		base, s = 16, s[2:]
	}
	var v uint64
	for i := 0; i < len(s); i++ {
		d := hexDigit(s[i])
		if base == 10 && (s[i] == 'e' || s[i] == 'E') && i > 0 {
			exp, ok := parseUint(s[i+1:])
			for ; ok && exp > 0; exp-- {
				if v > (1<<64-1)/10 {
					return 0, false
				}
				if v *= 10; v == 0 {
					break
				}
			}
			return v, ok
		}
		if d < 0 || uint64(d) >= base || v > (1<<64-1-uint64(d))/base {
			return 0, false
		}
		v = v*base + uint64(d)
	}
	return v, s != ""
}
