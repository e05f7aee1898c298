package script

import (
	"sort"
	"strings"
)

// aggregations are the functions that fill a map.
var aggregations = map[string]MapKind{
	"count": KindCount, "sum": KindSum, "min": KindMin, "max": KindMax, "avg": KindAvg,
	"stats": KindStats, "hist": KindHist, "lhist": KindLhist, "tseries": KindTSeries,
}

// mapReaders are the functions that take a whole map and leave its shape alone.
var mapReaders = map[string]bool{
	"print": true, "clear": true, "zero": true, "delete": true, "len": true, "has_key": true,
	"sizeof": true, "typeof": true, "typeinfo": true, "is_map": true,
}

// gather collects the uses of maps and variables below n.
func (in *inference) gather(n *node, b *body) {
	if n == nil {
		return
	}
	kids := n.kids
	switch n.op {
	case opAssign:
		in.assign(n, b)
		if n.kids[0].op == opMap {
			kids = append(append([]*node(nil), n.kids[0].kids...), n.kids[1])
		}
	case opIncrement:
		switch k := n.kids[0]; k.op {
		case opMap:
			in.fill(n, k, KindValue, nil, b, in.p.text(n))
			kids = k.kids
		case opVar:
			v := in.variable(b, k.name)
			v.from = append(v.from, source{typ: &Type{Kind: TypeInt, Bits: 64, Signed: true}})
		}
	case opLet:
		in.let(n, b)
	case opFor:
		v := in.variable(b, n.kids[0].name)
		v.from = append(v.from, source{n: n.kids[1], over: true})
		if over := n.kids[1]; over.op == opMap && len(over.kids) == 0 {
			in.mention(over, b)
			kids = []*node{n.kids[2]}
		}
	case opCall:
		kids = in.callUses(n, b)
	case opMap:
		in.use(n, n.kids, b, false)
	}
	for _, k := range kids {
		in.gather(k, b)
	}
}

// mention notes a map that is named without saying how it is keyed.
func (in *inference) mention(n *node, b *body) *mapInfo {
	if _, param := b.params[n.name]; !param {
		return in.info(n.name, n.start)
	}
	k := varKey{b, n.name}
	if in.params[k] == nil {
		in.params[k] = &mapInfo{name: n.name}
	}
	return in.params[k]
}

// follow adds to m what macros do to it when it is handed to them.
func (in *inference) follow(m *mapInfo, passed []mapPass, seen map[*mapInfo]bool) {
	for _, pass := range passed {
		if in.followed[pass] == m {
			continue
		}
		in.followed[pass] = m
		for _, i := range in.p.macros[pass.macro] {
			b := &in.p.bodies[i]
			if len(b.order) != pass.of {
				continue
			}
			inner := in.params[varKey{b, b.order[pass.index]}]
			if inner == nil || seen[inner] {
				continue
			}
			seen[inner] = true
			m.uses = append(m.uses, inner.uses...)
			m.fills = append(m.fills, inner.fills...)
			m.unclear = m.unclear || inner.unclear
			in.follow(m, inner.passed, seen)
		}
	}
}

func (in *inference) use(n *node, keys []*node, b *body, fill bool) *mapInfo {
	m := in.mention(n, b)
	m.uses = append(m.uses, mapUse{n, keys, b, fill})
	for _, k := range keys {
		if k.op == opBad {
			m.unclear = true
		}
	}
	return m
}

// callUses handles the arguments of a call and returns those left to visit.
func (in *inference) callUses(n *node, b *body) []*node {
	var rest []*node
	for i, k := range n.kids {
		if k.op != opMap || len(k.kids) > 0 {
			rest = append(rest, k)
			continue
		}
		switch {
		case n.name == "find" && i == 0 && len(n.kids) == 3: // find(@m, key, $value)
			in.use(k, n.kids[1:2], b, false)
			if v := n.kids[2]; v.op == opVar {
				to := in.variable(b, v.name)
				to.from = append(to.from, source{n: k})
			}
		case (n.name == "delete" || n.name == "has_key") && i == 0 && len(n.kids) > 1:
			in.use(k, n.kids[1:], b, false)
		case mapReaders[n.name]:
			in.mention(k, b)
		case in.p.macros[n.name] != nil:
			m := in.mention(k, b)
			m.passed = append(m.passed, mapPass{n.name, i, len(n.kids)})
		default:
			rest = append(rest, k)
		}
	}
	return rest
}

func (in *inference) assign(n *node, b *body) {
	left, right := n.kids[0], n.kids[1]
	switch left.op {
	case opVar:
		v := in.variable(b, left.name)
		if n.name == "=" {
			v.from = append(v.from, source{n: right})
		} else {
			v.from = append(v.from, source{typ: &Type{Kind: TypeInt, Bits: 64, Signed: true}})
		}
	case opMap:
		kind := KindValue
		rhs := right
		if n.name != "=" {
			rhs = nil
			if t := right; t.op == opString { // @s += "x"
				rhs = right
			}
		} else if agg, ok := aggregations[right.name]; ok && right.op == opCall {
			kind = agg
		}
		in.fill(n, left, kind, rhs, b, in.p.text(right))
	}
}

func (in *inference) fill(stmt, left *node, kind MapKind, rhs *node, b *body, expr string) {
	m := in.use(left, left.kids, b, true)
	if rhs != nil && rhs.op == opBad {
		m.unclear = true
	}
	m.fills = append(m.fills, mapFill{stmt, kind, rhs, left.kids, b, expr})
}

func (in *inference) let(n *node, b *body) {
	left := n.kids[0]
	if left.op != opVar {
		return
	}
	v := in.variable(b, left.name)
	if n.ctype != "" {
		t := cType(n.ctype)
		v.from = append(v.from, source{typ: &t})
		v.ctype = n.ctype
	}
	if len(n.kids) > 1 {
		v.from = append(v.from, source{n: n.kids[1]})
	}
}

// maps makes the list of maps, in order of first appearance.
func (in *inference) maps() []Map {
	sort.SliceStable(in.order, func(i, j int) bool { return in.order[i].first < in.order[j].first })
	var list []Map
	for _, m := range in.order {
		list = append(list, in.makeMap(m))
	}
	return list
}

func (in *inference) makeMap(m *mapInfo) Map {
	out := Map{
		Name: m.name, Pos: in.p.lines.pos(m.first), Kind: m.kind(),
		KeyUnclear: m.arity || m.unclear,
	}
	if m.value != nil {
		out.Value = *m.value
	}
	if len(m.key) > 0 {
		out.Keys = in.keyParts(m)
	}
	for _, f := range m.fills {
		a := Assign{Span: in.p.lines.span(f.stmt.start, f.stmt.end), Kind: f.kind, Expr: f.expr}
		for _, k := range keyNodes(f.keys, len(m.key)) {
			a.Key = append(a.Key, in.p.text(k))
		}
		if f.kind != KindValue {
			for _, k := range f.rhs.kids {
				a.Args = append(a.Args, in.p.text(k))
			}
		}
		out.Assigns = append(out.Assigns, a)
	}
	return out
}

// keyNodes gives the expressions of a key's parts: the elements where the key
// is one literal tuple.
func keyNodes(keys []*node, arity int) []*node {
	if len(keys) == 1 && keys[0].op == opTuple && len(keys[0].kids) == arity {
		return keys[0].kids
	}
	return keys
}

// keyParts names the parts after the first use that fills the map, or the
// first use at all.
func (in *inference) keyParts(m *mapInfo) []KeyPart {
	uses := append([]mapUse(nil), m.uses...)
	sort.SliceStable(uses, func(i, j int) bool {
		if uses[i].fill != uses[j].fill {
			return uses[i].fill
		}
		return uses[i].n.start < uses[j].n.start
	})
	parts := make([]KeyPart, len(m.key))
	names := namer{}
	for i := range parts {
		parts[i].Type = m.key[i]
		var name string
		for _, u := range uses {
			nodes := keyNodes(u.keys, len(parts))
			if len(nodes) != len(parts) {
				if len(nodes) == 1 && parts[i].Expr == "" { // a variable that holds a tuple
					parts[i].Expr = in.p.text(nodes[0]) + "." + itoa(i)
				}
				continue
			}
			if parts[i].Expr == "" {
				parts[i].Expr = in.p.text(nodes[i])
			}
			if name == "" {
				name = nameOf(nodes[i])
			}
		}
		parts[i].Name = names.take(strings.TrimSpace(name))
	}
	return parts
}
