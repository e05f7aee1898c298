// Package mapkey gives map keys back their parts.
//
// bpftrace prints the key of a map as one string: parts joined by commas with
// nothing escaped, since 0.24 without spaces. In flow the rows as the parser
// read them, what the script says of the key's parts, and, where there is
// one, the kernel's own copy of the map; out flow typed keys, each exact or
// marked as not recovered. Call Resolve.
//
// The rule: bpftrace's JSON is complete and has the values, so its rows stay
// the rows. A key is exact when its text can be cut in only one way into
// parts of the script's types, none of which bpftrace shortened; or when all
// rows of the kernel's copy that print as this text, and have this value,
// have the same key.
package mapkey
