package kernelmap

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tracecar/parser"
	"tracecar/parser/script"
)

var sameTables = cmp.Options{
	cmp.Comparer(parser.Value.Equal), cmp.AllowUnexported(Part{}, Rows{}, value{}), cmpopts.IgnoreFields(Rows{}, "total"),
}

// TestMemoChangesNothing decodes a map whose keys come, go and stay, with and
// without what is remembered of the look before.
func TestMemoChangesNothing(t *testing.T) {
	s := script.Parse(`tracepoint:a:b { @m[pid, comm] = count(); }`)
	random := rand.New(rand.NewPCG(1, 2))
	remembered := new(memo)
	memoOf := func(*Raw) *memo { return remembered }
	var keys []uint64
	reused := 0
	for look := range 300 {
		keys = slices.DeleteFunc(keys, func(uint64) bool { return random.IntN(40) < look%5 })
		for range random.IntN(8) {
			keys = slices.Insert(keys, random.IntN(len(keys)+1), random.Uint64N(1000))
		}
		switch look % 50 {
		case 20: // many neighbours go at once
			keys = slices.Delete(keys, 0, len(keys)/2)
		case 40:
			keys = nil
		}
		r := Raw{Name: "AT_m", ID: 1, Type: typePerCPUHash, KeySize: 24, ValueSize: 8, CPUs: 2, Count: len(keys)}
		for _, k := range keys {
			r.Keys = binary.NativeEndian.AppendUint64(r.Keys, k)
			r.Keys = append(r.Keys, fmt.Sprintf("%-15d\x00", k%7)...)
			r.Values = binary.NativeEndian.AppendUint64(r.Values, k)
			r.Values = binary.NativeEndian.AppendUint64(r.Values, uint64(look))
		}
		old := slices.Clone(remembered.parts)
		got, err := decode([]Raw{r}, s, "0.17.0", memoOf)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Decode([]Raw{r}, s, "0.17.0")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, sameTables); diff != "" {
			t.Fatalf("look %d: %s", look, diff)
		}
		for _, row := range got.Maps[0].Rows.All() {
			if slices.ContainsFunc(old, func(o []Part) bool { return &o[0] == &row.Key[0] }) {
				reused++
			}
		}
	}
	if reused == 0 {
		t.Error("nothing was taken over")
	}
}

// TestMemoOfGrowingKeys: a layout that was the only possible one, or one of
// several that read alike, may no longer be so with a key more.
func TestMemoOfGrowingKeys(t *testing.T) {
	s := script.Parse(`tracepoint:a:b { @m[str(arg0, 8), str(arg1, 24)] = count(); }`)
	random := rand.New(rand.NewPCG(3, 4))
	decoded, open := 0, 0
	for range 200 {
		remembered := new(memo)
		r := Raw{Name: "AT_m", ID: 1, Type: typeHash, KeySize: 32, ValueSize: 8, CPUs: 1}
		for n := range 12 {
			key := make([]byte, 32)
			copy(key[:7], strings.Repeat("a", random.IntN(8)))
			if n > 3 { // until then it does not matter where the second text begins
				copy(key[8:31], strings.Repeat("b", random.IntN(24)))
			}
			r.Keys, r.Values, r.Count = append(r.Keys, key...), append(r.Values, 1, 0, 0, 0, 0, 0, 0, 0), r.Count+1
			got, err := decode([]Raw{r}, s, "0.17.0", func(*Raw) *memo { return remembered })
			if err != nil {
				t.Fatal(err)
			}
			want, err := Decode([]Raw{r}, s, "0.17.0")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, sameTables); diff != "" {
				t.Fatalf("%d keys: %s", r.Count, diff)
			}
			decoded, open = decoded+len(got.Maps), open+len(got.Skipped)
		}
	}
	if decoded == 0 || open == 0 {
		t.Errorf("%d looks decoded, %d left open: one of the two is not tested", decoded, open)
	}
}

// TestMemoOfAnotherLayout: keys that are now read otherwise are not taken over.
func TestMemoOfAnotherLayout(t *testing.T) {
	r := Raw{Name: "AT_m", ID: 1, Type: typeHash, KeySize: 8, ValueSize: 8, CPUs: 1, Count: 1, Keys: []byte("comm\x00\x00\x00\x00"), Values: make([]byte, 8)}
	remembered := new(memo)
	for _, c := range []struct{ key, want string }{{"str(1)", `"comm"`}, {"(uint64)pid", "1835888483"}, {"str(1)", `"comm"`}} {
		s := script.Parse("tracepoint:a:b { @m[" + c.key + "] = 1; }")
		tables, err := decode([]Raw{r}, s, "0.17.0", func(*Raw) *memo { return remembered })
		if err != nil || len(tables.Maps) != 1 {
			t.Fatal(err, tables)
		}
		if got := tables.Maps[0].Rows.At(0).Key[0].Value.String(); got != c.want {
			t.Errorf("@m[%s]: %s, want %s", c.key, got, c.want)
		}
	}
}
