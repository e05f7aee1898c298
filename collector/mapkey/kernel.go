package mapkey

import (
	"strings"

	"tracecar/collector/kernelmap"
	"tracecar/parser"
)

// sep joins the texts of parts for look-up; bpftrace's texts are free of it
// in practice, and a collision only makes a row ambiguous.
const sep = "\x00"

// fromKernel fills in the keys that are still ambiguous from the kernel's rows.
func fromKernel(src Source, rows []parser.Row, cuts [][][]piece, keys []Key) {
	ix := indexKernel(src)

	// Rows that print alike, and have the same value, can be told apart by
	// nothing; there are as many of them in the kernel, and which is which
	// does not matter. So each such group hands out its kernel rows in turn.
	handed := map[string]int{}
	alike := map[string]int{}
	for i := range rows {
		if keys[i].Ambiguous {
			alike[group(rows[i])]++
		}
	}
	for i := range rows {
		if !keys[i].Ambiguous {
			continue
		}
		found := ix.candidates(rows[i], cuts[i])
		if len(found) == 0 {
			continue
		}
		if !src.Grown {
			found = withValue(found, rows[i].Value)
		}
		switch {
		case len(found) == 0:
		case same(found):
			keys[i] = Key{Parts: found[0].parts}
		case !src.Grown && noneFormatted(found):
			g := group(rows[i])
			if n := handed[g]; len(found) == alike[g] {
				keys[i] = Key{Parts: found[n].parts}
				handed[g] = n + 1
			}
		}
	}
}

// candidate is a kernel row that can be the one printed, with the key it
// would have.
type candidate struct {
	row       *kernelmap.Row
	parts     []parser.Value
	formatted bool // a part came from the printed text
}

type index struct {
	src Source
	// byText finds rows of which every part is known, by the whole text.
	byText map[string][]*kernelmap.Row
	// byParts finds the others by the texts of their known parts.
	byParts map[string][]*kernelmap.Row
}

func indexKernel(src Source) *index {
	ix := &index{src: src, byText: map[string][]*kernelmap.Row{}, byParts: map[string][]*kernelmap.Row{}}
	for i := range src.Kernel.Rows {
		row := &src.Kernel.Rows[i]
		if text, ok := kernelmap.Render(src.Dialect.Version, row.Key); ok {
			ix.byText[text] = append(ix.byText[text], row)
			continue
		}
		if k, ok := ix.partsKey(row.Key, nil); ok {
			ix.byParts[k] = append(ix.byParts[k], row)
		}
	}
	return ix
}

// partsKey is the look-up key of a row with opaque parts: the texts of the
// others. With a way to cut, the texts are those of the cut.
func (ix *index) partsKey(parts []kernelmap.Part, way []piece) (string, bool) {
	var b strings.Builder
	for i, p := range parts {
		if p.Opaque {
			b.WriteString("?" + sep)
			continue
		}
		text := ""
		if way != nil {
			text = way[i].text
		} else {
			t, ok := kernelmap.Render(ix.src.Dialect.Version, parts[i:i+1])
			if !ok {
				return "", false
			}
			text = t
		}
		b.WriteString("=" + text + sep)
	}
	return b.String(), true
}

func (ix *index) candidates(row parser.Row, ways [][]piece) []candidate {
	var found []candidate
	for _, r := range ix.byText[row.Key] {
		found = append(found, candidate{row: r, parts: plain(r.Key)})
	}
	if len(ix.byParts) == 0 || len(ix.src.Kernel.Rows) == 0 {
		return found
	}
	shape := ix.src.Kernel.Rows[0].Key
	for _, way := range ways {
		if len(way) != len(shape) {
			continue
		}
		k, _ := ix.partsKey(shape, way)
		for _, r := range ix.byParts[k] {
			parts, ok := merge(r.Key, way)
			if ok {
				found = append(found, candidate{row: r, parts: parts, formatted: true})
			}
		}
	}
	return found
}

func plain(parts []kernelmap.Part) []parser.Value {
	vs := make([]parser.Value, len(parts))
	for i, p := range parts {
		vs[i] = p.Value
	}
	return vs
}

// merge takes the opaque parts from the printed text and the others from the
// kernel; ok is false where a printed part lost something.
func merge(parts []kernelmap.Part, way []piece) (vs []parser.Value, ok bool) {
	for i, p := range parts {
		if !p.Opaque {
			vs = append(vs, p.Value)
			continue
		}
		if !way[i].exact {
			return nil, false
		}
		vs = append(vs, way[i].value)
	}
	return vs, true
}

func withValue(found []candidate, v parser.Value) []candidate {
	var kept []candidate
	for _, c := range found {
		if c.row.Opaque || SameValue(c.row.Value, v) {
			kept = append(kept, c)
		}
	}
	return kept
}

func same(found []candidate) bool {
	for _, c := range found[1:] {
		for i := range c.parts {
			if !c.parts[i].Equal(found[0].parts[i]) {
				return false
			}
		}
	}
	return true
}

func noneFormatted(found []candidate) bool {
	for _, c := range found {
		if c.formatted {
			return false
		}
	}
	return true
}

// group names the rows that print alike and have the same value.
func group(row parser.Row) string {
	return row.Key + sep + string(row.Value.AppendJSON(nil))
}
