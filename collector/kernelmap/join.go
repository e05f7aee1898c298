package kernelmap

import (
	"slices"

	"tracecar/parser"
)

// Joined is a row that bpftrace printed, with what the kernel knows of it.
type Joined struct {
	// Key is the exact key; nil where the rows of the kernel leave open which
	// it is. Opaque parts hold bpftrace's text where that can be told apart
	// from the other parts' (see Resolve).
	Key []Part
	// Value is the printed one, except where the kernel's agrees with it and
	// says more: bucket ranges that bpftrace labels wrongly, buffers,
	// integers printed as strings or by the wrong sign.
	Value parser.Value
}

// Join pairs rows as bpftrace printed them with a table's. The answer has one
// Joined per printed row, in order; rows of the table that nothing printed is
// like are not in it. Different keys that print alike are told apart by their
// values, so both must show the same state: what bpftrace printed in the end,
// and a dump made after that. Keys that nothing else prints like are exact
// even if the state moved in between.
func Join(version string, t *Table, printed []parser.Row) []Joined {
	d, _ := dialectOf(version)
	j := joiner{d: d, t: t, printed: printed, out: make([]Joined, len(printed))}
	for i, p := range printed {
		j.out[i].Value = p.Value
	}
	switch {
	case !t.Keyed:
		if len(printed) == 1 && t.Rows.Len() == 1 {
			j.out[0].Key, j.out[0].Value = []Part{}, d.better(t.Rows.At(0), printed[0].Value)
		}
	case slices.ContainsFunc(t.Rows.keys, opaqueKey):
		j.opaque()
	default:
		j.sure()
	}
	return j.out
}

func opaqueKey(key []Part) bool {
	return slices.ContainsFunc(key, func(p Part) bool { return p.Opaque })
}

type joiner struct {
	d       dialect
	t       *Table
	printed []parser.Row
	out     []Joined
	tries   int
}

// sure pairs rows by the text that their keys print as. Where several rows
// print alike, all of them must find their values, or none is paired.
func (j *joiner) sure() {
	// Chains of the printed rows and of the table's rows, by text.
	first := make(map[string]int32, len(j.printed))
	next, rows := make([]int32, len(j.printed)), make([]int32, len(j.printed))
	for i := len(j.printed) - 1; i >= 0; i-- {
		next[i], rows[i] = -1, -1
		if had, ok := first[j.printed[i].Key]; ok {
			next[i] = had
		}
		first[j.printed[i].Key] = int32(i)
	}
	nextRow := make([]int32, j.t.Rows.Len())
	var buf []byte
	for r, key := range j.t.Rows.keys {
		var head int32
		var ok bool
		if buf, ok = j.d.appendKey(buf[:0], key); ok {
			head, ok = first[string(buf)]
		} else {
			head, ok = j.oneOf(first, j.d.texts(key))
		}
		if ok {
			nextRow[r], rows[head] = rows[head], int32(r)
		}
	}
	for head, r := range rows {
		switch {
		case r < 0:
		case next[head] < 0 && nextRow[r] < 0 && !j.t.Truncated:
			j.pair(head, j.t.Rows.At(int(r)))
		default:
			j.group(chain(next, int32(head)), chain(nextRow, r))
		}
	}
}

// pair makes printed row p a row of the table, if its text leaves nothing open.
func (j *joiner) pair(p int, row Row) {
	if key, ok := j.resolved(row.Key, j.printed[p].Key); ok {
		j.out[p] = Joined{Key: key, Value: j.d.better(row, j.printed[p].Value)}
	}
}

// oneOf returns the head of the only text that was printed.
func (j *joiner) oneOf(first map[string]int32, texts []string) (head int32, ok bool) {
	for _, t := range texts {
		if h, found := first[t]; found && (!ok || h == head) {
			head, ok = h, true
		} else if found {
			return 0, false
		}
	}
	return head, ok
}

func chain(next []int32, i int32) []int32 {
	var all []int32
	for ; i >= 0; i = next[i] {
		all = append(all, i)
	}
	return all
}

// group pairs the rows of one text.
func (j *joiner) group(printed, rows []int32) {
	if len(printed) != len(rows) {
		return
	}
	if len(rows) > 1 || j.t.Truncated {
		if slices.ContainsFunc(rows, func(r int32) bool { return j.t.Rows.At(int(r)).Opaque }) {
			return // values that only bpftrace can read tell nothing apart
		}
		for i, p := range printed {
			at := slices.IndexFunc(rows[i:], func(r int32) bool { return j.d.agrees(j.t.Rows.At(int(r)), j.printed[p].Value) })
			if at < 0 {
				return
			}
			rows[i], rows[i+at] = rows[i+at], rows[i]
		}
	}
	for i, p := range printed {
		j.pair(int(p), j.t.Rows.At(int(rows[i])))
	}
}

func (j *joiner) resolved(key []Part, text string) ([]Part, bool) {
	if !slices.ContainsFunc(key, func(p Part) bool { return p.Opaque || p.Unsure }) {
		return key, true
	}
	return j.d.resolve(key, text)
}
