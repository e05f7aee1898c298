package parser

import (
	"bytes"
	"io"
)

// findLine returns the length of the line at the start of the buffer, and
// whether its newline has been found. It is not where the stream ended, and
// where the line is longer than a Reader handles at once.
func (r *Reader) findLine() (n int, found bool) {
	for {
		w := r.buf[r.start:r.end]
		if i := bytes.IndexByte(w[r.seen:], '\n'); i >= 0 {
			return r.seen + i, true
		}
		r.seen = len(w)
		if len(w) >= min(hugeLine, r.limit+1) || !r.fill() {
			return len(w), false
		}
	}
}

// fill reads once, making room as needed. It returns false at the end.
func (r *Reader) fill() bool {
	if r.eof {
		return false
	}
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	if size, had := r.end-r.start, len(r.buf); had-r.end < min(had, minBuffer)/4 || r.full || r.buf == nil {
		switch {
		case r.buf == nil:
			r.buf = make([]byte, firstBuffer)
		case size > had/2 || r.full:
			grown := make([]byte, max(minBuffer, 2*had))
			copy(grown, r.buf[r.start:r.end])
			r.buf = grown
		default:
			copy(r.buf, r.buf[r.start:r.end])
		}
		r.start, r.end = 0, size
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		r.full = r.end == len(r.buf) && r.end < minBuffer // there is more than comes into a small one
		if err != nil {
			r.eof = true
			if err != io.EOF {
				r.err = err
			}
		}
		if n > 0 || err != nil {
			return n > 0
		}
	}
	r.eof, r.err = true, io.ErrNoProgress
	return false
}

// skip leaves n bytes behind, and the newline after them.
func (r *Reader) skip(n int, newline bool, lines int) {
	if newline {
		n++
	}
	r.start += n
	r.offset += int64(n)
	r.line += int64(lines)
	r.seen = 0
}

// shrink gives back what a long line took.
func (r *Reader) shrink() {
	if rest := r.end - r.start; len(r.buf) > keepBuffer && rest <= minBuffer/2 {
		small := make([]byte, minBuffer)
		copy(small, r.buf[r.start:r.end])
		r.buf, r.start, r.end = small, 0, rest
	}
	r.scan.shrink()
}

func (s *scan) shrink() {
	const keep = 64 << 10
	if cap(s.text) > keep {
		s.text = nil
	}
	if cap(s.again) > keep {
		s.again = nil
	}
	if cap(s.elems) > keep/16 {
		s.elems = nil
	}
	if cap(s.fields) > keep/16 {
		s.fields = nil
	}
	if cap(s.buckets) > keep/16 {
		s.buckets = nil
	}
	if cap(s.points) > keep/16 {
		s.points = nil
	}
}

// noteEscapes looks for \u escapes in bytes that are not read otherwise: they
// turn the numbers after them hexadecimal all the same.
func (d *dialect) noteEscapes(b []byte) {
	for !d.escaped {
		i := bytes.IndexByte(b, '\\')
		if i < 0 || i+1 >= len(b) {
			return
		}
		if b[i+1] == 'u' {
			d.escaped = true
		}
		b = b[i+2:]
	}
}
