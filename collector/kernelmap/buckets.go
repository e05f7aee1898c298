package kernelmap

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tracecar/parser"
	"tracecar/parser/script"
)

// scale gives the range of a histogram's bucket numbers.
type scale struct {
	// bits is k of hist(n, k): each power of two has 2^k buckets.
	bits uint
	// topOpen: see dialect.
	topOpen bool
	// linear: lhist(n, min, max, step).
	linear         bool
	min, max, step int64
}

// top returns the largest bucket number there can be.
func (s scale) top() uint64 {
	if s.linear {
		return uint64((s.max-s.min)/s.step) + 1
	}
	if s.topOpen {
		return 33
	}
	return uint64(64-s.bits) << s.bits
}

// bucket returns the range of bucket i, which is at most top(). What
// bpftrace calls the overflow bucket of lhist begins after the last whole
// step: 0.17 and 0.23 print max instead, but count from there.
func (s scale) bucket(i, count uint64) parser.Bucket {
	b := parser.Bucket{HasMin: true, HasMax: true, Count: count}
	switch {
	case i == 0:
		b.HasMin, b.Max = false, -1
		if s.linear {
			b.Max = s.min - 1
		}
	case s.linear:
		b.Min = s.min + int64(i-1)*s.step
		b.Max = b.Min + s.step - 1
		if i == s.top() {
			b.HasMax, b.Max = false, 0
		}
	case i-1 < 1<<s.bits:
		b.Min, b.Max = int64(i-1), int64(i-1)
	default:
		// One past the bit length of the range's width, then k bits below the top one.
		power := (i-1)>>s.bits - 1
		low := (1<<s.bits + (i-1)&(1<<s.bits-1)) << power
		b.Min, b.Max = int64(low), int64(low+1<<power-1)
		if s.topOpen && i == 33 {
			b.HasMax, b.Max = false, 0
		}
	}
	return b
}

// buckets returns the bars from the first to the last with a count, as
// bpftrace prints them.
func (s scale) buckets(counts map[uint64]uint64) (parser.Value, error) {
	first, last, any := uint64(0), uint64(0), false
	for i, n := range counts {
		if i > s.top() {
			return parser.Value{}, fmt.Errorf("bucket %d is beyond the histogram's %d", i, s.top())
		}
		if n == 0 {
			continue
		}
		if !any || i < first {
			first = i
		}
		if !any || i > last {
			last = i
		}
		any = true
	}
	if !any {
		return parser.BucketsOf([]parser.Bucket{}), nil
	}
	bars := make([]parser.Bucket, 0, last-first+1)
	for i := first; i <= last; i++ {
		bars = append(bars, s.bucket(i, counts[i]))
	}
	return parser.BucketsOf(bars), nil
}

// maxBuckets is bpftrace's own bound on the buckets of lhist.
const maxBuckets = 1000

// scaleOf reads the parameters of hist and lhist from the script.
func scaleOf(m *script.Map, d dialect) (scale, error) {
	s := scale{topOpen: d.topOpen}
	var args []string
	for _, a := range m.Assigns {
		if a.Kind == m.Kind && len(a.Args) > 0 {
			args = a.Args
			break
		}
	}
	if m.Kind == script.KindHist {
		if len(args) > 1 {
			k, err := integer(args[1])
			if err != nil || k < 0 || k > 5 {
				return s, fmt.Errorf("hist: the number of bits %q is not known", args[1])
			}
			s.bits = uint(k)
		} else if args == nil {
			return s, errors.New("hist: its arguments are not known")
		}
		return s, nil
	}
	if len(args) != 4 {
		return s, errors.New("lhist: its bounds are not known")
	}
	s.linear = true
	for i, p := range []*int64{&s.min, &s.max, &s.step} {
		n, err := integer(args[i+1])
		if err != nil {
			return s, fmt.Errorf("lhist: the bound %q is not a number", args[i+1])
		}
		*p = n
	}
	if s.step <= 0 || s.min < 0 || s.max <= s.min || (s.max-s.min)/s.step > maxBuckets {
		return s, errors.New("lhist: its bounds make no sense")
	}
	return s, nil
}

// Overflow gives the overflow bucket of lhist its true begin where bpftrace,
// up to 0.23, prints the maximum that the script says: it counts from the last
// whole step on. What is not so stays as it is.
func Overflow(m *script.Map, printed parser.Value) parser.Value {
	if m.Kind != script.KindLhist || printed.Kind() != parser.KindBuckets {
		return printed
	}
	s, err := scaleOf(m, dialect{})
	bars := printed.Buckets()
	if err != nil || len(bars) == 0 {
		return printed
	}
	last, over := bars[len(bars)-1], s.bucket(s.top(), 0)
	if last.HasMax || !last.HasMin || last.Min != s.max || over.Min == s.max {
		return printed
	}
	bars = slices.Clone(bars)
	bars[len(bars)-1].Min = over.Min
	return parser.BucketsOf(bars)
}

// integer reads an integer literal of the bpftrace language.
func integer(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return n, nil
	}
	if mantissa, exp, ok := strings.Cut(text, "e"); ok && len(exp) <= 2 {
		m, err1 := strconv.ParseInt(mantissa, 10, 64)
		e, err2 := strconv.ParseUint(exp, 10, 8)
		if err1 == nil && err2 == nil && e <= 16 && m >= 0 && m < 10 {
			for range e {
				m *= 10
			}
			return m, nil
		}
	}
	return 0, fmt.Errorf("%q is not an integer", text)
}
