package kernelmap

import (
	"slices"
	"strconv"

	"tracecar/parser"
)

// better returns the kernel's value where it is the printed one, only exact.
func (d dialect) better(row Row, printed parser.Value) parser.Value {
	if row.Opaque || row.Unsure || !d.agrees(row, printed) {
		return printed
	}
	return row.Value
}

// agrees tells whether a printed value is the row's, knowing how bpftrace's
// JSON errs.
func (d dialect) agrees(row Row, printed parser.Value) bool {
	v := row.Value
	if row.Opaque || v.Equal(printed) {
		return true
	}
	switch v.Kind() {
	case parser.KindBuckets:
		return d.sameBuckets(v.Buckets(), printed.Buckets())
	case parser.KindInt, parser.KindUint:
		return d.sameInt(v, row.Unsure, printed)
	case parser.KindStats:
		a, b := v.Stats(), printed.Stats()
		return d.sameInt(a.Count, false, b.Count) && d.sameInt(a.Total, row.Unsure, b.Total) &&
			(row.Unsure || d.sameInt(a.Average, false, b.Average))
	case parser.KindText: // a buffer
		if !d.squeeze {
			return bufferText(v.Text()) == printed.Text()
		}
		b := make([]byte, 0, len(printed.Elems()))
		for _, e := range printed.Elems() {
			n, _ := e.Int64()
			b = append(b, byte(n))
		}
		return string(b) == v.Text()
	case parser.KindArray:
		return slices.EqualFunc(v.Elems(), printed.Elems(), func(a, b parser.Value) bool {
			return d.agrees(Row{Value: a, Unsure: row.Unsure}, b)
		})
	}
	return false
}

func (d dialect) sameInt(v parser.Value, unsure bool, printed parser.Value) bool {
	if v.Equal(printed) {
		return true
	}
	if printed.Kind() == parser.KindBool {
		return unsure && word(v) == map[bool]uint64{true: 1}[printed.Bool()]
	}
	if d.narrow && printed.Kind() == parser.KindText { // 0.24 on: integers beyond 2^53
		if printed.Text() == decimal(v) {
			return true
		}
		return unsure && printed.Text() == strconv.FormatUint(word(v), 10)
	}
	if k := printed.Kind(); k != parser.KindInt && k != parser.KindUint {
		return false
	}
	// Up to 0.23 pointers and some unsigned values print as signed ones.
	if word(v) == word(printed) {
		return unsure || !d.narrow
	}
	n, m := word(v), word(printed)
	return unsure && (uint32(n) == uint32(m) && m>>32 == 0 || uint16(n) == uint16(m) && m>>16 == 0 || uint8(n) == uint8(m) && m>>8 == 0)
}

func word(v parser.Value) uint64 {
	if n, ok := v.Int64(); ok {
		return uint64(n)
	}
	u, _ := v.Uint64()
	return u
}

func decimal(v parser.Value) string {
	if n, ok := v.Int64(); ok {
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatUint(word(v), 10)
}

// sameBuckets allows wrong labels of the topmost bucket: 0.17 labels hist's
// bucket from 2^31 on "-2147483648 to 0", and up to 0.23 lhist's overflow
// begins at max even if the last whole step ends before.
func (d dialect) sameBuckets(a, b []parser.Bucket) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && (d.narrow || i != len(a)-1 || a[i].HasMax || a[i].Count != b[i].Count) {
			return false
		}
	}
	return true
}
