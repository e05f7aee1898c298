package kernelmap

import (
	"slices"
	"strings"

	"tracecar/parser/script"
)

// pair finds each script map's kernel map. Names are cut at 15 bytes; where
// several maps share what is left, BTF names them, or else the order does:
// bpftrace makes its maps sorted by name.
func pair(raws []Raw, maps []script.Map) (found map[string]*Raw, skipped map[string]string) {
	found, skipped = map[string]*Raw{}, map[string]string{}
	byName := map[string][]*Raw{}
	for i := range raws {
		r := &raws[i]
		if r.FullName != "" {
			found[mapName(r.FullName)] = r
		} else {
			byName[r.Name] = append(byName[r.Name], r)
		}
	}
	alike := map[string][]string{}
	for _, m := range maps {
		if found[m.Name] == nil {
			name := kernelName(namePrefix + strings.TrimPrefix(m.Name, "@"))
			alike[name] = append(alike[name], m.Name)
		}
	}
	for name, names := range alike {
		rs := byName[name]
		slices.Sort(names)
		names = slices.Compact(names)
		slices.SortFunc(rs, func(a, b *Raw) int { return int(int64(a.ID) - int64(b.ID)) })
		for i, n := range names {
			switch {
			case len(rs) == len(names):
				found[n] = rs[i]
			case len(rs) == 0:
				skipped[n] = "the kernel holds no such map"
			default:
				skipped[n] = "several maps are called " + name + " in the kernel"
			}
		}
	}
	return found, skipped
}

func mapName(full string) string { return "@" + strings.TrimPrefix(full, namePrefix) }
