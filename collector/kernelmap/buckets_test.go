package kernelmap

import (
	"math"
	"testing"

	"tracecar/parser/script"
)

// TestHistScaleIsWhole: the buckets cover all int64 from 0 on without gap or overlap.
func TestHistScaleIsWhole(t *testing.T) {
	for bits := range uint(6) {
		s := scale{bits: bits}
		if b := s.bucket(0, 1); b.HasMin || !b.HasMax || b.Max != -1 {
			t.Errorf("k=%d: bucket 0 is %+v", bits, b)
		}
		next := int64(0)
		for i := uint64(1); i <= s.top(); i++ {
			b := s.bucket(i, 1)
			if b.Min != next || b.Max < b.Min {
				t.Fatalf("k=%d: bucket %d is %+v, want it to begin at %d", bits, i, b, next)
			}
			next = b.Max + 1
		}
		if next != math.MinInt64 { // one past MaxInt64
			t.Errorf("k=%d: the last bucket ends at %d", bits, next-1)
		}
	}
}

func TestTopOfOldHist(t *testing.T) {
	s := scale{topOpen: true}
	if b := s.bucket(33, 1); b.HasMax || b.Min != 1<<31 {
		t.Errorf("bucket 33 of 0.17 is %+v, want everything from 2^31 on", b)
	}
	if _, err := s.buckets(map[uint64]uint64{34: 1}); err == nil {
		t.Error("0.17 has no bucket 34")
	}
}

func TestScaleOf(t *testing.T) {
	for _, c := range []struct {
		src string
		top uint64 // 0: an error
	}{
		{"hist(1)", 64},
		{"hist(1, 5)", 59 << 5},
		{"hist(1, $1)", 0},
		{"hist(1, 6)", 0},
		{"lhist(1, 0, 100, 10)", 11},
		{"lhist(1, 0, 100, 30)", 4},
		{"lhist(1, 0, 1e2, 0x0a)", 11},
		{"lhist(1, 0, $2, 10)", 0},
		{"lhist(1, 0, 100, 0)", 0},
		{"lhist(1, 100, 0, 1)", 0},
		{"lhist(1, -9223372036854775807, 9223372036854775807, 1)", 0},
		{"lhist(1, 0, 9223372036854775807, 1)", 0},
	} {
		parsed := script.Parse("BEGIN { @x = " + c.src + "; }")
		s, err := scaleOf(&parsed.Maps[0], dialect{})
		if err != nil && c.top != 0 || err == nil && s.top() != c.top {
			t.Errorf("%s: %+v, %v", c.src, s, err)
		}
	}
}
