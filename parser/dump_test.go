package parser

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// dump writes a record as one line, for golden files and comparisons.
func dump(b []byte, rec *Record) []byte {
	b = fmt.Appendf(b, "%d@%d %s", rec.Line, rec.Offset, rec.Type)
	switch rec.Type {
	case TypeAttachedProbes, TypeLostEvents:
		b = fmt.Appendf(b, " %d", rec.Count)
	case TypeValue, TypeTestResult, TypeBenchmark:
		b = fmt.Appendf(b, " %s ", rec.Value.Kind())
		b = rec.Value.AppendJSON(b)
	case TypeHelperError, TypeRuntimeError, TypeErrorf, TypeWarnf:
	default:
		if rec.Map == nil {
			b = Text(rec.Text).AppendJSON(append(b, ' '))
		}
	}
	if m := rec.Map; m != nil {
		b = fmt.Appendf(b, " %s keyed=%t cut=%t %d", m.Name, m.Keyed, m.Cut, len(m.Rows))
		for _, row := range m.Rows {
			b = append(b, "\n    "...)
			if m.Keyed {
				b = append(Text(row.Key).AppendJSON(b), " = "...)
			}
			b = row.Value.AppendJSON(fmt.Appendf(b, "%s ", row.Value.Kind()))
		}
	}
	if p := rec.Problem; p != nil {
		b = fmt.Appendf(b, " problem=%q", p.Message)
		if p.Helper != "" {
			b = fmt.Appendf(b, " helper=%s retcode=%d", p.Helper, p.Retcode)
		}
		if p.Line > 0 {
			b = fmt.Appendf(b, " at=%s:%d:%d", p.File, p.Line, p.Column)
		}
	}
	if rec.Truncated > 0 {
		b = fmt.Appendf(b, " truncated=%d", rec.Truncated)
	}
	return append(b, '\n')
}

func dumpAll(t testing.TB, src io.Reader, opts ...Option) string {
	t.Helper()
	var b []byte
	r := NewReader(src, opts...)
	for r.More(); r.Scan(); r.More() { // asking changes nothing
		b = dump(b, r.Record())
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// read gives the dump of a whole stream.
func read(t testing.TB, in string, opts ...Option) string {
	t.Helper()
	return dumpAll(t, strings.NewReader(in), opts...)
}

// corpus lists the real outputs under testdata with the version that wrote each.
func corpus(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.jsonl")
	if err != nil || len(files) < 200 {
		t.Fatalf("%d corpus files, %v", len(files), err)
	}
	versions := []struct{ suffix, version string }{
		{".0.17.jsonl", "0.17.0"}, {".0.23.jsonl", "0.23.2"}, {".0.27.0.jsonl", "0.27.0"}, {".0.27.jsonl", "0.27.1"},
	}
	of := make(map[string]string)
	for _, f := range files {
		for _, v := range versions {
			if strings.HasSuffix(f, v.suffix) {
				of[f] = v.version
				break
			}
		}
		if of[f] == "" {
			t.Fatalf("%s: no version in its name", f)
		}
	}
	return of
}

// chunks reads n bytes at a time.
type chunks struct {
	src *bytes.Reader
	n   func() int
}

func (c chunks) Read(p []byte) (int, error) { return c.src.Read(p[:min(len(p), c.n())]) }
