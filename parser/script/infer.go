package script

// inference finds the types of variables and maps. It goes over all that is
// assigned, several times, until nothing changes: types only get wider, so
// that ends soon.
type inference struct {
	p     *parser
	infos map[string]*mapInfo
	order []*mapInfo
	// params are the maps that macros take, by macro body and name.
	params map[varKey]*mapInfo
	// followed tells which map was last followed into a macro.
	followed map[mapPass]*mapInfo
	vars     map[varKey]*varInfo
	// varOrder keeps the passes in one order, and their result the same.
	varOrder []varKey
	pass     int
	changed  bool
	// frozen is set once types no longer change.
	frozen bool
}

type varKey struct {
	b    *body
	name string
}

// varInfo is a scratch variable of one probe.
type varInfo struct {
	typ   *Type // nil: nothing assigned yet
	ctype string
	from  []source
}

// source is what a variable is assigned.
type source struct {
	n    *node // an expression; nil: typ says it
	typ  *Type
	over bool // n is what a for loop goes over
}

// mapInfo is what is known about one map.
type mapInfo struct {
	name    string
	first   int // offset of the first use
	uses    []mapUse
	fills   []mapFill
	unclear bool // used in code that could not be read
	key     []Type
	keyed   bool
	arity   bool // uses disagree about the number of parts
	value   *Type
	// passed are the macros that a map is handed to.
	passed []mapPass
}

// mapPass is a map as the argument of a macro.
type mapPass struct {
	macro     string
	index, of int
}

type mapUse struct {
	n    *node // where it stands
	keys []*node
	b    *body
	fill bool
}

type mapFill struct {
	stmt *node
	kind MapKind
	rhs  *node
	keys []*node
	b    *body
	expr string
}

func newInference(p *parser) *inference {
	return &inference{p: p, infos: map[string]*mapInfo{}, vars: map[varKey]*varInfo{},
		params: map[varKey]*mapInfo{}, followed: map[mapPass]*mapInfo{}}
}

func (in *inference) info(name string, offset int) *mapInfo {
	m := in.infos[name]
	if m == nil {
		m = &mapInfo{name: name, first: offset}
		in.infos[name] = m
		in.order = append(in.order, m)
	}
	m.first = min(m.first, offset)
	return m
}

func (in *inference) variable(b *body, name string) *varInfo {
	k := varKey{b, name}
	v := in.vars[k]
	if v == nil {
		v = &varInfo{}
		if t, ok := b.params[name]; ok { // what a caller passes
			typ := cType(t)
			v.typ = &typ
			v.ctype = t
		}
		in.vars[k] = v
		in.varOrder = append(in.varOrder, k)
	}
	return v
}

// tornMap notes a map in code that could not be read.
func (in *inference) tornMap(name string, offset int) { in.info(name, offset).unclear = true }

// declare notes let @m = hash(10).
func (in *inference) declare(n *node) {
	if len(n.kids) > 0 && n.kids[0].op == opMap {
		in.info(n.kids[0].name, n.kids[0].start)
	}
}

// run computes types until they hold still.
func (in *inference) run() {
	for _, m := range in.order {
		in.follow(m, m.passed, map[*mapInfo]bool{})
	}
	for in.pass = 1; in.pass <= 12; in.pass++ {
		in.changed = false
		for _, k := range in.varOrder {
			v := in.vars[k]
			for _, s := range v.from {
				in.widen(&v.typ, in.sourceType(s, k.b))
				if s.n != nil && !s.over && v.ctype == "" {
					if v.ctype = in.ctypeOf(s.n, k.b); v.ctype != "" {
						in.changed = true
					}
				}
			}
		}
		for _, m := range in.order {
			in.mapTypes(m)
		}
		if !in.changed {
			break
		}
	}
	in.frozen = true
	in.pass++
}

// widen joins t into *to.
func (in *inference) widen(to **Type, t *Type) {
	if t == nil {
		return
	}
	if *to == nil {
		c := *t
		*to = &c
		in.changed = true
		return
	}
	j := join(**to, *t)
	if !same(j, **to) {
		*to = &j
		in.changed = true
	}
}

func (in *inference) sourceType(s source, b *body) *Type {
	switch {
	case s.n == nil:
		return s.typ
	case !s.over:
		return in.infer(s.n, b)
	case s.n.op == opRange:
		return &Type{Kind: TypeInt, Bits: 64, Signed: true}
	case s.n.op == opMap: // ($kv.0 is the key, $kv.1 the value)
		m := in.infos[s.n.name]
		if m == nil || len(m.key) == 0 {
			return nil
		}
		key := m.key[0]
		if len(m.key) > 1 {
			key = Type{Kind: TypeTuple, Elems: m.key}
		}
		value := Type{}
		if v := in.readMap(m); v != nil {
			value = *v
		}
		t := Type{Kind: TypeTuple, Elems: []Type{key, value}}
		if size(t) > maxTypeSize {
			t.Elems = nil
		}
		return &t
	}
	return &Type{}
}

// readMap is the type of a map's element when it is read.
func (in *inference) readMap(m *mapInfo) *Type {
	switch m.kind() {
	case KindValue:
		return m.value
	case KindCount:
		return &Type{Kind: TypeInt, Bits: 64}
	case KindSum, KindMin, KindMax, KindAvg:
		return &Type{Kind: TypeInt, Bits: 64, Signed: m.value == nil || m.value.Kind != TypeInt || m.value.Signed}
	}
	return &Type{}
}

// mapTypes joins what all uses say about a map's key and value.
func (in *inference) mapTypes(m *mapInfo) {
	for _, u := range m.uses {
		parts := in.keyTypes(u)
		if parts == nil && len(u.keys) > 0 {
			continue // not known yet
		}
		switch {
		case !m.keyed:
			m.key, m.keyed = parts, true
			in.changed = true
		case len(parts) != len(m.key):
			if !m.arity {
				m.arity = true
				in.changed = true
			}
		default:
			for i := range parts {
				if j := join(m.key[i], parts[i]); !same(j, m.key[i]) {
					m.key[i] = j
					in.changed = true
				}
			}
		}
	}
	for _, f := range m.fills {
		in.widen(&m.value, in.fillType(f))
	}
}

// keyTypes gives a use's key as parts; nil while a variable in it has no type
// yet. A tuple as the only part is the same key as its elements.
func (in *inference) keyTypes(u mapUse) []Type {
	parts := make([]Type, 0, len(u.keys))
	for _, k := range u.keys {
		t := in.infer(k, u.b)
		if t == nil {
			if !in.lastResort() {
				return nil
			}
			t = &Type{}
		}
		parts = append(parts, *t)
	}
	if len(parts) == 1 && parts[0].Kind == TypeTuple && len(parts[0].Elems) > 0 {
		return append([]Type(nil), parts[0].Elems...)
	}
	return parts
}

// lastResort is true in late passes: what has no type by then never gets one.
func (in *inference) lastResort() bool { return in.pass > 6 || in.frozen }

func (in *inference) fillType(f mapFill) *Type {
	switch {
	case f.kind == KindCount:
		return &Type{Kind: TypeInt, Bits: 64}
	case f.rhs == nil:
		return &Type{Kind: TypeInt, Bits: 64, Signed: true}
	case f.kind == KindValue:
		return in.infer(f.rhs, f.b)
	case len(f.rhs.kids) > 0:
		return in.infer(f.rhs.kids[0], f.b)
	}
	return &Type{}
}

// kind is the one aggregation of all fills.
func (m *mapInfo) kind() MapKind {
	kind := KindUnknown
	for i, f := range m.fills {
		if i > 0 && f.kind != kind {
			return KindUnknown
		}
		kind = f.kind
	}
	if m.unclear {
		return KindUnknown
	}
	return kind
}

// typeOf is the type of an expression once inference is done.
func (in *inference) typeOf(n *node, b *body) Type {
	if t := in.infer(n, b); t != nil {
		return *t
	}
	return Type{}
}
