package collector

import (
	"fmt"

	"tracecar/collector/kernelmap"
	"tracecar/collector/mapkey"
	"tracecar/parser"
	"tracecar/parser/script"
)

// buildMap makes the Map of one print, with its keys as exact as they can be
// had (t is the kernel's copy of the map at that time, or nil), and tells how many rows the limit left out. bpftrace prints the largest
// last, so the first go.
func (f *Translator) buildMap(p mapPrint, t *kernelmap.Table) (m Map, left uint64) {
	sm := f.scriptMap(p.state.Name)
	p.state = scalarStruct(sm, p.state)
	m = Map{Name: p.state.Name, Kind: mapKind(sm, p), Keys: []string{}, Rows: []Row{}}
	rows := p.state.Rows
	if p.state.Keyed {
		m.Keys = keyNames(sm)
	}
	keys := mapkey.Resolve(f.source(m.Name, t), rows)
	if f.maxRows > 0 && len(rows) > f.maxRows {
		left = uint64(len(rows) - f.maxRows)
	}
	for i := int(left); i < len(rows); i++ {
		r := Row{Value: typedValue(sm, keys[i].Value)}
		if sm != nil && f.dialect.MislabelsLhist {
			r.Value = kernelmap.Overflow(sm, r.Value)
		}
		if p.state.Keyed {
			r.Key, r.Ambiguous = keys[i].Parts, keys[i].Ambiguous
		}
		m.Rows = append(m.Rows, r)
	}
	return m, left
}

// scalarStruct mends what only the script can tell: a scalar map that holds a
// struct prints as a keyed map does.
func scalarStruct(sm *script.Map, st *parser.MapState) *parser.MapState {
	if sm == nil || sm.Keys != nil || sm.KeyUnclear || !st.Keyed || len(st.Rows) == 0 {
		return st
	}
	fields := make([]parser.Field, len(st.Rows))
	for i, r := range st.Rows {
		fields[i] = parser.Field{Name: r.Key, Value: r.Value}
	}
	return &parser.MapState{Name: st.Name, Cut: st.Cut, Rows: []parser.Row{{Value: parser.Object(fields)}}}
}

// mapKind takes the kind from the script, or, without one, what the message
// itself tells: avg() and stats() share a type, hist() and lhist() another.
func mapKind(sm *script.Map, p mapPrint) string {
	if sm != nil && sm.Kind != script.KindUnknown {
		return string(sm.Kind)
	}
	switch p.typ {
	case parser.TypeTSeries:
		return string(script.KindTSeries)
	case parser.TypeStats:
		switch rows := p.state.Rows; {
		case len(rows) == 0:
		case rows[0].Value.Kind() == parser.KindStats:
			return string(script.KindStats)
		default:
			return string(script.KindAvg)
		}
	}
	return string(script.KindUnknown)
}

// KeyNames names the parts of a map's key as a Result does; empty for a
// scalar map.
func KeyNames(sm *script.Map) []string {
	if len(sm.Keys) == 0 {
		return []string{}
	}
	return keyNames(sm)
}

// keyNames names the parts of a map's key: as the script has them, else
// key0, key1, ….
func keyNames(sm *script.Map) []string {
	if sm == nil || len(sm.Keys) == 0 {
		return []string{"key0"}
	}
	names := make([]string, len(sm.Keys))
	for i, k := range sm.Keys {
		names[i] = k.Name
		if names[i] == "" {
			names[i] = fmt.Sprintf("key%d", i)
		}
	}
	return names
}

// typedValue gives a value the type that the script says it has, where
// bpftrace prints another: integers beyond 2^53 as strings since 0.24,
// booleans as numbers before it, stacks as text.
func typedValue(sm *script.Map, v parser.Value) parser.Value {
	if sm == nil {
		return v
	}
	switch sm.Kind {
	case script.KindCount, script.KindSum, script.KindMin, script.KindMax, script.KindAvg:
		return asInteger(v)
	case script.KindStats:
		if v.Kind() == parser.KindStats {
			s := v.Stats()
			return parser.StatsOf(parser.Stats{Count: asInteger(s.Count), Average: asInteger(s.Average), Total: asInteger(s.Total)})
		}
	case script.KindValue:
		return typed(sm.Value, v)
	}
	return v
}

func asInteger(v parser.Value) parser.Value {
	if v.Kind() == parser.KindText {
		if n, ok := mapkey.Number(v.Text()); ok {
			return n
		}
	}
	return v
}

func typed(t script.Type, v parser.Value) parser.Value {
	switch t.Kind {
	case script.TypeInt, script.TypePointer, script.TypeEnum:
		return asInteger(v)
	case script.TypeBool:
		if i, ok := v.Int64(); ok {
			return parser.Bool(i != 0)
		}
	case script.TypeKernelStack, script.TypeUserStack:
		if v.Kind() == parser.KindText {
			if frames, ok := mapkey.Frames(v.Text()); ok {
				return parser.Frames(frames)
			}
		}
	case script.TypeTuple:
		elems := v.Elems()
		if len(elems) != len(t.Elems) {
			return v
		}
		out := make([]parser.Value, len(elems))
		for i, e := range elems {
			out[i] = typed(t.Elems[i], e)
		}
		return parser.Array(out)
	}
	return v
}
