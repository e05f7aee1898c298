package parser

import (
	"bytes"
	"io"
)

// DefaultLineLimit is the line limit of a Reader that was given none: 256 MiB.
const DefaultLineLimit = 256 << 20

const (
	// A daemon has a Reader for each of its probes, and most print next to
	// nothing: what does not fill firstBuffer gets no more.
	firstBuffer = 8 << 10
	minBuffer   = 128 << 10
	hugeLine    = 256 << 10 // from here on the rows of a map are read while its line comes
	keepBuffer  = 2 * hugeLine
)

// Option changes a Reader.
type Option func(*Reader)

// WithVersion says which bpftrace wrote the stream: "0.23.2", or what
// bpftrace --version prints. Without it the Reader goes by what the stream
// shows (attached_probes has a count from 0.24 on). Then the keys of 0.22 and
// 0.23, which are escaped twice, stay escaped once; all else is read alike,
// or the record's Problem says that it may not be.
func WithVersion(v string) Option { return func(r *Reader) { r.dialect = dialectOf(v) } }

// WithLineLimit sets how many bytes of one line are read; n < 1 means
// DefaultLineLimit. The record of a longer line has Truncated set and holds
// what came before.
func WithLineLimit(n int) Option {
	return func(r *Reader) {
		if n < 1 {
			n = DefaultLineLimit
		}
		r.limit = n
	}
}

// Reader reads records from a stream. A map's rows are parsed while its line
// arrives: it costs its rows (32 bytes, the key and what is no number each),
// two thirds more while they are gathered, and 512 KiB. For a map of numbers
// that is about three times its line where keys are of a usual length, six
// times at worst. Any other line costs up to twice its length, and what its
// values take. What a long line took is given back after it. A Reader starts
// no goroutine and is not safe for concurrent use.
type Reader struct {
	src   io.Reader
	limit int

	buf        []byte
	start, end int  // buf[start:end] is unread
	full       bool // the last read left no room in a buffer below minBuffer
	seen       int  // so much of it holds no newline
	eof        bool
	err        error

	offset int64 // of buf[start] in the stream
	line   int64 // lines before it

	rec, next Record // next waits where one line gave two records
	hasNext   bool

	skipText bool

	scan    scan
	rows    rows
	dialect dialect
	last    *Problem // the last one read, for its strings
	openAt  int      // where a value without quotes began that the line did not end
	openEnd string
}

// NewReader returns a Reader of what bpftrace -f json prints. It starts
// nothing and reads nothing before the first Scan.
func NewReader(src io.Reader, opts ...Option) *Reader {
	r := &Reader{src: src, limit: DefaultLineLimit, last: &Problem{}}
	for _, o := range opts {
		o(r)
	}
	r.scan.d = &r.dialect
	return r
}

// SkipText says that the text of printf messages is not wanted as a string
// from the next Scan on, or wanted again: it costs an allocation per line. Where
// it is not, Text may be empty and Bytes hold it instead; all else is read and
// checked as before.
func (r *Reader) SkipText(skip bool) { r.skipText = skip }

// Record returns the record of the last Scan. It is overwritten by the next;
// its strings, Values, Map and Problem may be kept.
func (r *Reader) Record() *Record { return &r.rec }

// More tells whether the next Scan will give a printf whose line is already
// in memory: it will not wait. False says nothing; other messages may be there.
func (r *Reader) More() bool {
	w := r.buf[r.start:r.end]
	if r.hasNext || r.seen > 0 || !bytes.HasPrefix(w, printfHead) {
		return false
	}
	if r.seen = bytes.IndexByte(w, '\n'); r.seen < 0 {
		r.seen = len(w)
		return false
	}
	return true // and Scan finds the newline where seen is
}

// Err returns the error that ended the stream, nil at its regular end. Lines
// that are not messages are records, not errors.
func (r *Reader) Err() error { return r.err }

// Scan reads the next record, as soon as its line has come whole: it never
// waits for more than that. It returns false at the end of the stream or
// after a read error. Blank lines are counted, and give no record.
func (r *Reader) Scan() bool {
	if r.hasNext {
		r.rec, r.next, r.hasNext = r.next, Record{}, false
		return true
	}
	for {
		r.shrink()
		n, found := r.findLine()
		if n > 0 && n >= min(hugeLine, r.limit+1) {
			r.rec = Record{Line: r.line + 1, Offset: r.offset}
			r.huge()
			return true
		}
		if n == 0 && !found {
			r.rec = Record{}
			return false
		}
		line := bytes.TrimSuffix(r.buf[r.start:r.start+n], []byte("\r"))
		if len(line) == 0 {
			r.skip(n, found, 1)
			continue
		}
		r.rec = Record{Line: r.line + 1, Offset: r.offset}
		n, lines := r.read(line, n, found)
		r.skip(n, found, lines)
		return true
	}
}

// read makes a record, or two, of a whole line. It returns how many bytes and
// lines were used: more than one where a value holds newlines.
func (r *Reader) read(line []byte, n int, found bool) (used, lines int) {
	r.openAt = 0
	rec := &r.rec
	v := bad
	if line[0] == '{' {
		v = r.message(line, rec)
	}
	if r.openAt > 0 && found && r.dialect.bareLines() {
		if used, lines := r.join(n); used > 0 {
			return used, lines
		}
	}
	if v == good || r.glued(line) {
		return n, 1
	}
	why := r.scan.why
	if line[0] != '{' {
		why = "not one of bpftrace's messages"
	}
	*rec = Record{Line: rec.Line, Offset: rec.Offset, Text: string(line), Problem: &Problem{Message: why}}
	if v != shape || !r.isJSON(line) {
		rec.Type = TypeMalformed
	}
	if bytes.HasPrefix(line, []byte(`{"type":`)) {
		r.dialect.noteEscapes(line)
	}
	return n, 1
}

// isJSON reports whether line is JSON and nothing else.
func (r *Reader) isJSON(line []byte) bool {
	s := &r.scan
	s.reset(line)
	_, ok := s.value(0)
	s.ws()
	return ok && s.i == len(line)
}

// glued looks for a message after other text on its line: what a command run
// with -c printed without a newline. The text becomes a record of its own.
func (r *Reader) glued(line []byte) bool {
	for from, tries := 1, 0; tries < 8; tries++ {
		at := bytes.Index(line[min(from, len(line)):], []byte(head))
		if at < 0 {
			return false
		}
		at += from
		why := r.scan.why
		r.next = Record{Line: r.rec.Line, Offset: r.rec.Offset + int64(at)}
		if r.message(line[at:], &r.next) == good {
			if line[0] != '{' {
				why = "not one of bpftrace's messages"
			}
			r.rec = Record{
				Type: TypeMalformed, Line: r.rec.Line, Offset: r.rec.Offset,
				Text: string(line[:at]), Problem: &Problem{Message: why},
			}
			r.hasNext = true
			return true
		}
		from = at + 1
	}
	return false
}

// join reads a value without quotes that holds newlines: the lines up to the
// one that ends its message, 64 or 4 KiB of them at most.
func (r *Reader) join(n int) (used, lines int) {
	from, at := r.openAt, n+1
	for lines = 2; lines <= 64; lines++ {
		size := -1
		for size < 0 {
			w := r.buf[r.start+at : r.end]
			if bytes.HasPrefix(w, []byte(head)) {
				return 0, 0
			}
			if size = bytes.IndexByte(w, '\n'); size >= 0 {
				break
			}
			if len(w) > 4096 || !r.fill() {
				return 0, 0
			}
		}
		at += size + 1
		if at-n > 4096 {
			return 0, 0
		}
		all := r.buf[r.start : r.start+at-1]
		if text, ok := bytes.CutSuffix(all[from:], []byte(r.openEnd)); ok && size >= len(r.openEnd) {
			v := Text(string(text))
			if r.rec.Type == TypeMap {
				r.rec.Map.Rows = []Row{{Value: v}}
				r.rec.Map.Cut = false
			} else {
				r.rec.Value = v
			}
			r.rec.Problem = &Problem{Message: noteBare}
			return at - 1, lines
		}
	}
	return 0, 0
}
