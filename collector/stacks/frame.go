package stacks

import (
	"strconv"
	"strings"

	"tracecar/parser/script"
)

// Frame is one frame of a stack.
type Frame struct {
	// Text is the frame as bpftrace printed it.
	Text string
	// Symbol is Text without offset, address and module; the address as
	// printed where there is no symbol.
	Symbol string
	// Address is 0 where bpftrace printed none.
	Address uint64
	// Module is the file that perf mode tells, without its brackets.
	Module string
	Kernel bool
}

// frames reads the frames of a stack of type t.
func frames(texts []string, t script.Type) []Frame {
	out := make([]Frame, len(texts))
	for i, text := range texts {
		f := Frame{Text: text, Symbol: text, Kernel: t.Kind == script.TypeKernelStack}
		switch t.StackMode {
		case "perf":
			f.perf()
		case "raw":
			f.Address, _ = strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
		default:
			f.symbol(text)
		}
		out[i] = f
	}
	return out
}

// symbol reads "do_idle+310", or "0x7f83d35942ad" where no symbol is known.
func (f *Frame) symbol(text string) {
	f.Symbol = text
	if hex, ok := strings.CutPrefix(text, "0x"); ok {
		if a, err := strconv.ParseUint(hex, 16, 64); err == nil {
			f.Address = a
			return
		}
	}
	if plus := strings.LastIndexByte(text, '+'); plus > 0 && plus < len(text)-1 && strings.Trim(text[plus+1:], "0123456789") == "" {
		f.Symbol = text[:plus]
	}
}

// perf reads "7fde14212350 __GI___write+16 (/usr/lib/libc.so.6)".
func (f *Frame) perf() {
	address, rest, ok := strings.Cut(f.Text, " ")
	a, err := strconv.ParseUint(address, 16, 64)
	if !ok || err != nil {
		return
	}
	if open := strings.LastIndex(rest, " ("); open > 0 && strings.HasSuffix(rest, ")") {
		if m := rest[open+2 : len(rest)-1]; m != "[unknown]" {
			f.Module = strings.Trim(m, "[]")
		}
		rest = rest[:open]
	}
	f.symbol(rest)
	f.Address = a
}

// name is the frame as folded text has it.
func (f *Frame) name(offsets bool) string {
	if offsets {
		return f.Text
	}
	return f.Symbol
}
