package kernelmap

import (
	"strings"

	"github.com/cilium/ebpf/btf"
)

// maxLayoutDepth bounds how deep a type is followed: BTF may hold cycles.
const maxLayoutDepth = 16

// layouts holds what one BTF object says about bpftrace's maps.
type layouts struct{ vars []mapVar }

// mapVar is one map definition: bpftrace from 0.22 on describes the map m as
// VAR "AT_m" of a struct whose members point to the key's and value's types.
type mapVar struct {
	name               string // untruncated, without AT_
	key, value         *Layout
	keyType, valueType uint32 // the ids that struct bpf_map_info names
}

func readLayouts(btfID uint32) (*layouts, error) {
	h, err := btf.NewHandleFromID(btf.ID(btfID))
	if err != nil {
		return nil, err
	}
	defer h.Close()
	spec, err := h.Spec(nil)
	if err != nil {
		return nil, err
	}
	var l layouts
	for t, err := range spec.All() {
		if err != nil {
			return nil, err
		}
		v, ok := t.(*btf.Var)
		if !ok || !strings.HasPrefix(v.Name, namePrefix) {
			continue
		}
		st, ok := btf.UnderlyingType(v.Type).(*btf.Struct)
		if !ok {
			continue
		}
		mv := mapVar{name: v.Name}
		for _, m := range st.Members {
			ptr, ok := btf.UnderlyingType(m.Type).(*btf.Pointer)
			if !ok {
				continue
			}
			id, err := spec.TypeID(ptr.Target)
			if err != nil {
				continue
			}
			switch m.Name {
			case "key":
				mv.key, mv.keyType = layoutOf(ptr.Target, 0), uint32(id)
			case "value":
				mv.value, mv.valueType = layoutOf(ptr.Target, 0), uint32(id)
			}
		}
		l.vars = append(l.vars, mv)
	}
	return &l, nil
}

// find returns the definition of a map. Names are cut at 15 bytes: where
// several of one shape fit, the name stays open.
func (l *layouts) find(info *mapInfo) (v mapVar, ok bool) {
	for _, c := range l.vars {
		if kernelName(c.name) != info.name() || c.keyType != info.KeyType || c.valueType != info.ValueType {
			continue
		}
		if ok {
			v.name = ""
			return v, true
		}
		v, ok = c, true
	}
	return v, ok
}

func layoutOf(t btf.Type, depth int) *Layout {
	if depth > maxLayoutDepth {
		return &Layout{Kind: LayoutOther}
	}
	size := func() int { n, _ := btf.Sizeof(t); return n }
	switch u := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		kind := LayoutInt
		if u.Encoding == btf.Bool {
			kind = LayoutBool
		}
		return &Layout{Kind: kind, Size: int(u.Size), Signed: u.Encoding == btf.Signed || u.Encoding == btf.Char}
	case *btf.Enum:
		return &Layout{Kind: LayoutEnum, Size: int(u.Size), Signed: u.Signed}
	case *btf.Pointer:
		return &Layout{Kind: LayoutPtr, Size: 8}
	case *btf.Array:
		return &Layout{Kind: LayoutArray, Size: size(), Len: int(u.Nelems), Elem: layoutOf(u.Type, depth+1)}
	case *btf.Struct:
		l := &Layout{Kind: LayoutStruct, Size: int(u.Size)}
		for _, m := range u.Members {
			if m.BitfieldSize != 0 || m.Offset%8 != 0 {
				return &Layout{Kind: LayoutOther, Size: int(u.Size)}
			}
			l.Fields = append(l.Fields, LayoutField{Name: m.Name, Offset: int(m.Offset / 8), Layout: layoutOf(m.Type, depth+1)})
		}
		return l
	}
	return &Layout{Kind: LayoutOther, Size: size()}
}
