package collector

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tracecar/parser"
)

// TestEventLogModel compares the log with a plain list: texts that are written
// over one another must not show.
func TestEventLogModel(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		l := eventLog{max: 1 + rnd.IntN(20), maxBytes: 500 + rnd.IntN(3000), newest: seed%2 == 0}
		var all []string
		line := make([]byte, 0, 300) // as the Reader's buffer: one for all
		for i := range 300 {
			text := fmt.Sprintf("%d:", i) + strings.Repeat("x", rnd.IntN(200))
			if rnd.IntN(10) == 0 {
				text = ""
			}
			all = append(all, text)
			line = append(line[:0], text...)
			switch rnd.IntN(4) {
			case 0:
				l.add(Event{Type: printfType, Data: parser.Text(text)})
			case 1:
				l.addText(text)
			default:
				l.addBytes(line)
			}
			if rnd.IntN(20) > 0 {
				continue
			}
			cursor := rnd.Int64N(int64(len(all)) + 1)
			events, next, gone := l.since(cursor)
			if next != int64(len(all)) || int(gone)+len(events) != len(all)-int(cursor) {
				t.Fatalf("seed %d: %d events and %d gone since %d, next %d of %d", seed, len(events), gone, cursor, next, len(all))
			}
			want := all[len(all)-len(events):]
			if !l.newest {
				want = all[cursor : int(cursor)+len(events)]
			}
			for j, ev := range events {
				if ev.Type != printfType || ev.Data.Text() != want[j] {
					t.Fatalf("seed %d: event %d of %d is %q, want %q", seed, j, len(events), ev.Data.Text(), want[j])
				}
			}
			if l.kept > l.max || l.newest && l.kept > 1 && l.bytes > l.maxBytes {
				t.Fatalf("seed %d: %d events in %d bytes; the bounds are %d and %d", seed, l.kept, l.bytes, l.max, l.maxBytes)
			}
			held := 0
			for i := range l.ring {
				held += cap(l.ring[i].bytes)
			}
			if held > 2*l.bytes {
				t.Fatalf("seed %d: texts take %d bytes, of which %d are counted", seed, held, l.bytes)
			}
		}
	}
}
