package parser

import "slices"

const (
	// scratchRows is how many rows are gathered before memory is set apart
	// for more: smaller maps are copied once into a slice of their size.
	scratchRows = 4096
	// keyBatch and keyBatchRows bound how many keys share one string, and so
	// what a kept key keeps alive.
	keyBatch     = 4096
	keyBatchRows = 512
)

// rows gathers the rows of one map. Keys are kept as bytes and turned into
// strings by the batch; rows stand in blocks until their number is known.
type rows struct {
	block  []Row // scratch: cap scratchRows at most
	full   [][]Row
	keys   []byte
	ends   []int32
	tagged int // rows of block that have their Key
	total  int
}

func (r *rows) reset() {
	clear(r.block)
	r.block, r.full, r.keys, r.ends = r.block[:0], nil, r.keys[:0], r.ends[:0]
	r.tagged, r.total = 0, 0
	if cap(r.keys) > 16*keyBatch {
		r.keys = nil
	}
}

// add appends a row whose key was appended to keys.
func (r *rows) add(v Value) {
	if len(r.block) == scratchRows {
		r.flush()
		r.full = append(r.full, r.block)
		r.block = make([]Row, 0, scratchRows)
		r.tagged = 0
	}
	r.block = append(r.block, Row{Value: v})
	r.ends = append(r.ends, int32(len(r.keys)))
	r.total++
	if len(r.keys) >= keyBatch || len(r.ends) >= keyBatchRows {
		r.flush()
	}
}

// flush turns the gathered key bytes into strings that share one.
func (r *rows) flush() {
	all := string(r.keys)
	at := int32(0)
	for i, end := range r.ends {
		r.block[r.tagged+i].Key = all[at:end]
		at = end
	}
	r.tagged += len(r.ends)
	r.keys, r.ends = r.keys[:0], r.ends[:0]
}

// take returns the rows in one slice of exactly their size.
func (r *rows) take() []Row {
	r.flush()
	defer r.reset()
	if r.total == 0 {
		return nil
	}
	if len(r.full) == 0 {
		return slices.Clone(r.block)
	}
	all := make([]Row, 0, r.total)
	for i, block := range r.full {
		all = append(all, block...)
		r.full[i] = nil // its memory may be had back while the rest is copied
	}
	return append(all, r.block...)
}
