package parser

// Kind says what a Value holds.
type Kind uint8

const (
	KindNone    Kind = iota // no value, or JSON null
	KindBool                // Bool
	KindInt                 // Int64: fits int64
	KindUint                // Uint64: above math.MaxInt64
	KindText                // Text: bytes, perhaps not UTF-8
	KindFloat               // Float64: only where bpftrace printed a fraction
	KindArray               // Elems: array or tuple
	KindObject              // Fields: struct, in declaration order
	KindBuckets             // Buckets: hist() or lhist()
	KindStats               // Stats: stats()
	KindPoints              // Points: tseries()
	KindFrames              // Frames: a stack, innermost frame first
)

// Value is one value as bpftrace printed it. The zero Value is KindNone.
// Values are immutable and may be kept; they hold no reference to the
// stream's buffer.
type Value struct {
	kind Kind
	num  uint64 // KindBool, KindInt, KindUint, KindFloat: the bits
	str  string // KindText
	ext  any    // the composite kinds
}

// Field is one member of an object.
type Field struct {
	Name  string
	Value Value
}
