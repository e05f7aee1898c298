package parser

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestBufferFollowsTheStream: who prints little gets a small buffer, and who
// prints much gets a large one after the first read.
func TestBufferFollowsTheStream(t *testing.T) {
	text := strings.Repeat(`{"type": "printf", "data": "a line\n"}`+"\n", 20_000)
	for name, c := range map[string]struct {
		src  io.Reader
		want int
	}{
		"quiet": {iotest.OneByteReader(strings.NewReader(text[:len(text)/10])), firstBuffer},
		"flood": {bytes.NewReader([]byte(text)), minBuffer},
		"short": {strings.NewReader(text[:100]), firstBuffer},
	} {
		r, lines := NewReader(c.src), 0
		for r.Scan() {
			lines++
		}
		if r.Err() != nil || lines == 0 || len(r.buf) != c.want {
			t.Errorf("%s: %d lines, a buffer of %d bytes, want %d; %v", name, lines, len(r.buf), c.want, r.Err())
		}
	}
}
