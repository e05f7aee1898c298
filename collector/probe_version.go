package collector

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// versionRange is a range of bpftrace versions: all its terms must hold.
type versionRange []versionTerm

type versionTerm struct {
	op     string
	prefix []int // compared with as many numbers of the version
}

var (
	termPattern    = regexp.MustCompile(`^(>=|<=|>|<|=|==)?\s*v?(\d{1,6}(?:\.\d{1,6}){0,2})$`)
	numbersPattern = regexp.MustCompile(`^v?(\d{1,6}(?:\.\d{1,6}){0,2})`)
)

// parseVersionRange reads terms joined by commas: ">=0.17, <0.23". A version
// without an operator stands for all that begin with it. Package config reads
// ranges alike; a test holds both together.
func parseVersionRange(text string) (versionRange, error) {
	var r versionRange
	for part := range strings.SplitSeq(text, ",") {
		m := termPattern.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, fmt.Errorf("%q is not a range of bpftrace versions", text)
		}
		r = append(r, versionTerm{op: m[1], prefix: versionNumbers(m[2])})
	}
	return r, nil
}

// holds tells whether a version ("0.23.2") is in the range. A pre-release
// counts as its release; what is no version is in none.
func (r versionRange) holds(version string) bool {
	m := numbersPattern.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	v := versionNumbers(m[1])
	for _, t := range r {
		if !t.holds(v) {
			return false
		}
	}
	return len(r) > 0
}

func (t versionTerm) holds(v []int) bool {
	d := 0
	for i, want := range t.prefix {
		if i < len(v) {
			d = v[i] - want
		} else {
			d = -want
		}
		if d != 0 {
			break
		}
	}
	switch t.op {
	case ">=":
		return d >= 0
	case "<=":
		return d <= 0
	case ">":
		return d > 0
	case "<":
		return d < 0
	}
	return d == 0
}

func versionNumbers(text string) (out []int) {
	for part := range strings.SplitSeq(text, ".") {
		n, _ := strconv.Atoi(part) // a few digits: the pattern says so
		out = append(out, n)
	}
	return out
}
