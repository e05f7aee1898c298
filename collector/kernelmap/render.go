package kernelmap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tracecar/parser"
)

// Render returns the text that bpftrace of this version prints for a key in
// its JSON, once JSON escapes, byte escapes and double escapes are undone.
// ok is false where a part is opaque: then only Match can tell.
func Render(version string, parts []Part) (text string, ok bool) {
	d, _ := dialectOf(version)
	var b strings.Builder
	for i, p := range parts {
		if p.Opaque {
			return "", false
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(d.prints(p)[0])
	}
	if d.squeeze && len(parts) == 1 {
		return unwrap(b.String()), true
	}
	return b.String(), true
}

// Match tells whether text, a key as the parser gives it, can be bpftrace's
// print of parts; an opaque part matches any text, an unsure one each way in
// which bpftrace prints the types it may have.
func Match(version string, parts []Part, text string) bool {
	d, _ := dialectOf(version)
	return d.match(parts, text)
}

// readings lists what an unsure part may be.
func readings(p Part) []Part {
	sure := func(v parser.Value) Part { return Part{Value: v, form: formPlain, size: p.size} }
	n, isInt := p.Value.Int64()
	if u, ok := p.Value.Uint64(); ok && p.size > 0 && p.size <= 8 && p.form == formPlain && u>>(8*p.size-1) != 0 {
		// Unsigned by the script: signed is the other reading.
		return []Part{sure(p.Value), sure(parser.Int(int64(u<<(64-8*p.size)) >> (64 - 8*p.size)))}
	}
	switch {
	case p.form == formTuple:
		all := [][]Part{{}}
		for _, e := range p.parts() {
			options := []Part{e}
			if e.Unsure {
				options = readings(e)
			}
			var next [][]Part
			for _, head := range all {
				for _, o := range options {
					next = append(next, append(slices.Clone(head), o))
				}
			}
			if all = next; len(all) > 256 {
				return nil
			}
		}
		var out []Part
		for _, elems := range all {
			out = append(out, tupleOf(elems))
		}
		return out
	case p.form == formBytes:
		return []Part{sure(p.Value)}
	case isInt:
		out := []Part{sure(p.Value)}
		if n < 0 {
			u := uint64(n)
			if p.size < 8 {
				u &= 1<<(8*p.size) - 1
			}
			out = append(out, sure(parser.Uint(u)))
		}
		if p.size == 1 && (n == 0 || n == 1) {
			out = append(out, sure(parser.Bool(n == 1)))
		}
		return out
	}
	return []Part{sure(p.Value)}
}

func tupleOf(elems []Part) Part {
	p := Part{form: formTuple, elems: &elems}
	values := make([]parser.Value, len(elems))
	for i, e := range elems {
		values[i] = e.Value
		p.Opaque, p.Unsure = p.Opaque || e.Opaque, p.Unsure || e.Unsure
	}
	if !p.Opaque {
		p.Value = parser.Array(values)
	}
	return p
}

// appendKey appends the print of a key whose parts are sure and plain; ok is
// false for others. It is Render without garbage.
func (d dialect) appendKey(b []byte, parts []Part) (text []byte, ok bool) {
	for i := range parts {
		p := &parts[i]
		if p.Opaque || p.Unsure || p.form != formPlain {
			return b, false
		}
		if i > 0 {
			b = append(b, ',')
		}
		switch p.Value.Kind() {
		case parser.KindInt:
			n, _ := p.Value.Int64()
			b = strconv.AppendInt(b, n, 10)
		case parser.KindText:
			s := p.Value.Text()
			if !d.squeeze {
				b = append(b, s...)
				continue
			}
			for j := range len(s) {
				if s[j] != ' ' {
					b = append(b, s[j])
				}
			}
		default:
			b = append(b, d.printsScalar(p.Value)...)
		}
	}
	if n := len(b); d.squeeze && len(parts) == 1 && n >= 2 && b[0] == '(' && b[n-1] == ')' {
		b = b[1 : n-1]
	}
	return b, true
}

// texts lists the ways a key without opaque parts can be printed.
func (d dialect) texts(parts []Part) []string {
	all := []string{""}
	for i, p := range parts {
		var next []string
		for _, head := range all {
			if i > 0 {
				head += ","
			}
			for _, w := range d.prints(p) {
				if d.squeeze && len(parts) == 1 {
					w = unwrap(w)
				}
				next = append(next, head+w)
			}
		}
		all = next[:min(len(next), 256)]
	}
	return all
}

// unwrap does what 0.24 and later do to a printed key: it takes off one outer
// pair of parentheses. A key of several parts is printed as a tuple and loses
// those; a key of one part loses its own, if it happens to have them.
func unwrap(text string) string {
	if len(text) >= 2 && text[0] == '(' && text[len(text)-1] == ')' {
		return text[1 : len(text)-1]
	}
	return text
}

// prints lists the ways a part that is not opaque can be printed, the
// likeliest first.
func (d dialect) prints(p Part) []string {
	switch p.form {
	case formTuple:
		return d.printsTuple(p)
	case formBuffer:
		return []string{d.squeezed(bufferText(p.Value.Text()))}
	case formPointer:
		u, _ := p.Value.Uint64()
		if d.btf && !d.squeeze { // 0.22, 0.23
			return []string{strconv.FormatUint(u, 10), strconv.FormatInt(int64(u), 10)}
		}
		return []string{"0x" + strconv.FormatUint(u, 16), strconv.FormatUint(u, 10), strconv.FormatInt(int64(u), 10)}
	}
	if k := p.Value.Kind(); p.Unsure && (k == parser.KindInt || k == parser.KindUint) {
		var all []string
		for _, r := range readings(p) {
			all = append(all, d.printsScalar(r.Value))
		}
		return all
	}
	return []string{d.printsScalar(p.Value)}
}

func (d dialect) printsScalar(v parser.Value) string {
	switch v.Kind() {
	case parser.KindBool:
		if !d.squeeze {
			return strconv.Itoa(map[bool]int{true: 1}[v.Bool()])
		}
		return strconv.FormatBool(v.Bool())
	case parser.KindInt:
		n, _ := v.Int64()
		return strconv.FormatInt(n, 10)
	case parser.KindUint:
		u, _ := v.Uint64()
		if !d.squeeze { // before 0.24 all integers in keys print as signed
			return strconv.FormatInt(int64(u), 10)
		}
		return strconv.FormatUint(u, 10)
	}
	return d.squeezed(v.Text())
}

func (d dialect) printsTuple(p Part) []string {
	open, end, quoted := "(", ")", false
	if !d.squeeze { // a tuple inside a key is JSON
		open, end, quoted = "[", "]", true
	}
	all := []string{open}
	for i, e := range p.parts() {
		ways := d.prints(e)
		var next []string
		for _, head := range all {
			if i > 0 {
				head += ","
			}
			if quoted && e.Value.Kind() == parser.KindText {
				ways = []string{`"` + jsonText(ways[0]) + `"`, `"` + ways[0] + `"`}
			}
			for _, w := range ways {
				next = append(next, head+w)
			}
		}
		all = next[:min(len(next), 64)]
	}
	for i := range all {
		all[i] += end
	}
	return all
}

// jsonText escapes as bpftrace up to 0.23 does, high bytes included.
func jsonText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20:
			fmt.Fprintf(&b, `\u%04x`, c)
		case c >= 0x80:
			fmt.Fprintf(&b, `\uffffff%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (d dialect) squeezed(s string) string {
	if d.squeeze {
		return strings.ReplaceAll(s, " ", "")
	}
	return s
}

// bufferText prints bytes as buf() does in a key.
func bufferText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= 0x20 && c < 0x7f {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}
