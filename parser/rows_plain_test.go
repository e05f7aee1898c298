package parser

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// What the quick ways read, they must read as strconv does; what they do not
// read is for the careful way.
func TestPlainInt(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	texts := []string{"", "-", "0", "-0", "00", "01", "-01", "+1", " 1", "1 ", "1.5", "1e3", "a", "12a", "/1", ":1", "1:", "\xff", "1\xff"}
	for range 5000 {
		n := strconv.FormatUint(rnd.Uint64()>>rnd.IntN(64), 10)
		texts = append(texts, n, "-"+n, "0"+n, n+":", n+"\xb0")
	}
	for _, text := range texts {
		for _, end := range []string{",", "}", "", " ", ", \"abcdefgh\"", "}}}}}}}}}", "]}}}}}}}}}"} {
			b := []byte("xxx" + text + end)
			want, err := strconv.ParseInt(text, 10, 64)
			plain := err == nil && text[0] != '+' && (strings.HasPrefix(end, ",") || strings.HasPrefix(end, "}")) &&
				strconv.FormatInt(want, 10) == strings.TrimPrefix(text, "-0") && len(strings.TrimPrefix(text, "-")) <= 18
			n, at, ok := plainInt(b, 3)
			if text == "-0" {
				plain = ok // either is right
			}
			if ok != plain || ok && (n != want || at != 3+len(text)) {
				t.Fatalf("plainInt(%q): %d, %d, %t; want %d, %t", b[3:], n, at, ok, want, plain)
			}
			if n, at, ok := smallInt(b, 3); ok && (!plain || n != want || at != 3+len(text)) {
				t.Fatalf("smallInt(%q): %d, %d; want %d, %t", b[3:], n, at, want, plain)
			}
		}
	}
}

// Rows of the usual form, and of almost that form, against encoding/json.
func TestPlainRows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	values := []string{"1", "0", "-7", "1234567", "12345678", "123456789012345678", "1234567890123456789", "18446744073709551615", "true", `"1"`, "1.5", "[1,2]", "", "01", "1x"}
	for range 3000 {
		var b strings.Builder
		b.WriteString(`{"type": "map", "data": {"@m": {`)
		for i := range 1 + rnd.IntN(6) {
			if i > 0 {
				b.WriteString([]string{", ", ", ", ", ", ",", ",  ", " , "}[rnd.IntN(6)])
			}
			key := strings.Repeat("k,é", rnd.IntN(8))
			if rnd.IntN(6) == 0 {
				key += []string{`\"`, `\\`, `\n`, `\u0001`}[rnd.IntN(4)]
			}
			v := values[rnd.IntN(5)]
			if rnd.IntN(8) == 0 {
				v = values[rnd.IntN(len(values))]
			}
			fmt.Fprintf(&b, `"%s"%s%s`, key, []string{": ", ": ", ": ", ":", " : "}[rnd.IntN(5)], v)
		}
		b.WriteString("}}}")
		line := []byte(b.String())
		r := NewReader(strings.NewReader(b.String()), WithVersion("0.27.1"))
		if !r.Scan() {
			t.Fatalf("%s: no record", line)
		}
		rec := *r.Record()
		agree(t, line, &rec)
		if _, ok := reference(line); !ok && (rec.Map == nil || !rec.Map.Cut) {
			t.Fatalf("%s\nis not JSON but reads as %s", line, dump(nil, &rec))
		}
	}
}
