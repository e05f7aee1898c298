package script

import "sort"

// lines turns byte offsets into positions.
type lines []int // the offset at which each line starts

func newLines(src string) lines {
	l := lines{0}
	for i := 0; i < len(src); i++ {
		if src[i] == '\n' {
			l = append(l, i+1)
		}
	}
	return l
}

func (l lines) pos(offset int) Pos {
	n := sort.SearchInts(l, offset+1) // first line that starts after offset
	return Pos{Offset: offset, Line: n, Column: offset - l[n-1] + 1}
}

func (l lines) span(start, end int) Span { return Span{l.pos(start), l.pos(end)} }
