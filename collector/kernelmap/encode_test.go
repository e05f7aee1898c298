package kernelmap

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"tracecar/parser/script"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func sampleRaws() []Raw {
	return []Raw{
		{
			Name: "AT_c", FullName: "AT_c", ID: 7, Type: typePerCPUHash, KeySize: 5, ValueSize: 8, Capacity: 4096, CPUs: 2,
			Key: &Layout{Kind: LayoutStruct, Size: 5, Fields: []LayoutField{
				{Layout: &Layout{Kind: LayoutArray, Size: 4, Len: 4, Elem: &Layout{Kind: LayoutInt, Size: 1, Signed: true}}},
				{Offset: 4, Layout: &Layout{Kind: LayoutInt, Size: 1, Signed: true}},
			}},
			Value: &Layout{Kind: LayoutInt, Size: 8, Signed: true},
			Count: 1, Keys: []byte("a b\x00\x01"), Values: make([]byte, 16), Truncated: true,
		},
		{Name: "AT_", Type: typeHash, KeySize: 8, ValueSize: 1, CPUs: 1, Keys: []byte{}, Values: []byte{}},
	}
}

func TestWriteReadRaws(t *testing.T) {
	var b bytes.Buffer
	want := sampleRaws()
	if err := WriteRaws(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRaws(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(Layout{})); diff != "" {
		t.Error(diff)
	}
	b.WriteString("what follows")
	if _, err := ReadRaws(b.Bytes()); err == nil {
		t.Error("what follows is taken for nothing")
	}
}

func TestReadRawsRefuses(t *testing.T) {
	var b bytes.Buffer
	if err := WriteRaws(&b, sampleRaws()); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for n := range whole {
		if _, err := ReadRaws(whole[:n]); !errors.Is(err, errDamaged) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
	lie := sampleRaws()
	lie[0].Count = 5
	if err := WriteRaws(io.Discard, lie); err == nil {
		t.Error("a Raw whose sizes lie is written")
	}
	if _, err := ReadRaws([]byte("\x00\x00\x00\x4d" + `{"Name":"AT_x","KeySize":16777216,"ValueSize":1,"CPUs":1,"Count":68719476735}`)); err == nil {
		t.Error("a claim of 2^60 bytes is believed")
	}
}

// FuzzDecode: whatever a dump claims, reading and decoding it ends without panic.
func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/golden/*.raws")
	if len(files) == 0 {
		f.Fatal("no golden files")
	}
	for i, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(i))
	}
	seeds, _ := filepath.Glob("testdata/fuzz/FuzzDecode/*")
	if len(seeds) == 0 {
		f.Fatal("no seeds in testdata/fuzz/FuzzDecode")
	}
	src, err := os.ReadFile("testdata/cases/seeds.bt")
	if err != nil {
		f.Fatal(err)
	}
	s := script.Parse(string(src))
	f.Fuzz(func(t *testing.T, b []byte, v uint8) {
		raws, err := ReadRaws(b)
		if err != nil {
			return
		}
		version := []string{"0.17.0", "0.22.1", "0.23.2", "0.27.1", "0.20.0"}[v%5]
		tables, err := Decode(raws, s, version)
		if err != nil {
			return
		}
		for _, m := range tables.Maps {
			for _, r := range m.Rows.All() {
				if text, ok := Render(version, r.Key); ok && len(r.Key) > 0 && !Match(version, r.Key, text) {
					t.Errorf("%s prints %q, and does not match it", m.Name, text)
				}
				Match(version, r.Key, "a,b,,c")
			}
		}
	})
}
