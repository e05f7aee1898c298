package executor

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is a bpftrace version. The zero Version is older than all others.
type Version struct {
	Major, Minor, Patch int
	// Suffix is what follows the numbers: "-rc1", "-dirty", "-12-gabcdef".
	Suffix string
}

var versionPattern = regexp.MustCompile(`(?m)^(?:bpftrace )?v?(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?([-+~.][-+~.\w]{0,64})?\s*$`)

// ParseVersion reads "bpftrace v0.23.2", "v0.23.2" or "0.23.2".
func ParseVersion(s string) (Version, error) {
	m := versionPattern.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return Version{}, fmt.Errorf("not a bpftrace version: %q", clip(s, 100))
	}
	num := func(s string) int { n, _ := strconv.Atoi(s); return n }
	return Version{num(m[1]), num(m[2]), num(m[3]), m[4]}, nil
}

// String gives "0.23.2", without a "v", as versions are compared and shown.
func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d%s", v.Major, v.Minor, v.Patch, v.Suffix)
}

// AtLeast tells whether v is major.minor or newer. A pre-release counts as its release.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// clip shortens s for an error message.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
