package executor

import (
	"slices"
	"strings"
)

// Nearest returns up to two of the names that are close enough to want to be a
// likely slip of the pen, the closest first.
func Nearest(want string, names []string) []string {
	type scored struct {
		name string
		d    int
	}
	limit := max(1, min(len(want)/4, 6))
	lower := strings.ToLower(want)
	var close []scored
	for _, name := range names {
		if abs(len(name)-len(want)) > limit {
			continue
		}
		if d := distance(lower, strings.ToLower(name), limit); d <= limit && name != want {
			close = append(close, scored{name, d})
		}
	}
	// Of two that need as many slips, the one as long as what was written: "prinft"
	// is printf, not print.
	rank := func(s scored) int { return 100*s.d + abs(len(s.name)-len(want)) }
	slices.SortStableFunc(close, func(a, b scored) int { return rank(a) - rank(b) })
	var out []string
	for _, s := range close[:min(2, len(close))] {
		if rank(s) > rank(close[0]) {
			break
		}
		out = append(out, s.name)
	}
	return out
}

// distance is the number of letters inserted, deleted, replaced or swapped
// with their neighbour between a and b; above limit, any number above it.
func distance(a, b string, limit int) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
			best = min(best, cur[j])
		}
		if best > limit {
			return limit + 1
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
