package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Constraint is a range of versions: all its terms must hold.
type Constraint struct{ terms []term }

type term struct {
	op      string
	version []int
}

var termSyntax = regexp.MustCompile(`^(>=|<=|>|<|=|==)?\s*v?(\d{1,6}(?:\.\d{1,6}){0,2})$`)

// ParseConstraint reads terms joined by commas: ">=0.17, <0.23". A version
// without an operator stands for all that begin with it: "0.23" is 0.23.0,
// 0.23.2, ….
func ParseConstraint(text string) (Constraint, error) {
	var c Constraint
	for _, part := range strings.Split(text, ",") {
		m := termSyntax.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return Constraint{}, fmt.Errorf("%q is not a range of versions", text)
		}
		c.terms = append(c.terms, term{op: m[1], version: numbers(m[2])})
	}
	return c, nil
}

var versionSyntax = regexp.MustCompile(`^v?(\d{1,6}(?:\.\d{1,6}){0,2})`)

// Match tells whether a version ("0.23.2", "v0.23.2-dirty") is in the range.
// What is no version is in none.
func (c Constraint) Match(version string) bool {
	m := versionSyntax.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	v := numbers(m[1])
	for _, t := range c.terms {
		if !t.match(v) {
			return false
		}
	}
	return len(c.terms) > 0
}

// match compares only as many numbers as the term has: "<=0.23" takes 0.23.2.
func (t term) match(v []int) bool {
	d := 0
	for i, want := range t.version {
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

func numbers(version string) []int {
	var out []int
	for _, part := range strings.Split(version, ".") {
		n, _ := strconv.Atoi(part) // digits, few: the pattern says so
		out = append(out, n)
	}
	return out
}
