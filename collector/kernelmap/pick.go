package kernelmap

import "bytes"

// clean tells whether b can have the layout: bytes between the fields are
// zero, and so are the bytes after a string's NUL.
func (l *Layout) clean(b []byte) bool {
	if len(b) != l.Size {
		return false
	}
	switch l.Kind {
	case LayoutArray:
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return zero(b[i:])
		}
	case LayoutStruct:
		end := 0
		for _, f := range l.Fields {
			if f.Offset < end || f.Offset+f.Layout.Size > len(b) {
				return false
			}
			if !zero(b[end:f.Offset]) || !f.Layout.clean(b[f.Offset:f.Offset+f.Layout.Size]) {
				return false
			}
			end = f.Offset + f.Layout.Size
		}
		return zero(b[end:])
	}
	return true
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
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
