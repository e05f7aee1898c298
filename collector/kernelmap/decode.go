package kernelmap

import (
	"errors"

	"tracecar/parser"
	"tracecar/parser/script"
)

// ErrUnverified is returned by Decode for a version of bpftrace whose
// layouts are not known.
var ErrUnverified = errors.New("kernelmap: layout of this bpftrace version is not verified")

// Tables is the decoded state of a script's maps.
type Tables struct {
	// Verified says that the layouts of this version were tested against
	// bpftrace's own JSON; without it, compare before use.
	Verified bool
	// Maps in the script's order; maps left out stand in Skipped.
	Maps []Table
	// Skipped says for each map (with the @) that could not be decoded why.
	Skipped map[string]string
}

// Table is one decoded map.
type Table struct {
	Name string // with the @
	Kind script.MapKind
	// Keyed is false for a scalar map: then there is one row with no Key, or
	// none where the map was never written.
	Keyed bool
	// Rows in the kernel's order, which means nothing.
	Rows []Row
	// Truncated says that the dump did not hold all entries: rows are missing
	// and histograms may lack buckets.
	Truncated bool
}

// Row is one element of a map.
type Row struct {
	// Key has one part per element of the key as the script writes it.
	Key []Part
	// Value is typed as parser types what bpftrace prints: KindBuckets for
	// hist and lhist, KindStats for stats; an integer for count, sum, min,
	// max and avg; KindNone where Opaque is set.
	Value parser.Value
	// Opaque says that bpftrace formats the value itself (a stack, a symbol,
	// an address): take it from its JSON.
	Opaque bool
}

// Part is one part of a key.
type Part struct {
	Value parser.Value
	// Opaque says that bpftrace formats this part itself (a stack, a symbol,
	// an address, an enum): Value is KindNone and the text must come from its JSON.
	Opaque bool
}

// Verified tells whether the layouts of a bpftrace version ("0.23.2",
// "v0.17.0") were tested against its own JSON.
func Verified(version string) bool { return false }

// Decode turns what Dump read into typed tables, by what the script says
// about its maps. It fails with ErrUnverified for versions whose layouts it
// does not know; a map that it cannot decode is left out and named in Skipped.
func Decode(raws []Raw, s *script.Script, version string) (*Tables, error) {
	return nil, ErrUnverified
}

// Render returns the text that bpftrace of this version prints for a key in
// its JSON, once JSON escapes, byte escapes and double escapes are undone.
// ok is false where a part is opaque: then only Match can tell.
func Render(version string, parts []Part) (text string, ok bool) { return "", false }

// Match tells whether text, a key as the parser gives it, can be bpftrace's
// print of parts; an opaque part matches any text.
func Match(version string, parts []Part, text string) bool { return false }
