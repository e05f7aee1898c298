package kernelmap

import (
	"strings"
	"testing"

	"tracecar/parser"
)

func text(s string) Part { return Part{Value: parser.Text(s)} }
func num(n int64) Part   { return Part{Value: parser.Int(n), size: 8} }

func TestMatch(t *testing.T) {
	opaque := Part{Opaque: true}
	tuple := tupleOf([]Part{num(2), text("x y")})
	high := Part{Value: parser.Uint(1<<64 - 1), size: 8}
	for _, c := range []struct {
		version string
		parts   []Part
		text    string
		want    bool
	}{
		{"0.23.2", []Part{text("a b"), num(1)}, "a b,1", true},
		{"0.27.1", []Part{text("a b"), num(1)}, "ab,1", true},
		{"0.27.1", []Part{text("a b"), num(1)}, "a b,1", false},
		{"0.27.1", []Part{text("(x)")}, "x", true},
		{"0.27.1", []Part{text("(x)"), num(1)}, "(x),1", true},
		{"0.27.1", []Part{text("(a"), text("b)")}, "(a,b)", true},
		{"0.23.2", []Part{text("a,b"), text("c")}, "a,b,c", true},
		{"0.23.2", []Part{opaque}, "anything, at all", true},
		{"0.23.2", []Part{opaque, num(1)}, "f,g,1", true},
		{"0.23.2", []Part{opaque, num(1)}, "f,g,2", false},
		{"0.23.2", []Part{num(1), opaque}, "1,f,g", true},
		{"0.23.2", []Part{num(1), opaque, num(2), opaque}, "1,a,2,2,b", true},
		{"0.23.2", []Part{num(1), opaque, num(2), opaque}, "1,a,3,b", false},
		{"0.23.2", []Part{num(1), tuple}, `1,[2,"x y"]`, true},
		{"0.27.1", []Part{num(1), tuple}, `1,(2,xy)`, true},
		{"0.23.2", []Part{high}, "-1", true},
		{"0.27.1", []Part{high}, "-1", false},
		{"0.27.1", []Part{high}, "18446744073709551615", true},
		{"0.27.1", []Part{{Value: parser.Bool(true)}}, "true", true},
		{"0.27.1", []Part{{Value: parser.Uint(0x12), form: formPointer}, num(1)}, "0x12,1", true},
		{"0.23.2", []Part{{Value: parser.Uint(0x12), form: formPointer}}, "18", true},
		{"0.23.2", []Part{{Value: parser.Text("a\x01"), form: formBuffer}}, `a\x01`, true},
		{"0.23.2", nil, "", true},
		{"0.23.2", nil, "x", false},
	} {
		if got := Match(c.version, c.parts, c.text); got != c.want {
			t.Errorf("%s: Match(%s, %q) = %v", c.version, keyText(c.parts), c.text, got)
		}
		if text, ok := Render(c.version, c.parts); ok && c.want && text != c.text && c.parts != nil && c.parts[len(c.parts)-1].form != formTuple {
			t.Errorf("%s: Render(%s) = %q, want %q", c.version, keyText(c.parts), text, c.text)
		}
	}
}

func TestResolve(t *testing.T) {
	unsure := func(n int64, size uint8) Part { return Part{Value: parser.Int(n), size: size, Unsure: true} }
	for _, c := range []struct {
		part Part
		text string
		want parser.Value // none: stays open
	}{
		{unsure(-2, 4), "-2", parser.Int(-2)},
		{unsure(-2, 4), "4294967294", parser.Int(4294967294)},
		{unsure(-1, 8), "18446744073709551615", parser.Uint(1<<64 - 1)},
		{unsure(1, 1), "true", parser.Bool(true)},
		{unsure(1, 1), "1", parser.Int(1)},
		{unsure(5, 4), "GREEN", parser.Value{}},
		{Part{Value: parser.Uint(255), size: 1, Unsure: true}, "-1", parser.Int(-1)},
		{Part{Value: parser.Text("a b"), form: formBytes, Unsure: true}, "ab", parser.Text("a b")},
		{Part{Value: parser.Text("a b"), form: formBytes, Unsure: true}, "[97,32,98]", parser.Value{}},
		{tupleOf([]Part{unsure(-2, 2), text("x y")}), "65534,xy", parser.Array([]parser.Value{parser.Int(65534), parser.Text("x y")})},
	} {
		got, ok := Resolve("0.27.1", []Part{c.part}, c.text)
		if ok == c.want.IsNone() || ok && (!got[0].Value.Equal(c.want) || got[0].Unsure) {
			t.Errorf("%v as %q: %v, %v", c.part.Value, c.text, got[0].Value, ok)
		}
	}
}

// TestMatchIsBounded: many open parts over a text of many commas take no
// exponential time.
func TestMatchIsBounded(t *testing.T) {
	parts := make([]Part, 40)
	for i := range parts {
		parts[i].Opaque = true
	}
	parts[39] = num(1)
	if Match("0.23.2", parts, strings.Repeat("a,", 5000)+"b") {
		t.Error("matches")
	}
}

func TestVersions(t *testing.T) {
	for v, want := range map[string]bool{
		"0.17.0": true, "v0.17.1": true, "0.23.2": true, "bpftrace v0.27.1": true, "0.27.1-1build2": true, "0.27": true,
		"0.16.0": false, "0.18.0": false, "0.22.1": false, "0.24.0": false, "0.28.0": false, "1.0.0": false, "": false, "0.x": false,
	} {
		if Verified(v) != want {
			t.Errorf("Verified(%q) = %v", v, !want)
		}
	}
	for v, want := range map[string]bool{"0.22.0": true, "0.25.1": true, "0.30.0": true, "0.18.0": false, "0.21.3": false, "0.16.0": false} {
		if _, ok := dialectOf(v); ok != want {
			t.Errorf("dialectOf(%q): %v", v, ok)
		}
	}
}
