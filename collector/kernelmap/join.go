package kernelmap

import (
	"slices"
	"strconv"

	"tracecar/parser"
)

// Joined is a row that bpftrace printed, with what the kernel knows of it.
type Joined struct {
	// Key is the exact key; nil where no row of the kernel, or more than one,
	// can be it. Opaque parts hold bpftrace's text where that can be told
	// apart from the other parts' (see Resolve).
	Key []Part
	// Value is the printed one, except where the kernel's agrees with it and
	// says more: bucket ranges that bpftrace labels wrongly, buffers,
	// integers printed as strings or by the wrong sign.
	Value parser.Value
}

// joinTries bounds the comparisons for keys with opaque parts.
const joinTries = 5_000_000

// Join pairs rows as bpftrace printed them with a table's. The answer has one
// Joined per printed row, in order. Different keys that print alike are told
// apart by their values; where those are equal too it does not matter.
// Rows of the table that nothing printed is like are not in the answer.
func Join(version string, t *Table, printed []parser.Row) []Joined {
	d, _ := dialectOf(version)
	out := make([]Joined, len(printed))
	for i, p := range printed {
		out[i].Value = p.Value
	}
	if !t.Keyed {
		if len(printed) == 1 && len(t.Rows) == 1 {
			out[0].Key, out[0].Value = []Part{}, d.better(t.Rows[0], printed[0].Value)
		}
		return out
	}
	j := joiner{d: d, t: t, byText: map[string][]int{}, used: make([]bool, len(t.Rows))}
	j.index()
	// First the rows whose value agrees; what is left may have changed since.
	for i, p := range printed {
		for _, r := range j.candidates(p.Key) {
			if !j.used[r] && d.agrees(t.Rows[r], p.Value) {
				j.take(&out[i], r, p)
				break
			}
		}
	}
	for i, p := range printed {
		if out[i].Key != nil {
			continue
		}
		free := slices.DeleteFunc(slices.Clone(j.candidates(p.Key)), func(r int) bool { return j.used[r] })
		if len(free) == 1 {
			j.take(&out[i], free[0], p)
		}
	}
	return out
}

type joiner struct {
	d      dialect
	t      *Table
	byText map[string][]int // rows by each text their key may print as
	opaque []int            // rows with an opaque part
	tries  int
	used   []bool
}

func (j *joiner) index() {
	for i, r := range j.t.Rows {
		if slices.ContainsFunc(r.Key, func(p Part) bool { return p.Opaque }) {
			j.opaque = append(j.opaque, i)
			continue
		}
		for _, text := range j.d.texts(r.Key) {
			if had := j.byText[text]; len(had) == 0 || had[len(had)-1] != i {
				j.byText[text] = append(had, i)
			}
		}
	}
}

// candidates returns the rows whose key may print as text.
func (j *joiner) candidates(text string) []int {
	if len(j.opaque) == 0 {
		return j.byText[text]
	}
	all := slices.Clone(j.byText[text])
	for _, i := range j.opaque {
		if j.used[i] {
			continue
		}
		if j.tries++; j.tries > joinTries {
			return nil
		}
		if j.d.match(j.t.Rows[i].Key, text) {
			all = append(all, i)
		}
	}
	return all
}

func (j *joiner) take(out *Joined, r int, p parser.Row) {
	row := j.t.Rows[r]
	key, ok := j.d.resolve(row.Key, p.Key)
	if !ok {
		return
	}
	j.used[r] = true
	out.Key, out.Value = key, j.d.better(row, p.Value)
}

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
