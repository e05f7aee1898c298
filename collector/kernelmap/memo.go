package kernelmap

import (
	"bytes"

	"tracecar/parser/script"
)

// memo remembers the keys of a map's last look. Most of them are there again
// at the next, in the same order, as a hash never moves its entries: what has
// the same bytes needs not be decoded, nor put anywhere, again.
type memo struct {
	of     *script.Map
	keys   []byte   // as they were dumped; not shared
	parts  [][]Part // as they were decoded
	cells  []cell   // by which
	layout fit      // and why
}

// passOver is how many keys that have gone, one after the other, do no harm.
const passOver = 7

// recall takes over from the last look what it can: the keys that were there,
// and how keys are read. False says that how keys are read must be worked out from all of them.
func (m *memo) recall(dec *mapDecoder) bool {
	if m == nil || m.of != dec.m || len(m.keys) != len(m.parts)*int(dec.raw.KeySize) {
		return false
	}
	if bytes.Equal(m.keys, dec.raw.Keys) {
		dec.known, dec.same = m.parts, true
	} else if dec.known = m.match(dec); dec.known == nil {
		return false
	}
	dec.keys, dec.fit = m.cells, m.layout
	return true
}

// match finds the keys among those remembered, nil for those that are not. Between two looks keys
// come and go: one that has gone is passed over, one that is new changes
// nothing, as long as it does not speak against the layout: then match returns nil.
func (m *memo) match(dec *mapDecoder) [][]Part {
	known := make([][]Part, dec.raw.Count)
	keys, old, n := m.keys, m.parts, int(dec.raw.KeySize)
next:
	for i := range known {
		b := dec.raw.key(i)
		for skip := range min(passOver+1, len(old)) {
			if bytes.Equal(b, keys[skip*n:(skip+1)*n]) {
				known[i] = old[skip]
				keys, old = keys[(skip+1)*n:], old[skip+1:]
				continue next
			}
		}
		if !m.layout.holds(b) {
			return nil
		}
	}
	return known
}

// keep remembers the decoded keys of dec.
func (m *memo) keep(dec *mapDecoder, parts [][]Part) {
	if m == nil || len(dec.keys) == 0 {
		return
	}
	if !dec.same {
		m.keys = append(m.keys[:0], dec.raw.Keys...)
	}
	m.of, m.parts, m.cells, m.layout = dec.m, parts, dec.keys, dec.fit
}
