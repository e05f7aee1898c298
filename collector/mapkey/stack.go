package mapkey

import (
	"regexp"
	"strings"

	"tracecar/parser"
	"tracecar/parser/script"
)

// readStack reads a stack; it is exact where dropped spaces took nothing of
// its frames, or nothing that cannot be put back.
func readStack(d Dialect, t script.Type, text string) (p piece, ok bool) {
	frames, ok := Frames(text)
	p.exact = true
	if d.DropsSpaces {
		for i, f := range frames {
			exact := true
			switch {
			case t.StackMode == "raw":
			case t.StackMode == "perf":
				frames[i], exact = perfColumns(t, f)
			case t.Kind == script.TypeUserStack:
				exact = keptSpaces(f)
			}
			p.exact = p.exact && exact
		}
	}
	p.value = parser.Frames(frames)
	return p, ok
}

// perfColumns parts "ffffffff821ed4e6do_syscall_64+70([nft])" again. A kernel
// address has 16 digits; where a user's ends nothing tells.
func perfColumns(t script.Type, frame string) (columns string, exact bool) {
	const digits = 16
	if t.Kind != script.TypeKernelStack || len(frame) <= digits || strings.Trim(frame[:digits], "0123456789abcdef") != "" || frame[0] == '0' {
		return frame, false
	}
	symbol := frame[digits:]
	if open := strings.IndexByte(symbol, '('); open >= 0 {
		symbol = symbol[:open] + " " + symbol[open:]
	}
	return frame[:digits] + " " + symbol, true
}

// spaceless are words of demangled names that a space went with.
var spaceless = []string{"operator", "thunkto", "tablefor", "infofor", "namefor", "variablefor", "functionfor", "routinefor", "clonefor", "temporary"}

// goReceiver is "(*T)" in a name of Go, where no space ever is.
var goReceiver = regexp.MustCompile(`\.\(\*\w+\)\.`)

// keptSpaces tells whether a symbol of user space is one that no space can
// have been dropped from: names of C++ have them in lists of parameters and
// templates, before qualifiers, and around some words.
func keptSpaces(symbol string) bool {
	if plus := strings.LastIndexByte(symbol, '+'); plus > 0 {
		symbol = symbol[:plus]
	}
	symbol = goReceiver.ReplaceAllString(symbol, ".")
	if strings.ContainsAny(symbol, "(<,['{") || strings.HasSuffix(symbol, "&") || strings.HasSuffix(symbol, "const") || strings.HasSuffix(symbol, "volatile") {
		return false
	}
	for _, w := range spaceless {
		if strings.Contains(symbol, w) {
			return false
		}
	}
	return true
}

// Reading gives the parts of an ambiguous key as its text has them, where it
// can be cut in one way only: values may lack spaces, so they are for showing
// beside a mark, never for telling rows apart.
func Reading(version string, key []script.KeyPart, text string) (parts []parser.Value, ok bool) {
	types := make([]script.Type, len(key))
	for i, p := range key {
		types[i] = p.Type
	}
	ways, more := splits(DialectOf(version), types, text)
	if len(ways) != 1 || more {
		return nil, false
	}
	return values(ways[0]), true
}
