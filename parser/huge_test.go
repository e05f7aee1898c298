package parser

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// mapLine streams the line of a map of n keys without ever holding it.
type mapLine struct {
	n, at int
	rest  []byte
}

func (m *mapLine) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		switch {
		case m.at > m.n:
			return 0, io.EOF
		case m.at == m.n:
			m.rest = append(m.rest, "}}}\n"...)
		default:
			if m.at == 0 {
				m.rest = append(m.rest, `{"type": "map", "data": {"@m": {`...)
			} else {
				m.rest = append(m.rest, ", "...)
			}
			m.rest = strconv.AppendInt(append(m.rest, '"'), int64(m.at), 10)
			m.rest = strconv.AppendInt(append(m.rest, `,bpftrace": `...), int64(m.at)*3, 10)
		}
		m.at++
	}
	n := copy(p, m.rest)
	m.rest = m.rest[:copy(m.rest, m.rest[n:])]
	return n, nil
}

// A map of a million keys costs at most twice its rows while it is read, all
// that is allocated on the way counted, and the next ones no more than that.
func TestMillionKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("skip: a million keys take a while")
	}
	if underRace {
		t.Skip("skip: the race detector allocates too")
	}
	const keys, lines = 1_000_000, 3
	heap := func() (live, total int64) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc), int64(m.TotalAlloc)
	}
	src := make([]io.Reader, lines)
	for i := range src {
		src[i] = &mapLine{n: keys}
	}
	r := NewReader(io.MultiReader(src...))
	base, _ := heap()
	for i := range lines {
		_, before := heap()
		if !r.Scan() {
			t.Fatal(r.Err())
		}
		live, total := heap()
		rows, spent := live-base, total-before
		m := r.Record().Map
		if len(m.Rows) != keys || m.Cut || m.Rows[keys-1].Key != "999999,bpftrace" {
			t.Fatalf("%d rows, cut=%t", len(m.Rows), m.Cut)
		}
		if v, ok := m.Rows[keys-1].Value.Int64(); !ok || v != 3*(keys-1) {
			t.Fatalf("last value %d", v)
		}
		t.Logf("line %d: rows %d MB, allocated %d MB", i+1, rows>>20, spent>>20)
		if spent > 2*rows {
			t.Errorf("line %d: %d bytes allocated for rows of %d", i+1, spent, rows)
		}
		r.rec = Record{} // as the next Scan does
		if left, _ := heap(); left-base > 4<<20 {
			t.Errorf("line %d: %d kB stay with the Reader", i+1, (left-base)>>10)
		}
	}
}

// Whatever is asked of a long line, rows that came whole are there.
func TestLineLimit(t *testing.T) {
	line := func(n int) string {
		b, err := io.ReadAll(&mapLine{n: n})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	tail := `{"type": "printf", "data": "after"}` + "\n"
	for _, limit := range []int{1, 31, 33, 40, 100, 1000, hugeLine - 1, hugeLine, hugeLine + 1, 600_000} {
		in := line(40_000) // some 900 kB
		r := NewReader(iotest.HalfReader(strings.NewReader(in+tail)), WithLineLimit(limit))
		if !r.Scan() {
			t.Fatal("no record")
		}
		rec := *r.Record()
		if want := int64(len(in) - 1 - limit); rec.Truncated != want {
			t.Errorf("limit %d: Truncated = %d, want %d", limit, rec.Truncated, want)
		}
		if rec.Problem == nil {
			t.Errorf("limit %d: no Problem", limit)
		}
		whole := strings.Count(in[:limit], ", \"") // rows with a comma behind them
		switch {
		case limit < 31 && rec.Type != TypeMalformed:
			t.Errorf("limit %d: %s", limit, rec.Type)
		case limit > 31 && (rec.Type != TypeMap || !rec.Map.Cut):
			t.Errorf("limit %d: %s", limit, rec.Type)
		case limit > 31 && (len(rec.Map.Rows) < whole-1 || len(rec.Map.Rows) > whole+1):
			t.Errorf("limit %d: %d rows, of %d", limit, len(rec.Map.Rows), whole)
		}
		if rec.Map != nil {
			for i, row := range rec.Map.Rows {
				if v, _ := row.Value.Int64(); row.Key != fmt.Sprintf("%d,bpftrace", i) || v != int64(i)*3 {
					t.Fatalf("limit %d: row %d is %+v", limit, i, row)
				}
			}
		}
		if limit >= len(tail) && (!r.Scan() || r.Record().Text != "after" || r.Record().Offset != int64(len(in)) || r.Record().Line != 2) {
			t.Errorf("limit %d: after it: %+v", limit, r.Record())
		}
	}
	text := `{"type": "printf", "data": "` + strings.Repeat(`a\n\uffffffe9`, 100_000) + `"}` + "\n"
	for limit, want := range map[int]int{28: 0, 29: 1, 30: 1, 31: 2, 40: 2, 41: 3, 42: 4, 28 + 13*50_000: 150_000, len(text): 300_000} {
		r := NewReader(strings.NewReader(text+tail), WithLineLimit(limit))
		if !r.Scan() || len(r.Record().Text) != want || r.Record().Type != TypePrintf {
			t.Errorf("limit %d: %s of %d bytes", limit, r.Record().Type, len(r.Record().Text))
		}
		if !r.Scan() || r.Record().Offset != int64(len(text)) || limit > 40 && r.Record().Text != "after" {
			t.Errorf("limit %d: after it: %+v", limit, r.Record())
		}
	}
	// What a huge line took is given back.
	r := NewReader(strings.NewReader(text + tail))
	for r.Scan() {
	}
	if len(r.buf) > keepBuffer || cap(r.scan.text) > 1<<16 {
		t.Errorf("%d and %d bytes are kept", len(r.buf), cap(r.scan.text))
	}
}

// A map reads alike whether its line is held or streamed, whole or broken.
func TestHugeLikeSmall(t *testing.T) {
	var b strings.Builder
	for i := range 8_000 {
		fmt.Fprintf(&b, `"key %d": [{"min": %d, "max": %d, "count": 1}], `, i, i, i)
	}
	rows := b.String()
	for _, version := range []string{"0.17.0", "0.23.2", "0.27.1", ""} {
		for _, end := range []string{
			`"z": []}}}`, `"z": []}}}x`, `"z": []}}`, `"z": []}`, `"z": [}}}`, `"z": []}, "b": 1}`, `"z\u0001": [{"max": 0, "count": 10}]}}}`, `"\u00`, ``, `"z": []}} }`, `"z": []}}, "n": 1}`,
		} {
			last := func(n int) string {
				in := `{"type": "hist", "data": {"@h": {` + rows[:n] + end
				r := NewReader(strings.NewReader(in+"\n"), WithVersion(version))
				if !r.Scan() {
					t.Fatal("no record")
				}
				rec := *r.Record()
				if rec.Map == nil || len(rec.Map.Rows) == 0 {
					return rec.Type.String()
				}
				rec.Map.Rows = rec.Map.Rows[len(rec.Map.Rows)-1:]
				if rec.Map.Rows[0].Key[0] == 'k' {
					rec.Map.Rows = nil
				}
				return string(dump(nil, &rec))
			}
			small := last(strings.Index(rows, `"key 1"`))
			if d := cmp.Diff(small, last(len(rows))); d != "" {
				t.Errorf("version %q, end %q: %s", version, end, d)
			}
		}
	}
}
