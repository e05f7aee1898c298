package mapkey

import (
	"tracecar/collector/kernelmap"
	"tracecar/parser"
	"tracecar/parser/script"
)

// maxMatches bounds the comparisons of rows with the kernel's where parts of
// the key are bpftrace's own words.
const maxMatches = 1_000_000

// fromKernel fills in the keys that are still ambiguous, and the values that
// bpftrace labels wrongly, from a copy of the same state.
func fromKernel(src Source, types []script.Type, rows []parser.Row, keys []Key) {
	for i, j := range kernelmap.Join(src.Dialect.Version, src.Kernel, rows) {
		keys[i].Value = j.Value
		if keys[i].Ambiguous && j.Key != nil {
			if parts, ok := merge(src, types, j.Key, rows[i].Key); ok {
				keys[i].Parts, keys[i].Ambiguous = parts, false
			}
		}
	}
}

// fromLaterKernel fills in keys from a copy read later, of a map that keeps
// all its keys: a text that one kernel key prints as was that key.
func fromLaterKernel(src Source, types []script.Type, rows []parser.Row, keys []Key) {
	version := src.Dialect.Version
	byText := map[string][]*kernelmap.Row{}
	var others []*kernelmap.Row
	for _, r := range src.Kernel.Rows.All() {
		row := &r
		if text, ok := kernelmap.Render(version, row.Key); ok {
			byText[text] = append(byText[text], row)
		} else {
			others = append(others, row)
		}
	}
	if len(rows)*len(others) > maxMatches {
		others = nil
		byText = nil
	}
	for i := range rows {
		if !keys[i].Ambiguous {
			continue
		}
		var found [][]parser.Value
		for _, list := range [][]*kernelmap.Row{byText[rows[i].Key], others} {
			for _, row := range list {
				if !kernelmap.Match(version, row.Key, rows[i].Key) {
					continue
				}
				resolved, ok := kernelmap.Resolve(version, row.Key, rows[i].Key)
				parts, whole := merge(src, types, resolved, rows[i].Key)
				if !ok || !whole {
					parts = nil // it may be this one, and cannot be told
				}
				found = append(found, parts)
			}
		}
		if parts, ok := allSame(found); ok {
			keys[i].Parts, keys[i].Ambiguous = parts, false
		}
	}
}

// merge reads bpftrace's own words in the opaque parts of a key that printed
// as text; ok is false where one is missing or lost something.
func merge(src Source, types []script.Type, key []kernelmap.Part, text string) (parts []parser.Value, ok bool) {
	parts = make([]parser.Value, len(key))
	var cut []piece // the only way to cut text
	for i, p := range key {
		parts[i] = p.Value
		if p.Unsure && !p.Opaque {
			return nil, false
		}
		if !p.Opaque {
			continue
		}
		if i >= len(types) {
			return nil, false
		}
		var read piece
		if p.Value.Kind() == parser.KindText {
			read, ok = readPart(src.Dialect, types[i], p.Value.Text(), len(key) == 1)
		} else {
			// Several parts are opaque: only their types tell where each ends.
			if cut == nil {
				cut = onlyCut(src, types, text)
			}
			if ok = len(cut) == len(key); ok {
				read = cut[i]
			}
		}
		if !ok || !read.exact {
			return nil, false
		}
		parts[i] = read.value
	}
	return parts, true
}

// onlyCut returns the way to cut text where there is one only.
func onlyCut(src Source, types []script.Type, text string) []piece {
	ways, more := splits(src.Dialect, types, text)
	if len(ways) != 1 || more || src.Unclear {
		return nil
	}
	return ways[0]
}

func allSame(found [][]parser.Value) ([]parser.Value, bool) {
	if len(found) == 0 || found[0] == nil {
		return nil, false
	}
	for _, f := range found[1:] {
		if len(f) != len(found[0]) {
			return nil, false
		}
		for i := range f {
			if !f[i].Equal(found[0][i]) {
				return nil, false
			}
		}
	}
	return found[0], true
}
