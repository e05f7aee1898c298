package policy

// permits reports whether one name is allowed.
func (g Globs) permits(name string) bool {
	for _, d := range g.Deny {
		if overlap(d, name, false) {
			return false
		}
	}
	for _, a := range g.Allow {
		if covers(a, name) {
			return true
		}
	}
	return false
}

// permitsAll reports whether all that a script's wildcard may match is
// allowed and none of it is denied.
func (g Globs) permitsAll(pattern string) bool {
	for _, d := range g.Deny {
		if overlap(d, pattern, true) {
			return false
		}
	}
	for _, a := range g.Allow {
		if covers(a, pattern) {
			return true
		}
	}
	return false
}

// covers reports whether glob matches all that pattern matches: it matches
// the pattern's own text, where only a "*" takes the pattern's wildcards.
// (It may miss some that it does cover, never the other way.)
func covers(glob, pattern string) bool {
	gi, pi, star, mark := 0, 0, -1, 0
	for pi < len(pattern) {
		switch {
		case gi < len(glob) && glob[gi] == '*':
			star, mark = gi, pi
			gi++
		case gi < len(glob) && (glob[gi] == pattern[pi] && !wild(pattern[pi]) || glob[gi] == '?' && !wild(pattern[pi])):
			gi++
			pi++
		case star >= 0:
			mark++
			gi, pi = star+1, mark
		default:
			return false
		}
	}
	for gi < len(glob) && glob[gi] == '*' {
		gi++
	}
	return gi == len(glob)
}

func wild(c byte) bool { return c == '*' || c == '?' || c == '[' || c == ']' }

// overlap reports whether some text matches both. In b, wildcards count only
// if bWild; "[" is then taken for a "*", whatever follows up to its "]".
func overlap(a, b string, bWild bool) bool {
	// row[j]: a[:i] and b[:j] have a text in common.
	row := make([]bool, len(b)+1)
	row[0] = true
	star := make([]bool, len(b)) // whether b[j] stands for any text
	one := make([]bool, len(b))  // … for any one character
	for j, in := 0, false; j < len(b) && bWild; j++ {
		switch {
		case b[j] == '*', b[j] == '[', in:
			star[j] = true
			in = b[j] != ']' && (in || b[j] == '[')
		case b[j] == '?':
			one[j] = true
		}
	}
	for j := range b {
		row[j+1] = row[j] && star[j]
	}
	for i := range len(a) {
		next := make([]bool, len(b)+1)
		next[0] = row[0] && a[i] == '*'
		for j := range len(b) {
			switch {
			case a[i] == '*' || star[j]:
				next[j+1] = row[j+1] || next[j]
			default:
				next[j+1] = row[j] && (a[i] == '?' || one[j] || a[i] == b[j])
			}
		}
		row = next
	}
	return row[len(b)]
}
