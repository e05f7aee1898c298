package parser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// benchInputs are streams of the shapes that bpftrace prints in bulk, of about
// a megabyte each.
func benchInputs() []struct{ name, in string } {
	pad := strings.Repeat("padding ", 10)
	printf133 := fmt.Sprintf(`{"type": "printf", "data": "dd 4242 1234567 %s\n"}`+"\n", pad)
	printf43 := `{"type": "printf", "data": "dd 4242 1234\n"}` + "\n"
	var m, h strings.Builder
	m.WriteString(`{"type": "map", "data": {"@m": {`)
	h.WriteString(`{"type": "hist", "data": {"@h": {`)
	for i := range 100_000 {
		if i > 0 {
			m.WriteString(", ")
		}
		fmt.Fprintf(&m, `"%d,dd": %d`, i*7919%1_000_003, i/3)
	}
	for i := range 2_000 {
		if i > 0 {
			h.WriteString(", ")
		}
		fmt.Fprintf(&h, `"%d": [`, i)
		for b := range 12 {
			if b > 0 {
				h.WriteString(", ")
			}
			fmt.Fprintf(&h, `{"min": %d, "max": %d, "count": %d}`, 1<<b, 2<<b-1, i*b)
		}
		h.WriteString("]")
	}
	m.WriteString("}}}\n")
	h.WriteString("}}}\n")
	return []struct{ name, in string }{
		{"printf133", strings.Repeat(printf133, 1<<20/len(printf133))},
		{"printf43", strings.Repeat(printf43, 1<<20/len(printf43))},
		{"map100k", m.String()},
		{"hist", h.String()},
		{"stack", strings.Repeat(`{"type": "map", "data": {"@s": {"\n__schedule+1560\nschedule+35\ndo_nanosleep+94\nhrtimer_nanosleep+116\n": 12, "\n__schedule+1560\nschedule+35\nfutex_do_wait+70\n": 3}}}`+"\n", 5000)},
	}
}

func scanAll(tb testing.TB, in string) {
	r := NewReader(strings.NewReader(in), WithVersion("0.23.2"))
	for r.Scan() {
		if r.Record().Type < TypeAttachedProbes {
			tb.Fatalf("%+v", r.Record())
		}
	}
	if r.Err() != nil {
		tb.Fatal(r.Err())
	}
}

func decodeAll(tb testing.TB, in string) {
	dec := json.NewDecoder(strings.NewReader(in))
	dec.UseNumber()
	for {
		var msg struct {
			Type string
			Data any
		}
		if err := dec.Decode(&msg); err == io.EOF {
			return
		} else if err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkReader reports as x_encoding_json how much faster the Reader is
// than encoding/json, measured before in the same run.
func BenchmarkReader(b *testing.B) {
	for _, c := range benchInputs() {
		b.Run(c.name, func(b *testing.B) {
			start := time.Now()
			decodeAll(b, c.in)
			base := time.Since(start)
			lines := bytes.Count([]byte(c.in), []byte("\n"))
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			for b.Loop() {
				scanAll(b, c.in)
			}
			b.ReportMetric(base.Seconds()/(b.Elapsed().Seconds()/float64(b.N)), "x_encoding_json")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lines), "ns/line")
		})
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	for _, c := range benchInputs() {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			for b.Loop() {
				decodeAll(b, c.in)
			}
		})
	}
}
