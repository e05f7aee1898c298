package parser

import (
	"math"
	"slices"
)

// Kind says what a Value holds.
type Kind uint8

const (
	KindNone    Kind = iota // no value, or JSON null
	KindBool                // Bool
	KindInt                 // Int64: fits int64
	KindUint                // Uint64: above math.MaxInt64
	KindText                // Text: bytes, perhaps not UTF-8
	KindFloat               // Float64: only where bpftrace printed a fraction or an exponent
	KindArray               // Elems: array or tuple
	KindObject              // Fields: struct, in declaration order
	KindBuckets             // Buckets: hist() or lhist()
	KindStats               // Stats: stats()
	KindPoints              // Points: tseries()
	KindFrames              // Frames: a stack, innermost frame first
)

var kindNames = [...]string{
	"none", "bool", "int", "uint", "text", "float", "array", "object", "buckets", "stats", "points", "frames",
}

// String returns the kind's name: "none", "bool", "int", …
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind?"
}

// Value is one value as bpftrace printed it. The zero Value is KindNone.
// Values are immutable and may be kept; they hold no reference to the
// stream's buffer. It is 24 bytes; integers allocate nothing. Slices given to
// a constructor or had from an accessor are shared, not copied: do not change them.
type Value struct {
	num uint64 // KindBool, KindInt, KindUint, KindFloat: the bits
	// ext is nil for KindNone, the Kind itself for the kinds that live in
	// num, else string, []Value, []Field, []Bucket, Stats, []Point or frames.
	ext any
}

type frames []string

// Field is one member of an object.
type Field struct {
	Name  string
	Value Value
}

// Bool returns a KindBool.
func Bool(b bool) Value {
	if b {
		return Value{num: 1, ext: KindBool}
	}
	return Value{ext: KindBool}
}

// Int returns a KindInt.
func Int(i int64) Value { return Value{num: uint64(i), ext: KindInt} }

// Uint returns a KindInt where u fits int64, else a KindUint, so that equal
// numbers are equal Values.
func Uint(u uint64) Value {
	if u <= math.MaxInt64 {
		return Int(int64(u))
	}
	return Value{num: u, ext: KindUint}
}

// Float returns a KindFloat.
func Float(f float64) Value { return Value{num: math.Float64bits(f), ext: KindFloat} }

// Text returns a KindText. s may hold any bytes.
func Text(s string) Value { return Value{ext: s} }

// Array returns a KindArray.
func Array(elems []Value) Value { return Value{ext: elems} }

// Object returns a KindObject. Names may repeat; order is kept.
func Object(fields []Field) Value { return Value{ext: fields} }

// BucketsOf returns a KindBuckets.
func BucketsOf(b []Bucket) Value { return Value{ext: b} }

// StatsOf returns a KindStats.
func StatsOf(s Stats) Value { return Value{ext: &s} }

// PointsOf returns a KindPoints.
func PointsOf(p []Point) Value { return Value{ext: p} }

// Frames returns a KindFrames, innermost frame first.
func Frames(f []string) Value { return Value{ext: frames(f)} }

// Kind says which accessor gives the value.
func (v Value) Kind() Kind {
	switch x := v.ext.(type) {
	case nil:
		return KindNone
	case Kind:
		return x
	case string:
		return KindText
	case []Value:
		return KindArray
	case []Field:
		return KindObject
	case []Bucket:
		return KindBuckets
	case *Stats:
		return KindStats
	case []Point:
		return KindPoints
	default:
		return KindFrames
	}
}

// IsNone reports whether v holds nothing (or JSON null).
func (v Value) IsNone() bool { return v.ext == nil }

// Bool returns the value of a KindBool, false for others.
func (v Value) Bool() bool { return v.Kind() == KindBool && v.num != 0 }

// Int64 returns the value of a KindInt, and false for all else (a KindUint
// does not fit).
func (v Value) Int64() (int64, bool) {
	if v.ext == KindInt {
		return int64(v.num), true
	}
	return 0, false
}

// Uint64 returns the value of a KindUint or of a KindInt that is not
// negative, and false for all else.
func (v Value) Uint64() (uint64, bool) {
	if v.ext == KindUint || v.ext == KindInt && int64(v.num) >= 0 {
		return v.num, true
	}
	return 0, false
}

// Float64 returns the number of a KindInt, KindUint or KindFloat as a
// float64, rounded where an integer is beyond ±2^53; false for all else.
func (v Value) Float64() (float64, bool) {
	switch v.Kind() {
	case KindInt:
		return float64(int64(v.num)), true
	case KindUint:
		return float64(v.num), true
	case KindFloat:
		return math.Float64frombits(v.num), true
	}
	return 0, false
}

// Text returns the bytes of a KindText, "" for others.
func (v Value) Text() string { s, _ := v.ext.(string); return s }

// Elems returns the elements of a KindArray, nil for others.
func (v Value) Elems() []Value { e, _ := v.ext.([]Value); return e }

// Fields returns the members of a KindObject, nil for others.
func (v Value) Fields() []Field { f, _ := v.ext.([]Field); return f }

// Buckets returns the bars of a KindBuckets, nil for others.
func (v Value) Buckets() []Bucket { b, _ := v.ext.([]Bucket); return b }

// Stats returns the value of a KindStats, the zero Stats for others.
func (v Value) Stats() Stats {
	if s, ok := v.ext.(*Stats); ok {
		return *s
	}
	return Stats{}
}

// Points returns the intervals of a KindPoints, nil for others.
func (v Value) Points() []Point { p, _ := v.ext.([]Point); return p }

// Frames returns the frames of a KindFrames, nil for others.
func (v Value) Frames() []string { f, _ := v.ext.(frames); return f }

// Equal reports whether both hold the same kind and the same value. Order
// counts in objects. NaN equals itself.
func (v Value) Equal(w Value) bool {
	k := v.Kind()
	if k != w.Kind() {
		return false
	}
	switch k {
	case KindNone:
		return true
	case KindText:
		return v.Text() == w.Text()
	case KindArray:
		return slices.EqualFunc(v.Elems(), w.Elems(), Value.Equal)
	case KindObject:
		return slices.EqualFunc(v.Fields(), w.Fields(), func(a, b Field) bool {
			return a.Name == b.Name && a.Value.Equal(b.Value)
		})
	case KindBuckets:
		return slices.Equal(v.Buckets(), w.Buckets())
	case KindStats:
		a, b := v.Stats(), w.Stats()
		return a.Count.Equal(b.Count) && a.Average.Equal(b.Average) && a.Total.Equal(b.Total)
	case KindPoints:
		return slices.EqualFunc(v.Points(), w.Points(), func(a, b Point) bool {
			return a.UnixNano == b.UnixNano && a.Value.Equal(b.Value)
		})
	case KindFrames:
		return slices.Equal(v.Frames(), w.Frames())
	default:
		return v.num == w.num
	}
}
