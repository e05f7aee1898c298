// Package parser reads what bpftrace -f json prints.
//
// In flows the byte stream of one bpftrace, version 0.17 to 0.27: one JSON
// message per line, more or less. Out flow records, one for each thing
// bpftrace said, typed and exact. Start with [NewReader]:
//
//	r := parser.NewReader(stdout, parser.WithVersion("0.23.2"))
//	for r.Scan() {
//		rec := r.Record()
//		…
//	}
//	if err := r.Err(); err != nil { … }
//
// No line stops the stream. A line that is not a message is a record of
// [TypeMalformed], a message that is not known one of [TypeUnknown], each with
// its place and its text; a map whose line breaks off has the rows that came
// whole, and says so. Where bpftrace's output does not tell what the script
// computed, Record.Problem says what is in doubt.
//
// # What is undone
//
//   - Bytes from 0x80 up are printed as \uffffffXX; they come back as bytes,
//     so that text is what the script saw, valid UTF-8 or not.
//   - 0.22 and 0.23 escape map keys twice.
//   - From 0.24 to 0.27 the first \u escape leaves the stream in hexadecimal
//     mode: hist and lhist counts, lost events and tseries values after it are
//     hexadecimal, and are read so.
//   - Before 0.24 some values are printed without quotes (strftime, strerror,
//     cgroup_path, macaddr), one of them with newlines in it.
//   - The last bucket of 0.17's hist() is labelled -2147483648 to 0; it holds
//     2^31 and above.
//   - Text of a traced command before a message on the same line.
//
// # What is not
//
// Only the script tells the kind of a map (count or sum, avg or stats without a
// key), how a joined key splits into parts, whether a string of digits is a
// number too large for a double (0.24 and later), and whether 2026 without
// quotes is a string (0.17). What reads the script does those: Values keep the
// kind that was printed. Spaces that 0.24 and later delete from keys are gone.
//
// A Value's JSON is that of a Result; see [Value.AppendJSON].
package parser
