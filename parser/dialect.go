package parser

import (
	"strconv"
	"strings"
)

// dialect is what is known about the bpftrace that wrote the stream: from its
// version where given, else from what the stream itself tells.
type dialect struct {
	known        bool // a version was given
	minor, patch int  // 0.minor.patch; a major above 0 counts as minor 1000

	family  family
	escaped bool // a \u escape went by: hex mode from here on, where the version has it
	hexSure bool // a bare number with hex letters went by
}

// family tells the writer before 0.24 from the one after.
type family uint8

const (
	familyUnknown family = iota
	familyOld            // up to 0.23
	familyNew            // 0.24 and later
)

func dialectOf(version string) dialect {
	v := strings.TrimSpace(version)
	v = strings.TrimPrefix(v, "bpftrace ")
	v = strings.TrimPrefix(v, "v")
	parts := strings.SplitN(v, ".", 3)
	major, err := strconv.Atoi(parts[0])
	if err != nil || len(parts) < 2 {
		return dialect{}
	}
	minor, n := leadingInt(parts[1])
	if n == 0 {
		return dialect{}
	}
	if major > 0 {
		minor = 1000
	}
	d := dialect{known: true, minor: minor, family: familyOld}
	if len(parts) == 3 {
		d.patch, _ = leadingInt(parts[2])
	}
	if minor >= 24 {
		d.family = familyNew
	}
	return d
}

func leadingInt(s string) (v, digits int) {
	for digits < len(s) && digits < 6 && s[digits] >= '0' && s[digits] <= '9' {
		v = v*10 + int(s[digits]-'0')
		digits++
	}
	return v, digits
}

// learn takes what the stream tells about its writer; a given version stands.
func (d *dialect) learn(f family) {
	if !d.known && d.family == familyUnknown {
		d.family = f
	}
}

// doubleEscapedKeys: 0.22 and 0.23 escape map keys twice.
func (d *dialect) doubleEscapedKeys() bool { return d.known && (d.minor == 22 || d.minor == 23) }

// bareValues: strftime, strerror, cgroup_path and macaddr values unquoted.
func (d *dialect) bareValues() bool { return d.family != familyNew }

// bareLines: an unquoted strftime value can hold a newline (quoted by 0.23).
func (d *dialect) bareLines() bool {
	return d.family != familyNew && (!d.known || d.minor < 23)
}

// radix says how to read the numbers that 0.24 to 0.27.1 print in hexadecimal
// after the first \u escape. sure is false where nothing tells: a version after
// 0.27.1 (decimal is taken, until a number with letters comes), or none given
// (hexadecimal is taken where attached_probes showed 0.24 or later).
func (d *dialect) radix() (base int, sure bool) {
	switch {
	case d.hexSure:
		return 16, true
	case d.family == familyOld || !d.escaped:
		return 10, true
	case !d.known && d.family == familyNew:
		return 16, false
	case d.known && (d.minor < 27 || d.minor == 27 && d.patch <= 1):
		return 16, true
	default:
		return 10, false
	}
}
