package parser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"syscall"
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
		{"map100k", strings.Repeat(m.String(), 16)},
		{"hist", strings.Repeat(h.String(), 16)},
		{"stack", strings.Repeat(`{"type": "map", "data": {"@s": {"\n__schedule+1560\nschedule+35\ndo_nanosleep+94\nhrtimer_nanosleep+116\n": 12, "\n__schedule+1560\nschedule+35\nfutex_do_wait+70\n": 3}}}`+"\n", 5000)},
	}
}

// cpu is the CPU time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
// than encoding/json, both in CPU time (the collector's included) and in the
// same run: wall time would measure the neighbours.
func BenchmarkReader(b *testing.B) {
	for _, c := range benchInputs() {
		b.Run(c.name, func(b *testing.B) {
			base := cpu()
			for range 3 {
				decodeAll(b, c.in)
			}
			base = (cpu() - base) / 3
			lines := bytes.Count([]byte(c.in), []byte("\n"))
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			used := cpu()
			for b.Loop() {
				scanAll(b, c.in)
			}
			used = (cpu() - used) / time.Duration(b.N)
			b.ReportMetric(float64(base)/float64(used), "x_encoding_json")
			b.ReportMetric(float64(len(c.in))/1e6/used.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(used.Nanoseconds())/float64(lines), "cpu-ns/line")
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
