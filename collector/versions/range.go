package versions

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Range is a range of versions: all its terms must hold. The zero Range holds
// no version.
type Range struct{ terms []term }

type term struct {
	op     string
	prefix []int // compared with as many numbers of the version
}

var (
	termSyntax    = regexp.MustCompile(`^(>=|<=|>|<|=|==)?\s*v?(\d{1,6}(?:\.\d{1,6}){0,2})$`)
	versionSyntax = regexp.MustCompile(`^v?(\d{1,6}(?:\.\d{1,6}){0,2})`)
)

// Parse reads terms joined by commas: ">=0.17, <0.23". A version without an
// operator stands for all that begin with it: "0.23" is 0.23.0, 0.23.2, ….
func Parse(text string) (Range, error) {
	var r Range
	for part := range strings.SplitSeq(text, ",") {
		m := termSyntax.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return Range{}, fmt.Errorf("%q is not a range of bpftrace versions", text)
		}
		r.terms = append(r.terms, term{op: m[1], prefix: numbers(m[2])})
	}
	return r, nil
}

// Holds tells whether a version ("0.23.2", "v0.23.2-dirty") is in the range. A
// pre-release counts as its release; what is no version is in none.
func (r Range) Holds(version string) bool {
	m := versionSyntax.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	v := numbers(m[1])
	for _, t := range r.terms {
		if !t.holds(v) {
			return false
		}
	}
	return len(r.terms) > 0
}

// holds compares only as many numbers as the term has: "<=0.23" takes 0.23.2.
func (t term) holds(v []int) bool {
	d := 0
	for i, want := range t.prefix {
		got := 0
		if i < len(v) {
			got = v[i]
		}
		if d = got - want; d != 0 {
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

func numbers(version string) (out []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // digits, few: the pattern says so
		out = append(out, n)
	}
	return out
}

// Is tells whether text is a version, such as "0.23.2" or "v0.23.2-dirty".
func Is(text string) bool { return versionSyntax.MatchString(text) }
