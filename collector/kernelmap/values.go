package kernelmap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tracecar/parser"
	"tracecar/parser/script"
)

// plain decodes the maps with one entry per row.
func (dec *mapDecoder) plain() (Rows, error) {
	var rows Rows
	var err error
	if rows.total = dec.totalReader(); rows.total != nil {
		rows.totals, err = dec.totals()
	} else {
		rows.values, err = dec.values()
	}
	if err != nil {
		return Rows{}, err
	}
	rows.keys = dec.plainKeys()
	dec.memo.keep(dec, rows.keys)
	return rows, nil
}

// plainKeys decodes the keys that are not known from the last look.
func (dec *mapDecoder) plainKeys() [][]Part {
	keys, n := dec.known, int(dec.raw.KeySize)
	if dec.same {
		return keys
	}
	if keys == nil {
		keys = make([][]Part, dec.raw.Count)
		dec.room(len(keys))
	}
	for i := range keys {
		if keys[i] == nil {
			keys[i] = dec.readKey(dec.raw.Keys[i*n : (i+1)*n])
		}
	}
	return keys
}

// totalReader returns what types the sum of an entry's words, nil for maps
// that hold something else.
func (dec *mapDecoder) totalReader() func(uint64) Part {
	switch dec.m.Kind {
	case script.KindCount:
		return func(n uint64) Part { return Part{Value: parser.Uint(n)} }
	case script.KindSum:
		t := dec.m.Value
		return func(n uint64) Part { return integer64(n, t) }
	}
	return nil
}

// totals adds up the words of each entry, wrapping as the kernel does.
func (dec *mapDecoder) totals() ([]uint64, error) {
	if err := dec.wants(8); err != nil {
		return nil, err
	}
	totals := make([]uint64, dec.raw.Count)
	b, stride := dec.raw.Values, dec.raw.Stride()
	for i := range totals {
		var n uint64
		for entry := b[i*stride : (i+1)*stride]; len(entry) >= 8; entry = entry[8:] {
			n += binary.NativeEndian.Uint64(entry)
		}
		totals[i] = n
	}
	return totals, nil
}

// values decodes the values of all other maps.
func (dec *mapDecoder) values() ([]value, error) {
	read, err := dec.valueReader()
	if err != nil {
		return nil, err
	}
	values := make([]value, dec.raw.Count)
	b, stride := dec.raw.Values, dec.raw.Stride()
	for i := range values {
		p := read(b[i*stride : (i+1)*stride])
		values[i] = value{p.Value, p.Opaque, p.Unsure}
	}
	return values, nil
}

// wants says that the map's values do not have n bytes.
func (dec *mapDecoder) wants(n uint32) error {
	if dec.raw.ValueSize != n {
		return fmt.Errorf("%s: a value of %d bytes, not %d", dec.m.Kind, dec.raw.ValueSize, n)
	}
	return nil
}

// valueReader returns what turns the bytes of one entry into its value.
func (dec *mapDecoder) valueReader() (func(b []byte) Part, error) {
	switch dec.m.Kind {
	case script.KindMin, script.KindMax:
		if !dec.d.btf {
			return dec.extreme17, dec.wants(8)
		}
		return dec.extreme, dec.wants(16)
	case script.KindAvg, script.KindStats:
		return func(b []byte) Part { return dec.stats(dec.total(b, 8), dec.total(b, 0)) }, dec.wants(16)
	case script.KindValue:
		if dec.raw.perCPU() {
			return nil, errors.New("a plain value is not kept per CPU")
		}
		c, err := dec.valueCell()
		return c.read, err
	}
	return nil, fmt.Errorf("%s maps are not read from the kernel", dec.m.Kind)
}

// total adds up the word at off over all CPUs, wrapping as the kernel does.
func (dec *mapDecoder) total(b []byte, off int) uint64 {
	var n uint64
	for step := dec.step(); off < len(b); off += step {
		n += binary.NativeEndian.Uint64(b[off:])
	}
	return n
}

// step is the size of one CPU's value in an entry.
func (dec *mapDecoder) step() int {
	if dec.raw.perCPU() {
		return dec.raw.cell()
	}
	return int(dec.raw.ValueSize)
}

// integer types an aggregated 64-bit value as the script has it.
func (dec *mapDecoder) integer(n uint64) Part { return integer64(n, dec.m.Value) }

func integer64(n uint64, t script.Type) Part {
	if t.Kind == script.TypeInt && !t.Signed || t.Kind == script.TypePointer {
		return Part{Value: parser.Uint(n)}
	}
	return Part{Value: parser.Int(int64(n)), Unsure: t.Kind != script.TypeInt && int64(n) < 0}
}

// extreme17: 0.17 keeps max as it is and min as 2^32-1-x, 0 meaning none yet,
// which it prints as 0.
func (dec *mapDecoder) extreme17(b []byte) Part {
	var most int64
	for cell := range slices.Chunk(b, dec.step()) {
		most = max(most, int64(binary.NativeEndian.Uint64(cell)))
	}
	if dec.m.Kind == script.KindMin && most != 0 {
		most = 1<<32 - 1 - most
	}
	return Part{Value: parser.Int(most)}
}

// extreme takes the smallest or largest value of the CPUs that have one.
func (dec *mapDecoder) extreme(b []byte) Part {
	t := dec.m.Value
	signed := t.Kind != script.TypeInt || t.Signed
	var best uint64
	set, neg, pos := false, false, false
	for cell := range slices.Chunk(b, dec.step()) {
		n := binary.NativeEndian.Uint64(cell)
		if binary.NativeEndian.Uint32(cell[8:]) == 0 {
			continue
		}
		neg, pos = neg || int64(n) < 0, pos || int64(n) >= 0
		less := n < best
		if signed {
			less = int64(n) < int64(best)
		}
		if !set || less == (dec.m.Kind == script.KindMin) {
			best = n
		}
		set = true
	}
	p := dec.integer(best)
	p.Unsure = t.Kind != script.TypeInt && (neg && pos || p.Unsure)
	return p
}

// stats makes the value of avg and stats.
func (dec *mapDecoder) stats(count, total uint64) Part {
	t := dec.m.Value
	// 0.17 and 0.23 divide and print as signed whatever the type is.
	signed := !dec.d.narrow || t.Kind != script.TypeInt || t.Signed
	average, sum := parser.Uint(0), parser.Uint(total)
	if signed {
		sum = parser.Int(int64(total))
	}
	if count != 0 {
		average = parser.Uint(total / count)
		if signed {
			average = parser.Int(int64(total) / int64(count))
		}
	}
	p := Part{Value: average, Unsure: dec.d.narrow && t.Kind != script.TypeInt && int64(total) < 0}
	if dec.m.Kind == script.KindStats {
		p.Value = parser.StatsOf(parser.Stats{Count: parser.Uint(count), Average: average, Total: sum})
	}
	return p
}

// valueCell compiles the value of a plain map.
func (dec *mapDecoder) valueCell() (*cell, error) {
	size, t, l := int(dec.raw.ValueSize), dec.m.Value, dec.raw.Value
	if !dec.d.btf {
		s := shapeOf(t)
		for _, a := range dec.m.Assigns {
			s.exprs = append(s.exprs, a.Expr)
		}
		picked, err := dec.layout([]shape{s}, size, false, dec.raw.value)
		if err != nil {
			return nil, fmt.Errorf("layout of its value: %w", err)
		}
		l = picked.Layout.Fields[0].Layout
	}
	c := compile(l, 0, t, dec.d)
	if !c.fits(size) {
		return nil, errors.New("the type information of its value is damaged")
	}
	return &c, nil
}
