package kernelmap

import (
	"slices"
	"strings"

	"tracecar/parser"
)

// Resolve makes the unsure parts sure by the text that bpftrace printed for
// the key, and puts bpftrace's text into an opaque part (as a KindText; it
// stays Opaque) where only one piece of the text can be its. ok is false
// where the text does not match, or leaves an unsure part open: then parts is
// returned as it was, else a copy.
func Resolve(version string, parts []Part, text string) (resolved []Part, ok bool) {
	d, _ := dialectOf(version)
	return d.resolve(parts, text)
}

func (d dialect) resolve(parts []Part, text string) ([]Part, bool) {
	if !d.match(parts, text) {
		return parts, false
	}
	out := slices.Clone(parts)
	for i := range out {
		if !out[i].Unsure || out[i].Opaque {
			continue
		}
		var fit []Part
		for _, r := range readings(out[i]) {
			out[i] = r
			if d.match(out, text) {
				fit = append(fit, r)
			}
		}
		if len(fit) == 0 || slices.ContainsFunc(fit, func(p Part) bool { return !p.Value.Equal(fit[0].Value) }) {
			return parts, false
		}
		out[i] = fit[0]
	}
	d.fill(out, text)
	return out, true
}

// fill puts bpftrace's text into the only opaque part.
func (d dialect) fill(parts []Part, text string) {
	at := -1
	for i, p := range parts {
		if p.Opaque {
			if at >= 0 {
				return
			}
			at = i
		}
	}
	if at < 0 {
		return
	}
	var before, after strings.Builder
	for i, p := range parts {
		switch {
		case i < at:
			before.WriteString(d.prints(p)[0] + ",")
		case i > at:
			after.WriteString("," + d.prints(p)[0])
		}
	}
	rest, ok := strings.CutPrefix(text, before.String())
	if rest, ok2 := strings.CutSuffix(rest, after.String()); ok && ok2 {
		parts[at].Value = parser.Text(rest)
	}
}
