package parser

const (
	// rowBlock is how many rows a block holds: 128 KiB of cells.
	rowBlock = 8192
	// keyBatch bounds how many bytes of keys share one string, and so what a
	// kept key keeps alive.
	keyBatch = 4096
)

// cell is a row while its map is being read: without pointers, so that the
// rows themselves are made once, when their number is known.
type cell struct {
	num  uint64 // of the Value, or the index of its ext
	end  uint32 // where the key ends in its batch
	kind Kind   // KindNone: the Value is in exts
	last bool   // the last of its batch of keys
}

// rows gathers the rows of one map: at 16 bytes and the key's bytes each,
// beside what values other than numbers take.
type rows struct {
	block   []cell
	full    [][]cell
	exts    []Value
	keys    []byte   // of the batch being gathered
	batches []string // those before
}

// add appends a row whose key was appended to keys.
func (r *rows) add(v Value) {
	c := cell{num: v.num, end: uint32(len(r.keys))}
	if k, ok := v.ext.(Kind); ok {
		c.kind = k
	} else {
		c.num = uint64(len(r.exts))
		r.exts = append(r.exts, v)
	}
	if len(r.keys) >= keyBatch {
		c.last = true
		r.batches = append(r.batches, string(r.keys))
		r.keys = r.keys[:0]
	}
	if len(r.block) == rowBlock {
		r.full = append(r.full, r.block)
		r.block = make([]cell, 0, rowBlock)
	}
	r.block = append(r.block, c)
}

// take returns the rows in one slice of exactly their size, and forgets them.
func (r *rows) take() []Row {
	n := len(r.full)*rowBlock + len(r.block)
	if n == 0 {
		return nil
	}
	all := make([]Row, n)
	if len(r.keys) > 0 {
		r.batches = append(r.batches, string(r.keys))
	}
	batch, at, to := "", uint32(0), 0
	if len(r.batches) > 0 {
		batch = r.batches[0]
		r.batches = r.batches[1:]
	}
	r.full = append(r.full, r.block)
	for i, block := range r.full {
		for _, c := range block {
			row := &all[to]
			to++
			row.Key = batch[at:c.end]
			at = c.end
			switch c.kind {
			case KindNone:
				row.Value = r.exts[c.num]
			case KindInt: // without a look at the table of small values
				row.Value = Value{c.num, KindInt}
			default:
				row.Value = Value{c.num, c.kind}
			}
			if c.last {
				batch, at = "", 0
				if len(r.batches) > 0 {
					batch = r.batches[0]
					r.batches = r.batches[1:]
				}
			}
		}
		if i < len(r.full)-1 {
			r.full[i] = nil // its memory may be had back while the rest is made
		}
	}
	r.reset()
	return all
}

func (r *rows) reset() {
	clear(r.exts)
	r.block, r.full, r.exts, r.keys, r.batches = r.block[:0], nil, r.exts[:0], r.keys[:0], nil
	if cap(r.exts) > rowBlock {
		r.exts = nil
	}
	if cap(r.keys) > 16*keyBatch {
		r.keys = nil
	}
}
