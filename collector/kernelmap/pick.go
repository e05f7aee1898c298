package kernelmap

import (
	"bytes"
	"errors"
	"fmt"
)

// fit is the layout of a map's entries, and how that is known.
type fit struct {
	*Layout
	// known: by BTF, whatever the entries are.
	known bool
	// sole: no other layout agrees with the entries there are, which others may
	// only confirm or, with this one too, deny. Else several read them alike.
	sole bool
	// tails: see layout.
	tails bool
}

// holds tells whether an entry more changes nothing.
func (f fit) holds(b []byte) bool { return f.known || f.sole && f.clean(b, f.tails) }

// layout finds the one layout of size bytes that the shapes can have and all
// entries agree with: padding is zero, and so is what follows a string.
// Layouts that read all entries alike are one.
//
// A string that is an array of a tracepoint may hold anything behind its NUL,
// which 0.23 and 0.27 copy into the key. So where no layout agrees, the bytes
// behind the NULs of what is known to be a string are not looked at.
func (dec *mapDecoder) layout(shapes []shape, size int, key bool, entry func(int) []byte) (fit, error) {
	f, err := dec.layoutOf(shapes, size, key, entry, false)
	if errors.Is(err, errNoneAgrees) {
		f, err = dec.layoutOf(shapes, size, key, entry, true)
	}
	return f, err
}

var errNoneAgrees = errors.New("no possible layout agrees with the entries")

func (dec *mapDecoder) layoutOf(shapes []shape, size int, key bool, entry func(int) []byte, tails bool) (fit, error) {
	none := errNoneAgrees
	for pass := range passes {
		found, err := solve(shapes, size, dec.d, key, pass)
		if err != nil {
			return fit{}, err
		}
		if pass == passes-1 && len(found) == 0 {
			none = fmt.Errorf("no layout of the parts has %d bytes", size)
		}
		chosen := fit{sole: true, tails: tails}
		for _, l := range found {
			if !l.any() && !dec.all(func(b []byte) bool { return l.clean(b, tails) }, entry) {
				continue
			}
			if chosen.Layout == nil {
				chosen.Layout = l
				continue
			}
			chosen.sole = false
			if !dec.all(func(b []byte) bool { return alike(chosen.Layout, l, shapes, b, dec.d) }, entry) {
				return fit{}, errors.New("several layouts are possible")
			}
		}
		if chosen.Layout != nil {
			return chosen, nil
		}
	}
	return fit{}, none
}

// any tells whether all bytes can have the layout: integers, one after the other.
func (l *Layout) any() bool {
	switch l.Kind {
	case LayoutArray:
		return !l.text
	case LayoutStruct:
		end := 0
		for _, f := range l.Fields {
			if f.Offset != end || !f.Layout.any() {
				return false
			}
			end += f.Layout.Size
		}
		return end == l.Size
	}
	return true
}

// maxChecks bounds the entries looked at to find a map's layout.
const maxChecks = 4_000_000

// all tells whether all entries are ok; past maxChecks none is.
func (dec *mapDecoder) all(ok func([]byte) bool, entry func(int) []byte) bool {
	for i := range dec.raw.Count {
		if dec.checks++; dec.checks > maxChecks || !ok(entry(i)) {
			return false
		}
	}
	return true
}

// clean tells whether b can have the layout: bytes between the fields are
// zero, and so are the bytes after a string's NUL, unless tails allows others.
func (l *Layout) clean(b []byte, tails bool) bool {
	if len(b) != l.Size {
		return false
	}
	switch l.Kind {
	case LayoutArray:
		if i := bytes.IndexByte(b, 0); l.text && i >= 0 && !(tails && l.field) {
			return zero(b[i:])
		}
	case LayoutStruct:
		end := 0
		for _, f := range l.Fields {
			if f.Offset < end || f.Offset+f.Layout.Size > len(b) {
				return false
			}
			if !zero(b[end:f.Offset]) || !f.Layout.clean(b[f.Offset:f.Offset+f.Layout.Size], tails) {
				return false
			}
			end = f.Offset + f.Layout.Size
		}
		return zero(b[end:])
	}
	return true
}

var zeros [64]byte

func zero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

// alike tells whether two layouts read the same from b.
func alike(l, m *Layout, shapes []shape, b []byte, d dialect) bool {
	for i, s := range shapes {
		c, e := compile(l.Fields[i].Layout, l.Fields[i].Offset, s.typ, d), compile(m.Fields[i].Layout, m.Fields[i].Offset, s.typ, d)
		if !c.fits(len(b)) || !e.fits(len(b)) || c.kind == cellOpaque || !c.read(b).Value.Equal(e.read(b).Value) {
			return false
		}
	}
	return true
}
