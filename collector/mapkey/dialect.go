package mapkey

import (
	"strconv"
	"strings"
)

// Dialect is how one version of bpftrace prints keys.
type Dialect struct {
	Version string
	// DropsSpaces: all spaces and one outer pair of parentheses are deleted
	// from every key (0.24 and later; measured on 0.27.0 and 0.27.1).
	DropsSpaces bool
	// MislabelsLhist: the overflow bucket of lhist() is printed as beginning at
	// max, also where the last whole step ends before it (before 0.24).
	MislabelsLhist bool
	// SilentWhenFull: keys that a full map has no place for are left out without
	// a word (before 0.23, which says so by default).
	SilentWhenFull bool
	// DoubleEscapeUnknown: the version is not known, so a backslash in a key
	// may be bpftrace's own second escape (0.22 and 0.23).
	DoubleEscapeUnknown bool
}

// DialectOf returns the dialect of a version such as "0.23.2". An unknown
// version ("") is taken for one that may do all of it.
func DialectOf(version string) Dialect {
	v := strings.TrimPrefix(version, "v")
	major, rest, _ := strings.Cut(v, ".")
	minor, _, _ := strings.Cut(rest, ".")
	ma, err1 := strconv.Atoi(major)
	mi, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil {
		return Dialect{Version: v, DropsSpaces: true, DoubleEscapeUnknown: true}
	}
	new := ma > 0 || mi >= 24
	return Dialect{Version: v, DropsSpaces: new, MislabelsLhist: !new, SilentWhenFull: ma == 0 && mi < 23}
}
