package kernelmap

import (
	"bytes"
	"slices"
)

// memo remembers the keys of a map's last look. Most of them are there again
// at the next, in the same order, as a hash never moves its entries: what has
// the same bytes needs not be decoded, nor put anywhere, again.
type memo struct {
	keys  []byte // as they were dumped; not shared
	rows  []Row  // as they were decoded
	cells []cell // by which
}

// passOver is how many keys that have gone, one after the other, do no harm.
const passOver = 7

// known walks along what a memo remembers.
type known struct {
	keys []byte
	rows []Row
}

// knows returns what can be taken over: nothing where keys are now decoded
// otherwise, as layouts that are worked out may change with the entries.
func (m *memo) knows(dec *mapDecoder) known {
	if m == nil || len(dec.keys) == 0 || !slices.EqualFunc(m.cells, dec.keys, cell.equal) {
		return known{}
	}
	return known{m.keys, m.rows}
}

// key returns the decoded key of these bytes, or nil. Between two looks keys
// come and go: one that has gone is passed over, one that is new changes nothing.
func (k *known) key(b []byte) []Part {
	n := len(b)
	for skip := range passOver + 1 {
		if len(k.rows) <= skip {
			break
		}
		if bytes.Equal(b, k.keys[skip*n:(skip+1)*n]) {
			key := k.rows[skip].Key
			k.keys, k.rows = k.keys[(skip+1)*n:], k.rows[skip+1:]
			return key
		}
	}
	return nil
}

// keep remembers rows, whose keys' bytes are those of dec.
func (m *memo) keep(dec *mapDecoder, rows []Row) {
	if m == nil || len(dec.keys) == 0 {
		return
	}
	m.keys, m.rows, m.cells = append(m.keys[:0], dec.raw.Keys...), rows, dec.keys
}

func (c cell) equal(d cell) bool {
	return c.kind == d.kind && c.off == d.off && c.size == d.size && c.signed == d.signed && c.unsure == d.unsure &&
		c.printsSign == d.printsSign && c.form == d.form && c.header == d.header && slices.EqualFunc(c.elems, d.elems, cell.equal)
}
