package otlp

import (
	"math"
	"math/bits"
	"slices"
	"strconv"

	"tracecar/parser"
	"tracecar/parser/script"
)

// ladder holds the bounds that all series of one histogram metric share: the
// inclusive maxima of bpftrace's buckets, ascending. Values are integers, so
// a bucket "at or below 7" is bpftrace's 4 to 7 exactly. Above 2^53 a bound
// is the nearest float64, one too large.
//
// bpftrace prints only the range in which it has counts. A ladder never loses
// a bound again, and is made to grow rarely: that of hist() begins at 0 and
// ends at 2^8-1, 2^16-1, …; that of lhist() is complete from the start.
type ladder struct {
	bounds []int64
	// octaves: hist() with one bucket per power of two.
	octaves bool
	// negative: there was a bucket of negative values.
	negative bool
	top      int // exponent of the last bound of octaves: 2^top - 1
}

// Every exponentStep powers of two a ladder of octaves gets longer.
const (
	exponentStep = 8
	maxExponent  = 62 // what is above has no bound in an int64
	maxLinear    = 1000
)

// newLadder makes the ladder of a map; sm may be nil.
func newLadder(kind string, sm *script.Map) *ladder {
	l := &ladder{}
	switch kind {
	case "hist":
		l.octaves = sm != nil
		if sm != nil {
			for _, a := range sm.Assigns {
				l.octaves = l.octaves && (len(a.Args) < 2 || a.Args[1] == "0")
			}
		}
	case "lhist":
		if sm != nil {
			for _, a := range sm.Assigns {
				l.addLinear(a.Args)
			}
		}
	}
	return l
}

// clone copies the ladder, for a run to go on with.
func (l *ladder) clone() *ladder {
	c := *l
	c.bounds = slices.Clone(l.bounds)
	return &c
}

// addLinear adds the bounds of lhist(x, min, max, step) where these are
// literals.
func (l *ladder) addLinear(args []string) {
	if len(args) != 4 {
		return
	}
	var n [3]int64
	for i, a := range args[1:] {
		v, err := strconv.ParseInt(a, 0, 64)
		if err != nil {
			return
		}
		n[i] = v
	}
	low, high, step := n[0], n[1], n[2]
	if step < 1 || high <= low || low == math.MinInt64 || uint64(high-low)/uint64(step) > maxLinear {
		return
	}
	// bpftrace puts what is left of the last step into the overflow.
	for b := low; ; b += step {
		l.add(b - 1)
		if high-b < step {
			return
		}
	}
}

func (l *ladder) add(bound int64) {
	if i, found := slices.BinarySearch(l.bounds, bound); !found {
		l.bounds = slices.Insert(l.bounds, i, bound)
	}
}

// grow makes room for the buckets of one row.
func (l *ladder) grow(buckets []parser.Bucket) {
	for _, b := range buckets {
		switch {
		case l.octaves && !b.HasMin:
			l.negative = true
			l.add(-1)
		case l.octaves:
			l.reach(b)
		default:
			l.growBy(b)
		}
	}
}

// reach extends a ladder of octaves to the bucket b.
func (l *ladder) reach(b parser.Bucket) {
	end := b.Max
	if !b.HasMax {
		end = b.Min - 1
	}
	if end > math.MaxInt64>>1 {
		end = math.MaxInt64 >> 1
	}
	if len(l.bounds) == 0 || l.bounds[len(l.bounds)-1] < 0 {
		l.add(0)
	}
	want := bits.Len64(uint64(max(end, 0)))
	if want <= l.top {
		return
	}
	want = min((want+exponentStep-1)/exponentStep*exponentStep, maxExponent)
	for e := l.top + 1; e <= want; e++ {
		l.bounds = append(l.bounds, 1<<e-1)
	}
	l.top = want
}

// growBy adds the two ends of a bucket whose scheme is not known. The overflow
// of lhist() adds none: before 0.27 its label is not where it begins.
func (l *ladder) growBy(b parser.Bucket) {
	if b.HasMax && b.Max != math.MaxInt64 {
		l.add(b.Max)
	}
	if b.HasMin && b.HasMax && b.Min != math.MinInt64 {
		l.add(b.Min - 1)
	}
	if b.HasMin && !b.HasMax && len(l.bounds) == 0 && b.Min != math.MinInt64 {
		l.add(b.Min - 1)
	}
}

// counts spreads the buckets of one row over the ladder, which must have
// grown by them. The last count is what lies above all bounds.
func (l *ladder) counts(buckets []parser.Bucket, into []uint64) {
	for _, b := range buckets {
		into[l.index(b)] += b.Count
	}
}

func (l *ladder) index(b parser.Bucket) int {
	if !b.HasMax {
		return len(l.bounds)
	}
	i, _ := slices.BinarySearch(l.bounds, b.Max)
	return i
}

// floats gives the bounds as OTLP has them, times scale (0 is 1).
func (l *ladder) floats(scale float64) []float64 {
	out := make([]float64, len(l.bounds))
	for i, b := range l.bounds {
		out[i] = float64(b)
		if scale != 0 {
			out[i] *= scale
		}
	}
	return out
}
