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
// stream's buffer. It is 16 bytes; integers allocate nothing. Slices given to
// a constructor or had from an accessor are shared, not copied: do not change
// them. Compare with Equal: == compares composite values by identity.
type Value struct {
	num uint64 // KindBool, KindInt, KindUint, KindFloat: the bits
	ext *ext   // nil for KindNone
}

// ext is the kind, and what does not fit the number.
type ext struct {
	kind Kind
	str  string // KindText
	list any    // []Value, []Field, []Bucket, Stats, []Point, []string
}

// plainExt is shared by all values that live in num.
var plainExt = [...]*ext{
	KindBool: {kind: KindBool}, KindInt: {kind: KindInt}, KindUint: {kind: KindUint}, KindFloat: {kind: KindFloat},
}

// Field is one member of an object.
type Field struct {
	Name  string
	Value Value
}

// Bool returns a KindBool.
func Bool(b bool) Value {
	if b {
		return Value{1, plainExt[KindBool]}
	}
	return Value{0, plainExt[KindBool]}
}

// Int returns a KindInt.
func Int(i int64) Value { return Value{uint64(i), plainExt[KindInt]} }

// Uint returns a KindInt where u fits int64, else a KindUint, so that equal
// numbers are equal Values.
func Uint(u uint64) Value {
	if u <= math.MaxInt64 {
		return Int(int64(u))
	}
	return Value{u, plainExt[KindUint]}
}

// Float returns a KindFloat.
func Float(f float64) Value { return Value{math.Float64bits(f), plainExt[KindFloat]} }

// Text returns a KindText. s may hold any bytes.
func Text(s string) Value { return Value{0, &ext{kind: KindText, str: s}} }

// Array returns a KindArray.
func Array(elems []Value) Value { return Value{0, &ext{kind: KindArray, list: elems}} }

// Object returns a KindObject. Names may repeat; order is kept.
func Object(fields []Field) Value { return Value{0, &ext{kind: KindObject, list: fields}} }

// BucketsOf returns a KindBuckets.
func BucketsOf(b []Bucket) Value { return Value{0, &ext{kind: KindBuckets, list: b}} }

// StatsOf returns a KindStats.
func StatsOf(s Stats) Value { return Value{0, &ext{kind: KindStats, list: s}} }

// PointsOf returns a KindPoints.
func PointsOf(p []Point) Value { return Value{0, &ext{kind: KindPoints, list: p}} }

// Frames returns a KindFrames, innermost frame first.
func Frames(f []string) Value { return Value{0, &ext{kind: KindFrames, list: f}} }

// Kind says which accessor gives the value.
func (v Value) Kind() Kind {
	if v.ext == nil {
		return KindNone
	}
	return v.ext.kind
}

// String returns the value's JSON, for people.
func (v Value) String() string { return string(v.AppendJSON(nil)) }

// IsNone reports whether v holds nothing (or JSON null).
func (v Value) IsNone() bool { return v.ext == nil }

// Bool returns the value of a KindBool, false for others.
func (v Value) Bool() bool { return v.Kind() == KindBool && v.num != 0 }

// Int64 returns the value of a KindInt, and false for all else (a KindUint
// does not fit).
func (v Value) Int64() (int64, bool) {
	if v.Kind() == KindInt {
		return int64(v.num), true
	}
	return 0, false
}

// Uint64 returns the value of a KindUint or of a KindInt that is not
// negative, and false for all else.
func (v Value) Uint64() (uint64, bool) {
	if k := v.Kind(); k == KindUint || k == KindInt && int64(v.num) >= 0 {
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
func (v Value) Text() string {
	if v.ext == nil {
		return ""
	}
	return v.ext.str
}

// list returns what a composite value holds, the zero T for others.
func list[T any](v Value) T {
	var t T
	if v.ext != nil {
		t, _ = v.ext.list.(T)
	}
	return t
}

// Elems returns the elements of a KindArray, nil for others.
func (v Value) Elems() []Value { return list[[]Value](v) }

// Fields returns the members of a KindObject, nil for others.
func (v Value) Fields() []Field { return list[[]Field](v) }

// Buckets returns the bars of a KindBuckets, nil for others.
func (v Value) Buckets() []Bucket { return list[[]Bucket](v) }

// Stats returns the value of a KindStats, the zero Stats for others.
func (v Value) Stats() Stats { return list[Stats](v) }

// Points returns the intervals of a KindPoints, nil for others.
func (v Value) Points() []Point { return list[[]Point](v) }

// Frames returns the frames of a KindFrames, nil for others.
func (v Value) Frames() []string { return list[[]string](v) }

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
