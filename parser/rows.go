package parser

const (
	// rowBlock is how many rows a block holds: 128 KiB of cells.
	rowBlock    = 8192
	spareBlocks = 8
	// keyBatch bounds how many bytes of keys share one string, and so what a
	// kept key keeps alive.
	keyBatch = 4000 // and a key more: 4 KiB
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
	spare   [][]cell // blocks to use again: 1 MiB of them at most
}

// add appends a row whose key was appended to keys.
func (r *rows) add(v Value) {
	if k := v.Kind(); int(k) < len(plainExt) && plainExt[k] != nil {
		r.cell(v.num, k)
		return
	}
	r.cell(uint64(len(r.exts)), KindNone)
	r.exts = append(r.exts, v)
}

func (r *rows) cell(num uint64, kind Kind) {
	c := cell{num: num, end: uint32(len(r.keys)), kind: kind}
	if len(r.keys) >= keyBatch {
		c.last = true
		r.batch()
	}
	if len(r.block) == cap(r.block) {
		r.grow()
	}
	r.block = append(r.block, c)
}

func (r *rows) batch() {
	r.batches = append(r.batches, string(r.keys))
	r.keys = r.keys[:0]
}

func (r *rows) grow() {
	if cap(r.block) < rowBlock {
		r.block = append(make([]cell, 0, max(64, min(4*cap(r.block), rowBlock))), r.block...)
		return
	}
	r.full = append(r.full, r.block)
	if n := len(r.spare); n > 0 {
		r.block, r.spare = r.spare[n-1], r.spare[:n-1]
		return
	}
	r.block = make([]cell, 0, rowBlock)
}

// take returns the rows in one slice of exactly their size, and forgets them.
func (r *rows) take() []Row {
	n := len(r.block)
	for _, block := range r.full {
		n += len(block)
	}
	if n == 0 {
		r.reset()
		return nil
	}
	all := make([]Row, n)
	r.batch()
	f := filler{exts: r.exts, batches: r.batches}
	to := all
	for i, block := range r.full {
		f.fill(to[:len(block)], block)
		to = to[len(block):]
		if r.full[i] = nil; len(r.spare) < spareBlocks { // else its memory may be had back meanwhile
			r.spare = append(r.spare, block[:0])
		}
	}
	f.fill(to, r.block)
	r.reset()
	return all
}

// filler makes rows of cells.
type filler struct {
	exts    []Value
	batches []string
	at      uint32 // where the next key begins in the first batch
}

func (f *filler) fill(to []Row, block []cell) {
	batch, at := f.batches[0], f.at
	for i := range to {
		c := &block[i]
		row := &to[i]
		row.Key = batch[at:c.end]
		at = c.end
		if c.kind == KindNone {
			row.Value = f.exts[c.num]
		} else {
			row.Value = Value{c.num, plainExt[c.kind]}
		}
		if c.last {
			f.batches = f.batches[1:]
			batch, at = f.batches[0], 0
		}
	}
	f.at = at
}

func (r *rows) reset() {
	clear(r.exts)
	clear(r.batches)
	r.block, r.exts, r.keys, r.batches = r.block[:0], r.exts[:0], r.keys[:0], r.batches[:0]
	r.full = nil
	if cap(r.exts) > rowBlock {
		r.exts = nil
	}
	if cap(r.batches) > rowBlock {
		r.batches = nil
	}
	if cap(r.keys) > 16*keyBatch {
		r.keys = nil
	}
}
