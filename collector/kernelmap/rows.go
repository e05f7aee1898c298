package kernelmap

import (
	"iter"

	"tracecar/parser"
)

// Row is one element of a map.
type Row struct {
	// Key has one part per element of the key as the script writes it. It is
	// not to be changed: other rows and tables may share it.
	Key []Part
	// Value is typed as parser types what bpftrace prints: KindBuckets for
	// hist and lhist, KindStats for stats; an integer for count, sum, min,
	// max and avg; KindNone where Opaque is set.
	Value parser.Value
	// Opaque says that bpftrace formats the value itself (a stack, a symbol,
	// an address): take it from its JSON.
	Opaque bool
	// Unsure says that the script does not tell the value's type, or not
	// whether it is signed where that matters: prefer its JSON.
	Unsure bool
}

// Rows is the rows of a table, column by column: of a large map that is read
// again and again the keys stay, and 8 bytes of a row are new each time.
type Rows struct {
	keys   [][]Part
	totals []uint64 // of a count() or sum(), typed by total; or else
	total  func(uint64) Part
	values []value
}

type value struct {
	parser.Value
	opaque, unsure bool
}

// RowsOf puts rows into columns.
func RowsOf(rows []Row) Rows {
	r := Rows{keys: make([][]Part, len(rows)), values: make([]value, len(rows))}
	for i := range rows {
		r.keys[i], r.values[i] = rows[i].Key, value{rows[i].Value, rows[i].Opaque, rows[i].Unsure}
	}
	return r
}

// Len is the number of rows.
func (r *Rows) Len() int { return len(r.keys) }

// At returns row i, from 0 to below Len.
func (r *Rows) At(i int) Row {
	row := Row{Key: r.keys[i]}
	if r.total != nil {
		p := r.total(r.totals[i])
		row.Value, row.Unsure = p.Value, p.Unsure
		return row
	}
	v := &r.values[i]
	row.Value, row.Opaque, row.Unsure = v.Value, v.opaque, v.unsure
	return row
}

// All ranges over the rows.
func (r *Rows) All() iter.Seq2[int, Row] {
	return func(yield func(int, Row) bool) {
		for i := range r.keys {
			if !yield(i, r.At(i)) {
				return
			}
		}
	}
}
