package parser

import (
	"io"
	"strings"
	"testing"
)

// waits is a source that gives its parts one by one, and counts.
type waits struct {
	parts []string
	reads int
}

func (w *waits) Read(p []byte) (int, error) {
	if w.reads++; len(w.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.parts[0])
	if w.parts[0] = w.parts[0][n:]; w.parts[0] == "" {
		w.parts = w.parts[1:]
	}
	return n, nil
}

// TestMoreNeverWaits: after More the next Scan reads nothing and gives a
// printf, however the stream is torn, and no record is lost or changed by asking.
func TestMoreNeverWaits(t *testing.T) {
	const printf = `{"type": "printf", "data": "some text\n"}`
	all := strings.Join([]string{
		`{"type": "attached_probes", "data": {"probes": 1}}`, printf, "", printf, "\r", printf,
		`{"type": "value", "data": an open`, `value}`, printf, `{"type": "printf", "data": broken}`, "x" + printf, printf,
		`{"type": "map", "data": {"@": 1}}`, printf, "",
	}, "\n") + `{"type": "printf", "data": "torn`
	want := records(t, NewReader(strings.NewReader(all)), nil)
	for size := 1; size < 200; size++ {
		src := &waits{}
		for rest := all; rest != ""; rest = rest[min(size, len(rest)):] {
			src.parts = append(src.parts, rest[:min(size, len(rest))])
		}
		rd, promised := NewReader(src), 0
		got := records(t, rd, func() {
			reads := src.reads
			if !rd.More() {
				return
			}
			promised++
			if rd.hasNext || !strings.HasPrefix(string(rd.buf[rd.start:rd.end]), string(printfHead)) {
				t.Fatal("the next is no printf")
			}
			if n, found := rd.findLine(); !found || n == 0 || src.reads != reads {
				t.Fatalf("parts of %d bytes: the next Scan would wait", size)
			}
		})
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("parts of %d bytes: %q, want %q", size, got, want)
		}
		if size > 100 && promised == 0 {
			t.Errorf("parts of %d bytes: More is always false", size)
		}
	}
}

// records reads a stream to its end, calling before before each Scan.
func records(t *testing.T, rd *Reader, before func()) (all []string) {
	t.Helper()
	for {
		if before != nil {
			before()
		}
		if !rd.Scan() {
			break
		}
		rec := rd.Record()
		all = append(all, rec.Type.String()+" "+rec.Text+rec.Value.String())
	}
	if rd.Err() != nil {
		t.Error(rd.Err())
	}
	return all
}
