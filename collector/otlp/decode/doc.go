// Package decode turns what a bpftrace script printed as part of a key into
// what people call it: a device number into "8:0", an errno into "ENOENT".
//
// In flows a value and out flows a value: the same one where the decoder
// cannot tell; those of PCI ids give the digits then. A decoder never fails, so
// no series is lost to one. Call [New] first, with what a config says: a name,
// or "name:argument".
//
// Decoders that read /proc or other files ask at the time of the call, and
// keep answers in a cache of at most cacheSize entries for a short while: what
// they tell may have changed since the script saw the number.
package decode
