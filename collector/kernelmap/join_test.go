package kernelmap

import (
	"fmt"
	"os"
	"testing"

	"tracecar/parser"
	"tracecar/parser/script"
)

// golden returns the decoded tables and the printed states of a recorded run.
func golden(t *testing.T, name, version string) (map[string]*Table, map[string]*parser.MapState) {
	t.Helper()
	file := "testdata/golden/" + name + "-" + version
	b, err := os.ReadFile(file + ".raws")
	if err != nil {
		t.Fatal(err)
	}
	raws, err := ReadRaws(b)
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile("testdata/cases/" + name + ".bt")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := Decode(raws, script.Parse(string(src)), version)
	if err != nil || len(tables.Skipped) > 0 {
		t.Fatal(err, tables.Skipped)
	}
	json, err := os.ReadFile(file + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*Table{}
	for i := range tables.Maps {
		byName[tables.Maps[i].Name] = &tables.Maps[i]
	}
	return byName, states(t, version, json)
}

// keyText shows a key with its types.
func keyText(key []Part) string {
	s := ""
	for _, p := range key {
		if p.Value.Kind() == parser.KindText {
			s += fmt.Sprintf("%q ", p.Value.Text())
		} else {
			s += fmt.Sprintf("%v ", p.Value)
		}
	}
	return s
}

// TestJoinGivesTheKeysWritten: on every version the keys are those of the
// script, though 0.27 prints "a b" as "ab" and all join parts with commas.
func TestJoinGivesTheKeysWritten(t *testing.T) {
	type rows map[string]int64
	for _, c := range []struct {
		name, table string
		want        rows
	}{
		{"texts_single", "@s", rows{
			`"(x)" `: 1, `"((x))" `: 2, `"x)(" `: 3, `" lead" `: 4, `"(a" `: 5, `"a)" `: 6, `"()" `: 7, `"( (x) )" `: 8, `"(a,b),(c)" `: 9,
			`"b\\n" `: 10, `"a\"b" `: 11, `"new\nl" `: 12, `"" `: 13, `"café" `: 14, `"bad\xff" `: 15, `"x" `: 16, `"ab" `: 17, `"a b" `: 18,
		}},
		{"texts_two", "@two", rows{`"a,b" "c" `: 1, `"a" "b,c" `: 2, `"a " "b" `: 3, `"a" " b" `: 4}},
		{"texts_two", "@m", rows{`"((x) y)" 6 `: 1, `"a,b" 7 `: 1, `"" 8 `: 1}},
		{"ints", "@w", rows{"1 ": 1, "300 ": 70000, "-129 ": -70000}},
		{"counts", "@c", rows{`"a b" 1 `: 2, `"(x)" 2 `: 1}},
	} {
		for _, version := range []string{"0.17.0", "0.23.2", "0.27.1"} {
			t.Run(c.name+c.table+version, func(t *testing.T) {
				tables, printed := golden(t, c.name, version)
				joined := Join(version, tables[c.table], printed[c.table].Rows)
				if len(joined) != len(c.want) {
					t.Errorf("%d rows, want %d", len(joined), len(c.want))
				}
				for _, j := range joined {
					n, _ := j.Value.Int64()
					if want, ok := c.want[keyText(j.Key)]; !ok || n != want {
						t.Errorf("%s = %d, want %d", keyText(j.Key), n, want)
					}
				}
			})
		}
	}
}

func TestJoinKeepsOpaqueText(t *testing.T) {
	tables, printed := golden(t, "opaque", "0.23.2")
	in := Join("0.23.2", tables["@in"], printed["@in"].Rows)
	if len(in) != 1 || keyText(in[0].Key) != `"1.0.0.0" 2 ` || !in[0].Key[0].Opaque {
		t.Errorf("%s", keyText(in[0].Key))
	}
	us := Join("0.23.2", tables["@us"], printed["@us"].Rows)
	if len(us) != 1 || us[0].Key[0].Value.Text() != "a b" || us[0].Key[1].Value.Text() == "" {
		t.Errorf("%s", keyText(us[0].Key))
	}
}

// TestJoinLeavesOpen: what could be several rows is no row.
func TestJoinLeavesOpen(t *testing.T) {
	table := &Table{Keyed: true, Rows: RowsOf([]Row{
		{Key: []Part{{Value: parser.Text("a b")}}, Value: parser.Int(1)},
		{Key: []Part{{Value: parser.Text("ab")}}, Value: parser.Int(2)},
		{Key: []Part{{Value: parser.Text("c")}}, Value: parser.Int(3)},
	})}
	got := Join("0.27.1", table, []parser.Row{
		{Key: "ab", Value: parser.Int(7)}, {Key: "ab", Value: parser.Int(8)}, // both have changed since
		{Key: "c", Value: parser.Int(9)}, {Key: "d", Value: parser.Int(3)},
	})
	for i, open := range []bool{true, true, false, true} {
		if (got[i].Key == nil) != open {
			t.Errorf("row %d: %+v", i, got[i])
		}
	}
	if n, _ := got[2].Value.Int64(); n != 9 {
		t.Errorf("a value that the kernel no longer has became %d", n)
	}
}

// TestJoinOfOpaqueKeysLeavesOpen: of two stacks counted alike nothing says
// which goes with which of two names that print alike.
func TestJoinOfOpaqueKeysLeavesOpen(t *testing.T) {
	row := func(name string, n int64) Row {
		return Row{Key: []Part{{Opaque: true}, text(name)}, Value: parser.Int(n)}
	}
	table := &Table{Keyed: true, Rows: RowsOf([]Row{row("x y", 5), row("xy", 5), row("x  y", 6), row("z", 5), row("z", 7)})}
	got := Join("0.27.1", table, []parser.Row{
		{Key: "f,xy", Value: parser.Int(5)}, {Key: "g,xy", Value: parser.Int(5)}, {Key: "h,xy", Value: parser.Int(6)},
		{Key: "a,z", Value: parser.Int(5)}, {Key: "b,z", Value: parser.Int(8)},
	})
	for i, want := range []string{"", "", `"h" "x  y" `, `"a" "z" `, `"b" "z" `} {
		if keyText(got[i].Key) != want {
			t.Errorf("row %d: %s, want %s", i, keyText(got[i].Key), want)
		}
	}
}

// TestJoinNeedsAllOfAGroup: "a b" went from 1 to 2 and "ab" from 2 to 3
// between the print and the dump; the 2 must not join the wrong one.
func TestJoinNeedsAllOfAGroup(t *testing.T) {
	table := &Table{Keyed: true, Rows: RowsOf([]Row{
		{Key: []Part{text("a b")}, Value: parser.Int(2)}, {Key: []Part{text("ab")}, Value: parser.Int(3)},
	})}
	for _, j := range Join("0.27.1", table, []parser.Row{{Key: "ab", Value: parser.Int(1)}, {Key: "ab", Value: parser.Int(2)}}) {
		if j.Key != nil {
			t.Errorf("joined %s = %v", keyText(j.Key), j.Value)
		}
	}
}

// Two keys that print alike, with values that only bpftrace reads: nothing
// tells which is which.
func TestJoinLeavesAlikeOpaqueRowsOpen(t *testing.T) {
	table := &Table{Keyed: true, Rows: RowsOf([]Row{
		{Key: []Part{{Value: parser.Text("a b")}}, Opaque: true},
		{Key: []Part{{Value: parser.Text("ab")}}, Opaque: true},
		{Key: []Part{{Value: parser.Text("c d")}}, Opaque: true},
	})}
	points := parser.PointsOf([]parser.Point{{UnixNano: 1, Value: parser.Int(1)}})
	got := Join("0.27.1", table, []parser.Row{{Key: "ab", Value: points}, {Key: "cd", Value: points}, {Key: "ab", Value: points}})
	if got[0].Key != nil || got[2].Key != nil || got[1].Key == nil || got[1].Key[0].Value.Text() != "c d" || !got[1].Value.Equal(points) {
		t.Errorf("%+v", got)
	}
}
