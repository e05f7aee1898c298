package kernelmap

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tracecar/parser/script"
)

// Where no BTF describes a key (0.17, and the keys of histograms in all
// versions) its layout is worked out: the types are known from the script,
// the widths of strings and narrow integers must add up to the key's size.

// shape is one part of what is to be laid out.
type shape struct {
	typ   script.Type
	exprs []string // every expression that fills it
	elems []shape  // of a tuple
}

// maxTries bounds the combinations of widths looked at.
const maxTries = 1 << 15

// leaf is a scalar or byte array inside a shape; free marks a byte array of
// any width.
type leaf struct {
	typ    script.Type
	sizes  []int
	array  bool
	free   bool
	plain  bool // a string made by str() with one argument
	field  bool // a field of a tracepoint, as it is
	size   int
	offset int
}

// fieldOf matches a field of a tracepoint.
var fieldOf = regexp.MustCompile(`^args(->|\.)\w+$`)

// passes is how many ways there are to look for a layout, each less strict
// than the one before.
const passes = 4

// solve returns the layouts of total bytes that the parts can have in one
// pass. key says whether they are a key's parts or a value's. Layouts that
// differ only in where a string's padding ends count as one.
func solve(parts []shape, total int, d dialect, key bool, pass int) ([]*Layout, error) {
	// 0.17 packs its keys, but lays tuple values out as C would.
	s := solver{d: d, key: key, packed: key && !d.btf, strict: pass < 2, unknownInt: pass%2 == 0, total: total}
	return s.run(parts)
}

type solver struct {
	d      dialect
	key    bool
	packed bool
	// strict takes widths from the expressions; else only the types count.
	strict bool
	// unknownInt takes parts of unknown type for integers; else for byte arrays.
	unknownInt bool
	total      int
	leaves     []*leaf
	tries      int
	found      map[string]*Layout
	widest     map[string]int
}

func (s *solver) run(parts []shape) ([]*Layout, error) {
	s.leaves, s.found, s.widest = nil, map[string]*Layout{}, map[string]int{}
	s.flatten(parts)
	var free [][]*leaf // those of one group have one width
	for _, l := range s.leaves {
		if l.free {
			free = append(free, []*leaf{l})
		}
	}
	if len(free) > 1 && !slices.ContainsFunc(free, func(g []*leaf) bool { return !g[0].plain }) {
		free = [][]*leaf{slices.Concat(free...)} // all of one width
	}
	if !s.choose(parts, free, 0) {
		return nil, fmt.Errorf("%d widths are not known", len(free))
	}
	names := make([]string, 0, len(s.found))
	for n := range s.found {
		names = append(names, n)
	}
	slices.Sort(names)
	var out []*Layout
	for _, n := range names {
		out = append(out, s.found[n])
	}
	return out, nil
}

// choose tries every size of leaf i and the ones after it.
func (s *solver) choose(parts []shape, free [][]*leaf, i int) bool {
	for i < len(s.leaves) && s.leaves[i].free {
		i++
	}
	if i < len(s.leaves) {
		for _, n := range s.leaves[i].sizes {
			s.leaves[i].size = n
			if !s.choose(parts, free, i+1) {
				return false
			}
		}
		return true
	}
	return s.widen(parts, free, 0, 0)
}

// widen tries every width of the free leaves from group i on.
func (s *solver) widen(parts []shape, free [][]*leaf, i, sum int) bool {
	if i == len(free) {
		return s.try(parts, sum)
	}
	from := 1
	if s.packed && i == len(free)-1 {
		// What is left is known.
		rest := s.total
		for _, l := range s.leaves {
			if !l.free {
				rest -= l.size
			}
		}
		for _, g := range free[:i] {
			rest -= g[0].size * len(g)
		}
		if rest < len(free[i]) || rest%len(free[i]) != 0 {
			return true
		}
		from = rest / len(free[i])
	}
	for w := from; w <= s.total-sum; w++ {
		for _, l := range free[i] {
			l.size = w
		}
		if !s.widen(parts, free, i+1, sum+w) {
			return false
		}
		if from > 1 {
			break
		}
	}
	return true
}

// try lays out the parts with the sizes chosen, and keeps the layout if it fits.
func (s *solver) try(parts []shape, width int) bool {
	if s.tries++; s.tries > maxTries {
		return false
	}
	next := 0
	l, _ := s.build(parts, &next, 0)
	if l.Size != s.total {
		return true
	}
	var name strings.Builder
	for _, f := range s.leaves {
		size := f.size
		if f.free {
			size = 0
		}
		fmt.Fprintf(&name, "%d:%d ", f.offset, size)
	}
	if width >= s.widest[name.String()] {
		s.found[name.String()], s.widest[name.String()] = l, width
	}
	return true
}

// build makes the struct of parts, whose first leaf is s.leaves[*next].
func (s *solver) build(parts []shape, next *int, base int) (l *Layout, align int) {
	l, align = &Layout{Kind: LayoutStruct}, 1
	for _, p := range parts {
		var f *Layout
		a := 1
		if p.elems != nil {
			// The offset is only known once the alignment is: build twice.
			mark := *next
			_, a = s.build(p.elems, next, 0)
			*next = mark
			f, a = s.build(p.elems, next, base+up(l.Size, s.aligned(a)))
		} else {
			lf := s.leaves[*next]
			*next++
			f = &Layout{Kind: LayoutInt, Size: lf.size}
			a = lf.size
			if lf.array {
				f = &Layout{Kind: LayoutArray, Size: lf.size, Len: lf.size, Elem: &Layout{Kind: LayoutInt, Size: 1, Signed: true}}
				f.field = lf.field && lf.typ.Kind == script.TypeString
				f.text = lf.typ.Kind != script.TypeBuffer && !opaqueKind(lf.typ.Kind)
				a = 1
				if opaqueKind(lf.typ.Kind) && lf.size%8 == 0 {
					a = 8
				}
			}
			lf.offset = base + up(l.Size, s.aligned(a))
		}
		a = s.aligned(a)
		off := up(l.Size, a)
		l.Fields = append(l.Fields, LayoutField{Offset: off, Layout: f})
		l.Size = off + f.Size
		align = max(align, a)
	}
	l.Size = up(l.Size, align)
	return l, align
}

func (s *solver) aligned(a int) int {
	if s.packed {
		return 1
	}
	return max(a, 1)
}

func up(n, align int) int { return (n + align - 1) / align * align }

func (s *solver) flatten(parts []shape) {
	for _, p := range parts {
		if p.elems != nil {
			s.flatten(p.elems)
			continue
		}
		s.leaves = append(s.leaves, s.leafOf(p))
	}
}
