package mapkey

import (
	"strings"

	"tracecar/collector/kernelmap"
	"tracecar/parser"
	"tracecar/parser/script"
)

// Key is one resolved key.
type Key struct {
	// Parts has one value per part, or for an Ambiguous key bpftrace's own
	// text as one string.
	Parts     []parser.Value
	Ambiguous bool
	// Value is the row's value, as the kernel has it where bpftrace labels it
	// wrongly (the last bucket of lhist() before 0.24).
	Value parser.Value
}

// Source is what is known about one map beside its rows.
type Source struct {
	Dialect Dialect
	// Parts are the key's parts as the script has them; nil where there is no
	// script, or it does not tell.
	Parts []script.KeyPart
	// Unclear: the script's uses of the map disagree, so that Parts is a guess.
	Unclear bool
	// Kernel is the kernel's copy of the map, nil where there is none.
	Kernel *kernelmap.Table
	// Later: Kernel was read after the rows were printed, and no key can have
	// gone in between: it holds at least their keys, with other values.
	Later bool
}

// Resolve returns one Key per row, in order. Rows of a scalar map have no key,
// only a Value.
func Resolve(src Source, rows []parser.Row) []Key {
	keys := make([]Key, len(rows))
	types := make([]script.Type, len(src.Parts))
	for i, p := range src.Parts {
		types[i] = p.Type
	}
	for i, row := range rows {
		keys[i] = Key{Parts: []parser.Value{parser.Text(row.Key)}, Ambiguous: true, Value: row.Value}
		if src.Dialect.DoubleEscapeUnknown && strings.Contains(row.Key, `\`) {
			continue
		}
		ways, more := splits(src.Dialect, types, row.Key)
		if len(ways) == 1 && !more && !src.Unclear && allExact(ways[0]) {
			keys[i].Parts, keys[i].Ambiguous = values(ways[0]), false
		}
	}
	switch {
	case src.Kernel == nil || src.Kernel.Truncated:
	case src.Later:
		fromLaterKernel(src, types, rows, keys)
	default:
		fromKernel(src, types, rows, keys)
	}
	return keys
}

// NeedsKernel tells whether keys with these parts can come out inexact, so
// that it is worth to hold the kernel's copy of the map.
func NeedsKernel(d Dialect, parts []script.KeyPart, unclear bool) bool {
	if unclear || d.DoubleEscapeUnknown {
		return true
	}
	texts := 0
	for _, p := range parts {
		switch p.Type.Kind {
		case script.TypeInt, script.TypeBool, script.TypePointer, script.TypeInet, script.TypeMAC:
		case script.TypeEnum, script.TypeKernelSymbol:
			texts++
		case script.TypeKernelStack:
			texts++
		default:
			texts++
			if d.DropsSpaces || p.Type.Kind == script.TypeTuple || p.Type.Kind == script.TypeUnknown {
				return true
			}
		}
	}
	return texts > 1
}

func allExact(way []piece) bool {
	for _, p := range way {
		if !p.exact {
			return false
		}
	}
	return true
}

func values(way []piece) []parser.Value {
	vs := make([]parser.Value, len(way))
	for i, p := range way {
		vs[i] = p.value
	}
	return vs
}
