package kernelmap

import (
	"bytes"
	"encoding/binary"

	"tracecar/parser"
	"tracecar/parser/script"
)

// Part is one part of a key, or a value.
type Part struct {
	// Value is typed as the script has it: integers, booleans (0.24 on),
	// text, and an array for a nested tuple. A buffer is text too.
	Value parser.Value
	// Opaque says that bpftrace formats this part itself (a stack, a symbol,
	// an address, an enum): Value is KindNone and the text must come from its JSON.
	Opaque bool
	// Unsure says that Value is the likeliest reading of the bytes, but that
	// bpftrace's print, where there is one, has the last word (Match and
	// Resolve ask it): the script does not tell the type, or the integer's top
	// bit is set and its sign only inferred from the script. BTF knows sizes,
	// not signs.
	Unsure bool

	form  form
	size  uint8   // bytes of an integer
	elems *[]Part // of a tuple; a pointer keeps the others small
}

// parts are those of a tuple.
func (p *Part) parts() []Part {
	if p.elems == nil {
		return nil
	}
	return *p.elems
}

// form says how bpftrace prints a part.
type form uint8

const (
	formPlain form = iota
	formPointer
	formBuffer
	formTuple
	formBytes // text, if it is text
)

// cell is a compiled part: where it is and how to read it.
type cell struct {
	kind      cellKind
	off, size int
	signed    bool
	unsure    bool
	// printsSign: bpftrace prints the integer by its own type, not always as signed.
	printsSign bool
	form       form
	header     int // bytes of a buffer's length
	elems      []cell
}

type cellKind uint8

const (
	cellOpaque cellKind = iota
	cellInt
	cellBool
	cellText
	cellBuffer
	cellTuple
)

// opaqueKind tells whether bpftrace formats a type itself.
func opaqueKind(k script.TypeKind) bool {
	switch k {
	case script.TypeKernelStack, script.TypeUserStack, script.TypeKernelSymbol, script.TypeUserSymbol,
		script.TypeInet, script.TypeMAC, script.TypeTimestamp, script.TypeCgroupPath, script.TypeUsername,
		script.TypeStrerror, script.TypeStruct, script.TypeArray:
		return true
	}
	return false
}

// compile joins what BTF or the solver says about the bytes with what the
// script says about the type.
func compile(l *Layout, off int, t script.Type, d dialect) cell {
	c := cell{off: off, size: l.Size}
	if opaqueKind(t.Kind) {
		return c
	}
	switch l.Kind {
	case LayoutInt, LayoutBool, LayoutEnum, LayoutPtr:
		if l.Size != 1 && l.Size != 2 && l.Size != 4 && l.Size != 8 {
			return c
		}
		c.compileScalar(l, t, d)
	case LayoutArray:
		if l.Elem == nil || l.Elem.Size != 1 {
			return c
		}
		switch t.Kind {
		case script.TypeString, script.TypeProbe:
			c.kind = cellText
		case script.TypeBuffer:
			c.kind, c.form, c.header = cellBuffer, formBuffer, 4
			if !d.btf {
				c.header = 1
			}
		case script.TypeUnknown:
			c.kind, c.form, c.unsure = cellText, formBytes, true
		}
	case LayoutStruct:
		if t.Kind != script.TypeTuple && t.Kind != script.TypeUnknown {
			return c
		}
		if t.Kind == script.TypeTuple && len(t.Elems) != len(l.Fields) {
			t.Kind = script.TypeUnknown
		}
		c.kind, c.form = cellTuple, formTuple
		c.unsure = t.Kind == script.TypeUnknown
		for i, f := range l.Fields {
			var ft script.Type
			if t.Kind == script.TypeTuple {
				ft = t.Elems[i]
			}
			c.elems = append(c.elems, compile(f.Layout, off+f.Offset, ft, d))
		}
	}
	return c
}

func (c *cell) compileScalar(l *Layout, t script.Type, d dialect) {
	c.kind, c.signed, c.printsSign = cellInt, true, d.squeeze && t.Kind != script.TypePointer && l.Kind != LayoutPtr
	switch t.Kind {
	case script.TypeInt:
		c.signed = t.Signed
	case script.TypeBool:
		if d.squeeze {
			c.kind = cellBool
		}
	case script.TypePointer:
		c.signed, c.form = false, formPointer
	case script.TypeEnum:
		if d.squeeze {
			c.kind = cellOpaque
		}
	case script.TypeUnknown:
		if l.Kind == LayoutPtr {
			c.signed, c.form = false, formPointer
		} else {
			c.unsure = true
		}
	default:
		c.kind = cellOpaque
	}
}

// fits tells whether the cell lies within n bytes.
func (c *cell) fits(n int) bool {
	if c.off < 0 || c.size < 0 || c.off > n-c.size {
		return false
	}
	for i := range c.elems {
		if !c.elems[i].fits(n) {
			return false
		}
	}
	return true
}

// read decodes the cell from b, which it fits.
func (c *cell) read(b []byte) (p Part) {
	c.readInto(&p, b, nil)
	return p
}

// readInto is read into a zero Part, with texts that recur (names of
// processes, of files) kept once.
func (c *cell) readInto(p *Part, b []byte, texts *interned) {
	raw := b[c.off : c.off+c.size]
	p.Unsure, p.form, p.size = c.unsure, c.form, uint8(min(c.size, 255))
	switch c.kind {
	case cellInt:
		n := number(raw, c.signed)
		if c.signed {
			p.Value = parser.Int(int64(n))
		} else {
			p.Value = parser.Uint(n)
		}
		// What the script tells of signs is inferred; where bpftrace prints them, it has the last word.
		p.Unsure = p.Unsure || c.printsSign && raw[top(raw)]&0x80 != 0
	case cellBool:
		p.Value = parser.Bool(number(raw, false) != 0)
	case cellText:
		if i := bytes.IndexByte(raw, 0); i >= 0 {
			raw = raw[:i]
		}
		p.Value = texts.text(raw)
	case cellBuffer:
		if len(raw) < c.header {
			*p = Part{Opaque: true}
			return
		}
		n := min(number(raw[:c.header], false), uint64(len(raw)-c.header))
		p.Value = parser.Text(string(raw[c.header : c.header+int(n)]))
	case cellTuple:
		elems, values := make([]Part, len(c.elems)), make([]parser.Value, len(c.elems))
		for i := range c.elems {
			c.elems[i].readInto(&elems[i], b, texts)
			values[i] = elems[i].Value
			p.Opaque = p.Opaque || elems[i].Opaque
			p.Unsure = p.Unsure || elems[i].Unsure
		}
		p.elems = &elems
		if !p.Opaque {
			p.Value = parser.Array(values)
		}
	default:
		*p = Part{Opaque: true}
	}
}

// top is the place of an integer's most significant byte.
func top(b []byte) int {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return len(b) - 1
	}
	return 0
}

// interned holds texts by their bytes, at most maxInterned, and the newest.
type interned struct {
	byText map[string]parser.Value
	last   parser.Value
}

const maxInterned = 4096

func (in *interned) text(b []byte) parser.Value {
	if in == nil {
		return parser.Text(string(b))
	}
	if string(b) == in.last.Text() && !in.last.IsNone() {
		return in.last
	}
	v, ok := in.byText[string(b)]
	if !ok {
		s := string(b)
		v = parser.Text(s)
		if len(in.byText) < maxInterned {
			in.byText[s] = v
		}
	}
	in.last = v
	return v
}

// number reads an integer of 1, 2, 4 or 8 bytes in the host's order.
func number(b []byte, signed bool) uint64 {
	switch len(b) {
	case 1:
		if signed {
			return uint64(int8(b[0]))
		}
		return uint64(b[0])
	case 2:
		n := binary.NativeEndian.Uint16(b)
		if signed {
			return uint64(int16(n))
		}
		return uint64(n)
	case 4:
		n := binary.NativeEndian.Uint32(b)
		if signed {
			return uint64(int32(n))
		}
		return uint64(n)
	case 8:
		return binary.NativeEndian.Uint64(b)
	}
	return 0
}
