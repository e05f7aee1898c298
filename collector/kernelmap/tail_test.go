package kernelmap

import (
	"encoding/binary"
	"testing"
	"testing/fstest"

	"tracecar/parser/script"
)

// TestBytesBehindAString: a tracepoint's string is copied into the key with
// what lies behind its NUL. It is read still, by the sizes of the parts; what
// could be read in two ways is not, and bytes stay opaque.
func TestBytesBehindAString(t *testing.T) {
	format := "name: e\nID: 1\nformat:\n" +
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n" +
		"\tfield:dev_t dev;\toffset:8;\tsize:4;\tsigned:0;\n" +
		"\tfield:char rwbs[10];\toffset:12;\tsize:10;\tsigned:0;\n" +
		"\tfield:char other[10];\toffset:22;\tsize:10;\tsigned:0;\n" +
		"\tfield:__u8 addr[10];\toffset:32;\tsize:10;\tsigned:0;\n"
	fields := script.TracepointFields(fstest.MapFS{"events/c/e/format": {Data: []byte(format)}})
	key := func(parts ...string) []byte {
		b := binary.NativeEndian.AppendUint64(nil, 7)
		for _, p := range parts {
			b = append(b, p...)
		}
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
		return b
	}
	for _, c := range []struct {
		name, key string
		entries   [][]byte
		want      string // "" for none
	}{
		{"one string", "args->rwbs", [][]byte{key("RA\x00\x01\x7f\x00\x00\x01\x00\x00"), key("WSM\x00\x7f\x00\x00\x01\x00\x00")}, `7 "RA" ; 7 "WSM" ; `},
		{"two strings", "args->rwbs, args->other", [][]byte{key("RA\x00\x01\x7f\x00\x00\x01\x00\x00", "x\x00\x01\x01\x01\x01\x01\x01\x01\x01")}, ""},
		{"bytes", "args->addr", [][]byte{key("RA\x00\x01\x7f\x00\x00\x01\x00\x00")}, `7 null ; `},
		{"a string of str()", "str($1)", [][]byte{key("RA\x00\x01\x7f\x00\x00\x01\x00\x00")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := script.ParseWith("tracepoint:c:e { @m[(uint64)args->dev, "+c.key+"] = hist(1); }", fields)
			r := Raw{Name: "AT_m", Type: typePerCPUHash, CPUs: 1, KeySize: uint32(len(c.entries[0]) + 8), ValueSize: 8}
			r.Key, r.Value = &Layout{Kind: LayoutInt, Size: 8}, &Layout{Kind: LayoutInt, Size: 8}
			for _, e := range c.entries {
				r.Keys = append(append(r.Keys, e...), 1, 0, 0, 0, 0, 0, 0, 0)
				r.Values = append(r.Values, 1, 0, 0, 0, 0, 0, 0, 0)
				r.Count++
			}
			tables, err := Decode([]Raw{r}, s, "0.27.1")
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, m := range tables.Maps {
				for _, row := range m.Rows.All() {
					got += keyText(row.Key) + "; "
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s; left out: %v", got, c.want, tables.Skipped)
			}
		})
	}
}
