package kernelmap

import (
	"slices"
	"strings"
)

// match walks the parts over the text, holding all places that the parts so
// far can end at: time is bounded by parts × length, however many are open.
func (d dialect) match(parts []Part, text string) bool {
	if len(parts) == 0 {
		return text == ""
	}
	if d.squeeze && len(parts) == 1 {
		p := parts[0]
		if p.Opaque {
			return true
		}
		return slices.ContainsFunc(d.prints(p), func(w string) bool { return unwrap(w) == text })
	}
	at := []int{0}
	for i, p := range parts {
		sep := ","
		if i == 0 {
			sep = ""
		}
		var next []int
		for _, pos := range at {
			rest, ok := strings.CutPrefix(text[pos:], sep)
			if !ok {
				continue
			}
			start := len(text) - len(rest)
			if p.Opaque {
				// It ends before any comma from here on, or at the end.
				for j := start; j <= len(text); j++ {
					if j == len(text) || text[j] == ',' {
						next = append(next, j)
					}
				}
				break // later places open nothing more
			}
			for _, w := range d.prints(p) {
				if strings.HasPrefix(rest, w) {
					next = append(next, start+len(w))
				}
			}
		}
		slices.Sort(next)
		if at = slices.Compact(next); len(at) == 0 {
			return false
		}
	}
	return at[len(at)-1] == len(text)
}
