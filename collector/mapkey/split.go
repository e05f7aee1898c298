package mapkey

import (
	"strconv"
	"strings"

	"tracecar/parser"
	"tracecar/parser/script"
)

// maxSplits bounds the ways in which one key may be cut that are looked at:
// beyond it the cut is called ambiguous.
const maxSplits = 64

// piece is one part of one way to cut a key.
type piece struct {
	value parser.Value
	// exact: value is what the script computed. Otherwise bpftrace shortened
	// the text and only the kernel's copy can tell.
	exact bool
}

// splits returns the ways in which text can be cut into parts of the types
// that the script gives; more is true where there are more than maxSplits.
func splits(d Dialect, types []script.Type, text string) (ways [][]piece, more bool) {
	var cut func(rest string, i int, done []piece) bool
	cut = func(rest string, i int, done []piece) bool {
		last := i == len(types)-1
		if last {
			if p, ok := readPart(d, types[i], rest, len(types) == 1); ok {
				if len(ways) == maxSplits {
					return false
				}
				ways = append(ways, append(done[:len(done):len(done)], p))
			}
			return true
		}
		for at := 0; ; {
			n := strings.IndexByte(rest[at:], ',')
			if n < 0 {
				return true
			}
			at += n
			if p, ok := readPart(d, types[i], rest[:at], false); ok {
				if !cut(rest[at+1:], i+1, append(done[:len(done):len(done)], p)) {
					return false
				}
			}
			at++
		}
	}
	if len(types) == 0 {
		return nil, false
	}
	more = !cut(text, 0, nil)
	return ways, more
}

// readPart reads text as one part of a key of type t; ok is false where a
// part of that type never prints like that. whole says that the part is the
// whole key.
func readPart(d Dialect, t script.Type, text string, whole bool) (p piece, ok bool) {
	switch t.Kind {
	case script.TypeInt, script.TypePointer:
		v, ok := integer(t, text)
		p.value, p.exact = v, true
		return p, ok
	case script.TypeEnum:
		if v, ok := integer(t, text); ok {
			p.value, p.exact = v, true
			return p, true
		}
		p.value, p.exact = parser.Text(text), true
		return p, isWord(text)
	case script.TypeBool:
		switch text {
		case "true", "1", "-1":
			p.value = parser.Bool(true)
		case "false", "0":
			p.value = parser.Bool(false)
		default:
			return p, false
		}
		p.exact = true
		return p, true
	case script.TypeKernelStack, script.TypeUserStack:
		return readStack(d, t, text)
	case script.TypeInet:
		p.value, p.exact = parser.Text(text), true
		return p, text != "" && strings.Trim(text, "0123456789abcdefABCDEF:.") == ""
	case script.TypeMAC:
		p.value, p.exact = parser.Text(text), true
		return p, len(text) == 17 && strings.Trim(text, "0123456789abcdefABCDEF:") == ""
	case script.TypeUserSymbol:
		p.value = parser.Text(text)
		p.exact = !d.DropsSpaces || keptSpaces(text)
		return p, true
	case script.TypeKernelSymbol, script.TypeProbe, script.TypeUsername:
		p.value = parser.Text(text)
		p.exact = !d.DropsSpaces || !strings.ContainsAny(text, "(<")
		return p, true
	case script.TypeTimestamp, script.TypeCgroupPath, script.TypeStrerror:
		p.value = parser.Text(text)
		p.exact = !d.DropsSpaces || t.Kind == script.TypeCgroupPath
		return p, true
	case script.TypeString:
		p.value = parser.Text(text)
		p.exact = !d.DropsSpaces
		return p, true
	case script.TypeTuple:
		return readTuple(d, t, text)
	default: // buffers, structs, arrays, and what the script does not tell
		p.value = parser.Text(text)
		if whole && !d.DropsSpaces && t.Kind == script.TypeUnknown {
			// Without a type an integer and a string of digits look the same.
			p.exact = false
		}
		return p, true
	}
}

// readTuple reads a tuple inside a key: "["a","b"]" is JSON on 0.23, "(a,b)"
// on 0.24 and later. Only what can be read one way is exact.
func readTuple(d Dialect, t script.Type, text string) (p piece, ok bool) {
	p.value = parser.Text(text)
	if d.DropsSpaces && len(text) >= 2 && text[0] == '(' && text[len(text)-1] == ')' {
		ways, more := splits(d, t.Elems, text[1:len(text)-1])
		if len(ways) == 0 {
			return p, false
		}
		if len(ways) == 1 && !more {
			p.exact = true
			var elems []parser.Value
			for _, e := range ways[0] {
				elems = append(elems, e.value)
				p.exact = p.exact && e.exact
			}
			p.value = parser.Array(elems)
		}
	}
	return p, true
}

// integer reads what bpftrace prints for an integer or a pointer. A negative
// number of an unsigned 64-bit part is one that 0.17 and 0.23 print wrongly.
func integer(t script.Type, text string) (parser.Value, bool) {
	if hex, found := strings.CutPrefix(text, "0x"); found {
		n, err := strconv.ParseUint(hex, 16, 64)
		return parser.Uint(n), err == nil
	}
	v, ok := Number(text)
	if n, fits := v.Int64(); fits && n < 0 && (t.Kind == script.TypePointer || t.Kind == script.TypeInt && t.Bits == 64 && !t.Signed) {
		return parser.Uint(uint64(n)), ok
	}
	return v, ok
}

func isWord(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// Frames reads a stack as bpftrace prints it, innermost frame first: each
// frame on a line of its own, after a newline and before one. An empty stack
// is "" or a newline.
func Frames(text string) (frames []string, ok bool) {
	if text == "" || text == "\n" {
		return nil, true
	}
	if len(text) < 2 || text[0] != '\n' || text[len(text)-1] != '\n' {
		return nil, false
	}
	for _, line := range strings.Split(text[1:len(text)-1], "\n") {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return nil, false
		}
		frames = append(frames, line)
	}
	return frames, true
}
