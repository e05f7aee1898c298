package script

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// within checks that a span lies in the source and is not turned around.
func within(t *testing.T, s *Script, what string, sp Span) {
	t.Helper()
	if sp == (Span{}) {
		return
	}
	position(t, s, what, sp.Start)
	position(t, s, what, sp.End)
	if sp.Start.Offset > sp.End.Offset {
		t.Fatalf("%s: ends before it starts: %+v", what, sp)
	}
}

// position checks that line and column belong to the offset.
func position(t *testing.T, s *Script, what string, p Pos) {
	t.Helper()
	if p.Offset < 0 || p.Offset > len(s.Source) {
		t.Fatalf("%s: offset %d of %d", what, p.Offset, len(s.Source))
	}
	before := s.Source[:p.Offset]
	if line := strings.Count(before, "\n") + 1; line != p.Line {
		t.Fatalf("%s: line %d, want %d", what, p.Line, line)
	}
	if column := p.Offset - strings.LastIndexByte(before, '\n'); column != p.Column {
		t.Fatalf("%s: column %d, want %d", what, p.Column, column)
	}
}

// consistent checks what must hold for the result of any source.
func consistent(t *testing.T, s *Script) {
	t.Helper()
	inside := func(what string, outer, inner Span) {
		if inner == (Span{}) {
			return
		}
		if inner.Start.Offset < outer.Start.Offset || inner.End.Offset > outer.End.Offset {
			t.Fatalf("%s: %+v is not inside %+v", what, inner, outer)
		}
	}
	last := 0
	for _, p := range s.Probes {
		within(t, s, "probe", p.Span)
		within(t, s, "body", p.Body)
		inside("body", p.Span, p.Body)
		if p.Start.Offset < last {
			t.Fatalf("probes overlap at %+v", p.Start)
		}
		last = p.End.Offset
		for _, a := range p.AttachPoints {
			within(t, s, "attach point", a.Span)
			inside("attach point", p.Span, a.Span)
			if a.Text != s.Source[a.Start.Offset:a.End.Offset] {
				t.Fatalf("attach point %q is not at its place", a.Text)
			}
		}
	}
	names := map[string]bool{}
	for _, m := range s.Maps {
		position(t, s, m.Name, m.Pos)
		if names[m.Name] || !strings.HasPrefix(m.Name, "@") {
			t.Fatalf("map %q twice, or no map", m.Name)
		}
		names[m.Name] = true
		parts := map[string]bool{}
		for _, k := range m.Keys {
			if k.Name != attribute(k.Name) || k.Name != "" && parts[k.Name] {
				t.Fatalf("%s: key name %q", m.Name, k.Name)
			}
			parts[k.Name] = true
		}
		for _, a := range m.Assigns {
			within(t, s, "assign", a.Span)
		}
	}
	offset := 0
	for _, c := range s.Calls {
		within(t, s, c.Name, c.Span)
		if c.Start.Offset < offset {
			t.Fatalf("call %s out of order", c.Name)
		}
		offset = c.Start.Offset
	}
	for _, i := range s.Identifiers {
		position(t, s, i.Name, i.Pos)
	}
	for _, o := range s.Outputs {
		within(t, s, o.Name, o.Span)
		o.Match("1 2 3\n")
	}
	for _, u := range s.Unclear {
		position(t, s, u.Message, u.Pos)
	}
	if len(s.Unclear) > maxUnclear {
		t.Fatalf("%d unclear", len(s.Unclear))
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.bt")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src))
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 1<<16 {
			return
		}
		s := Parse(src)
		consistent(t, s)
		if again := outline(Parse(src)); again != outline(s) {
			t.Fatalf("two readings differ:\n%s\n%s", outline(s), again)
		}
	})
}

// TestSeeds makes sure that the committed seeds are there.
func TestSeeds(t *testing.T) {
	for _, name := range []string{"FuzzParse", "FuzzMatch"} {
		files, err := filepath.Glob("testdata/fuzz/" + name + "/*")
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no seeds: %v", name, err)
		}
	}
}

// FuzzMatch prints arguments as bpftrace would and takes them apart again:
// what comes back is what went in, or nothing.
func FuzzMatch(f *testing.F) {
	f.Add("%s %d|%x\n", "a b", int64(-5), "x")
	f.Add("%-16s %5d %s\n", "comm", int64(123456), "")
	f.Add("%s%s%lld", "", int64(1), "1")
	f.Add("%05d%%%8s%c", "", int64(-42), "zz")
	f.Fuzz(func(t *testing.T, format, s string, n int64, s2 string) {
		o := Output{Format: format, HasFormat: true, Call: Call{Name: "printf"}}
		var text strings.Builder
		var want []Argument
		for _, p := range splitFormat(format) {
			if p.verb == "" {
				text.WriteString(p.text)
				continue
			}
			a, ok := printArgument(&text, p, s, n)
			if !ok {
				return
			}
			want = append(want, a)
			o.Fields = append(o.Fields, Conversion{Verb: p.verb, Spec: p.text, Type: a.Type})
			s, s2 = s2, s
			n = n*3 + 1
		}
		got, ok := o.Match(text.String())
		if !ok {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q of %q: %d arguments, want %d", text.String(), format, len(got), len(want))
		}
		for i, g := range got {
			w := want[i]
			if g.Inexact {
				continue
			}
			if g.IsInt != w.IsInt || g.IsInt && g.Int != w.Int || !g.IsInt && g.Text != w.Text {
				t.Fatalf("%q of %q: argument %d is %+v, want %+v", text.String(), format, i, g, w)
			}
		}
	})
}

// printArgument prints one argument the way bpftrace's printf does.
func printArgument(b *strings.Builder, p formatPiece, s string, n int64) (Argument, bool) {
	if p.left && p.zero || p.width > 1000 || p.precision > 1000 {
		return Argument{}, false
	}
	flags := "%"
	for _, fl := range []struct {
		on bool
		c  string
	}{{p.left, "-"}, {p.zero, "0"}, {p.plus, "+"}, {p.space, " "}, {p.alt, "#"}} {
		if fl.on {
			flags += fl.c
		}
	}
	if p.width > 0 {
		flags += fmt.Sprint(p.width)
	}
	if p.precision >= 0 {
		flags += "." + fmt.Sprint(p.precision)
	}
	a := Argument{Text: s, Int: n, IsInt: true, Type: Type{Kind: TypeInt, Bits: 64, Signed: true}}
	switch verb := p.verb[len(p.verb)-1]; verb {
	case 'd', 'i':
		switch p.bits() {
		case 8:
			a.Int = int64(int8(n))
		case 16:
			a.Int = int64(int16(n))
		case 32:
			a.Int = int64(int32(n))
		}
		fmt.Fprintf(b, flags+"d", a.Int)
	case 'u', 'x', 'X', 'o':
		if p.verb == "rx" || p.plus || p.space || p.alt {
			return a, false
		}
		if bits := p.bits(); bits < 64 {
			a.Int = n & (1<<bits - 1)
		}
		if verb == 'u' {
			verb = 'd'
		}
		fmt.Fprintf(b, flags+string(verb), uint64(a.Int))
	case 's':
		if p.zero || p.plus || p.space || p.alt || p.precision >= 0 {
			return a, false
		}
		a = Argument{Text: s, Type: Type{Kind: TypeString}}
		if pad := strings.Repeat(" ", max(0, p.width-len(s))); p.left {
			b.WriteString(s + pad)
		} else {
			b.WriteString(pad + s)
		}
	default:
		return a, false
	}
	return a, true
}
