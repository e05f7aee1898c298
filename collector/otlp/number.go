package otlp

import (
	"math"

	"tracecar/parser"
)

// number is a metric's value: an int64 as long as it fits one.
type number struct {
	i     int64
	f     float64
	float bool
}

func (n number) asFloat() float64 {
	if n.float {
		return n.f
	}
	return float64(n.i)
}

// numberOf takes a value's number; false for text, stacks and what has parts.
func numberOf(v parser.Value, scale float64) (number, bool) {
	n := number{}
	switch v.Kind() {
	case parser.KindBool:
		if v.Bool() {
			n.i = 1
		}
	case parser.KindInt:
		n.i, _ = v.Int64()
	case parser.KindUint, parser.KindFloat:
		n.f, _ = v.Float64()
		n.float = true
	default:
		return number{}, false
	}
	if scale != 0 && scale != 1 {
		n = number{f: n.asFloat() * scale, float: true}
	}
	return n, true
}

func (n number) add(m number) number {
	if !n.float && !m.float {
		if s := n.i + m.i; (s > n.i) == (m.i > 0) {
			return number{i: s}
		}
	}
	return number{f: n.asFloat() + m.asFloat(), float: true}
}

func (n number) less(m number) bool {
	if !n.float && !m.float {
		return n.i < m.i
	}
	return n.asFloat() < m.asFloat()
}

// noSum marks a histogram whose sum nobody knows. It never leaves tracecar:
// the OTLP client drops the field, /metrics the line.
var noSum = math.NaN()
