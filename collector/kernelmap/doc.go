// Package kernelmap reads the maps of a bpftrace process out of the kernel,
// so that keys come back exact: bpftrace's own JSON joins, escapes and
// shortens them.
//
// In flows the pid of a bpftrace process and, later, the parsed script and
// bpftrace's version; out flow tables of typed keys and values. The first
// half needs CAP_SYS_ADMIN (or root) and works in bytes; the second is pure:
//
//	h := kernelmap.Hold(ctx, pid)       // at once after the start of bpftrace
//	...                                 // bpftrace runs, ends
//	raws, err := h.Dump(ctx, maxEntries)
//	h.Close()
//	tables, err := kernelmap.Decode(raws, parsedScript, version)
//
// Between the halves a []Raw can cross a process boundary (WriteRaws,
// ReadRaws). Holder.Tables does both in one process, again and again for a live
// map: it keeps what it read of it, and decodes only the keys that are new.
// A row that bpftrace printed is paired with one read here by
// Match and Render, which say what bpftrace prints for a key.
//
// The layouts are bpftrace's private business. Measured on Linux 6.18 with
// 0.17.0, 0.23.2 and 0.27.1, and tested against the JSON of the same runs:
//
//   - A map @m is AT_m, cut at 15 bytes; maps are made sorted by name.
//   - 0.17 has no BTF. Keys are packed, integers have 8 bytes, strings the
//     width of the widest one with its NUL. A tuple value is laid out as in C.
//   - From 0.22 on BTF describes keys and values, but calls every integer
//     signed, and buffers, stacks and keys of histograms byte arrays: signs,
//     booleans and buffers come from the script. 0.24 and later give integers
//     in keys their own width.
//   - Keys of hist and lhist end in 8 bytes of bucket number. hist(n, k): 0 is
//     negative, then 2^k single values from 0 on, then 2^k buckets per power
//     of two; 0.17 puts all from 2^31 on into bucket 33. lhist: 0 is below
//     min, the last one is from the end of the last whole step on.
//   - Keys of tseries (0.24 and later) end in 8 bytes of interval number. Only
//     the keys are read: values are {value, of avg the count, number of the
//     interval since the epoch}, of a clock that may be ahead of UTC.
//   - avg and stats: total and count in 16 bytes; in 0.17 two entries, whose
//     keys end in 0 (count) and 1 (total).
//   - min and max: value and a flag; in 0.17 max as it is (never below 0) and
//     min as 2^32-1-x, 0 for none.
//   - buf(): the length in 4 bytes (0.17: 1), then the bytes.
//
// For versions that Verified does not name Decode declines (before 0.22) or
// marks its answer; then JSON decides.
package kernelmap
