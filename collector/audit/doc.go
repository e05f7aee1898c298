// Package audit keeps a record of who ran what: one line of JSON for each
// decision and each run, in a file that is bounded by rotation.
//
// In flow [Entry] values; out flows the file, and back out of it the entries
// that a [Filter] wants. Call [Open] once and [Log.Write] for each entry;
// [Read] lists them, from another process too.
//
// An entry is in the file when Write returns, whatever becomes of this
// process, and on the disk a second later. What could not be written is
// counted, and the next entry that can be says how many went before it.
//
// Nothing secret is written: tokens by their holder's name, sessions by a hash,
// scripts by their SHA-256, and their text, which may quote what a caller
// knows, only where the configuration says so. Only the owner may read the file.
package audit
