package kernelmap

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"tracecar/parser/script"
)

func TestDecodeUnknownVersion(t *testing.T) {
	for _, v := range []string{"0.16.0", "0.21.0", "", "1.0.0"} {
		if _, err := Decode(nil, script.Parse(""), v); !errors.Is(err, ErrUnverified) {
			t.Errorf("%q: %v", v, err)
		}
	}
}

// TestDecodeSkips: what cannot be decoded is left out, with a reason.
func TestDecodeSkips(t *testing.T) {
	i64 := &Layout{Kind: LayoutInt, Size: 8, Signed: true}
	whole := func(name string, keySize, valueSize int) Raw {
		return Raw{
			Name: "AT_" + name, Type: typeHash, KeySize: uint32(keySize), ValueSize: uint32(valueSize), CPUs: 1, Key: i64, Value: i64,
			Count: 1, Keys: make([]byte, keySize), Values: make([]byte, valueSize),
		}
	}
	lying := whole("m", 8, 8)
	lying.Count = 3
	noBTF := whole("m", 8, 8)
	noBTF.Key = nil
	for _, c := range []struct {
		src, version string
		raws         []Raw
		want         string // part of the reason
	}{
		{`BEGIN { @m[1] = 1; }`, "0.27.1", nil, "no such map"},
		{`BEGIN { @m[1] = 1; }`, "0.27.1", []Raw{lying}, "damaged"},
		{`BEGIN { @m[1] = 1; }`, "0.27.1", []Raw{noBTF}, "no type information"},
		{`BEGIN { @m[1, 2] = 1; }`, "0.27.1", []Raw{whole("m", 8, 8)}, "2 parts"},
		{`BEGIN { @m[1] = count(); }`, "0.27.1", []Raw{whole("m", 8, 4)}, "4 bytes"},
		{`BEGIN { @m[1] = avg(1); }`, "0.23.2", []Raw{whole("m", 8, 8)}, "8 bytes"},
		{`BEGIN { @m[1] = hist(1); }`, "0.23.2", []Raw{whole("m", 4, 8)}, "holds no bucket"},
		{`BEGIN { @m[1] = hist(1); }`, "0.17.0", []Raw{whole("m", 12, 8)}, "no layout"},
		{`BEGIN { @m = lhist(1, 0, $1, 1); }`, "0.17.0", []Raw{whole("m", 8, 8)}, "bound"},
		{`BEGIN { @m[str($1), str($2, 8)] = 1; }`, "0.17.0", []Raw{whole("m", 1, 8)}, "1 bytes"},
		{`BEGIN { @m = 1; }`, "0.17.0", []Raw{whole("m", 8, 8), whole("m", 8, 8)}, "several maps"},
		{`BEGIN { @aaaaaaaaaaaaaa1 = 1; @aaaaaaaaaaaaaa2 = 1; }`, "0.17.0", []Raw{whole("aaaaaaaaaaaa", 8, 8)}, "several maps"},
	} {
		tables, err := Decode(c.raws, script.Parse(c.src), c.version)
		if err != nil {
			t.Fatal(err)
		}
		if len(tables.Maps) != 0 || len(tables.Skipped) == 0 {
			t.Errorf("%s: %+v", c.src, tables)
		}
		for name, why := range tables.Skipped {
			if !strings.Contains(why, c.want) {
				t.Errorf("%s: %s is left out because %q, want %q", c.src, name, why, c.want)
			}
		}
	}
}

// key17 packs parts as 0.17 does.
func key17(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = binary.NativeEndian.AppendUint64(b, uint64(p))
		case string:
			b = append(b, p...)
		}
	}
	return b
}

// TestSolveByEntries: where the sizes leave several layouts, the entries tell.
func TestSolveByEntries(t *testing.T) {
	pad := func(s string, n int) string { return s + strings.Repeat("\x00", n-len(s)) }
	src := `BEGIN { @m[str($1), 1, str($2, 16)] = count(); }`
	raw := func(keys ...[]byte) []Raw {
		r := Raw{Name: "AT_m", Type: typePerCPUHash, KeySize: uint32(len(keys[0])), ValueSize: 8, CPUs: 2}
		for _, k := range keys {
			r.Keys, r.Count = append(r.Keys, k...), r.Count+1
		}
		r.Values = make([]byte, 16*r.Count)
		return []Raw{r}
	}
	tables, err := Decode(raw(
		key17(pad("ab", 16), 7, pad("x y", 8)), key17(pad("", 16), 1<<40+3, pad("z", 8)), key17(pad("longer text", 16), -1, pad("", 8)),
	), script.Parse(src), "0.17.0")
	if err != nil || len(tables.Maps) != 1 {
		t.Fatal(err, tables.Skipped)
	}
	got := ""
	for _, r := range tables.Maps[0].Rows.All() {
		got += keyText(r.Key) + "; "
	}
	if want := `"ab" 7 "x y" ; "" 1099511627779 "z" ; "longer text" -1 "" ; `; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	// A single entry of zeros fits any layout, and they all read alike; one
	// byte that may belong to either part does not.
	tables, err = Decode(raw(key17(pad("a", 16), 0, pad("", 8))), script.Parse(src), "0.17.0")
	if err != nil || len(tables.Maps) != 1 {
		t.Error(err, tables.Skipped)
	}
	tables, err = Decode(raw(key17(pad("a", 20), 0, pad("", 4)), key17(pad("a", 20)[:10]+"\x01"+pad("", 21))), script.Parse(src), "0.17.0")
	if err != nil || len(tables.Maps) != 0 {
		t.Error("an unclear layout is decoded: ", err, tables.Maps)
	}
}
