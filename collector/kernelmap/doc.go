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
// ReadRaws). A row that bpftrace printed is paired with one read here by
// Match and Render, which say what bpftrace prints for a key.
//
// The layouts are bpftrace's private business. They were measured against
// the JSON of the same runs for the versions that Verified names; for all
// others Decode declines or marks its answer, and JSON is the only source.
package kernelmap
