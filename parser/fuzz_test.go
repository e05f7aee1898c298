package parser

import (
	"bytes"
	"os"
	"testing"
)

var fuzzVersions = []string{"", referenceVersion, "0.17.0", "0.23.2", "0.27.1", "0.28.0"}

// FuzzReader: any bytes give records, in order, within the stream, and the
// same whatever the size of the reads.
func FuzzReader(f *testing.F) {
	for _, c := range []string{
		`{"type": "map", "data": {"@m": {"a": 1, "b\u0001": -22, "c": "x"}}}` + "\n",
		`{"type": "hist", "data": {"@h": [{"max": -1, "count": 1}, {"min": 0, "max": 0, "count": 1c}]}}` + "\n",
		`{"type": "stats", "data": {"@s": {"count": 2, "average": 3, "total": 6}}}` + "\n\n",
		`{"type": "tseries", "data": {"@a": {"k": [{"interval_start":"2026-11-22 06:40:51.200000000","value":2}]}}}` + "\n",
		`x{"type": "printf", "data": "caf\uffffffc3\uffffffa9\n"}` + "\n" + `{"type": "value", "data": a` + "\nb}\n",
		`{"type": "helper_error", "msg": "m", "helper": "h", "retcode": -2, "line": 2, "col": 12}`,
	} {
		for v := range fuzzVersions {
			f.Add([]byte(c), byte(v), uint16(0))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, version byte, limit uint16) {
		v := fuzzVersions[int(version)%len(fuzzVersions)]
		opts := []Option{WithVersion(v), WithLineLimit(int(limit))}
		r := NewReader(bytes.NewReader(in), opts...)
		var all []byte
		line, offset := int64(1), int64(-1)
		for r.Scan() {
			rec := r.Record()
			if rec.Line < line || rec.Offset <= offset || rec.Offset >= int64(len(in)) || rec.Truncated < 0 {
				t.Fatalf("record %+v after line %d, offset %d of %d", rec, line, offset, len(in))
			}
			line, offset = rec.Line, rec.Offset
			if at := bytes.Count(in[:offset], []byte("\n")) + 1; int64(at) != line {
				t.Fatalf("record %+v is on line %d", rec, at)
			}
			if limit == 0 && v == referenceVersion && rec.Type > TypeMalformed {
				end := bytes.IndexByte(in[offset:], '\n')
				if end < 0 {
					end = len(in) - int(offset)
				}
				agree(t, in[offset:int(offset)+end], rec)
			}
			all = dump(all, rec)
		}
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		few := dumpAll(t, chunks{bytes.NewReader(in), func() int { return 1 + int(version)%7 }}, opts...)
		if string(all) != few {
			t.Fatalf("read at once:\n%s\nread by pieces:\n%s", all, few)
		}
	})
}

// The seeds that earlier findings left must be there.
func TestFuzzSeeds(t *testing.T) {
	for _, name := range []string{"FuzzReader", "FuzzAppendText"} {
		seeds, err := os.ReadDir("testdata/fuzz/" + name)
		if err != nil || len(seeds) == 0 {
			t.Errorf("%s: %d seeds, %v", name, len(seeds), err)
		}
	}
}
