package parser

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxExact is the largest integer that every JSON reader holds exactly.
const maxExact = 1<<53 - 1

// MarshalJSON returns AppendJSON's text. It never fails.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// AppendJSON appends the value as it stands in a Result:
//   - integers beyond ±(2^53−1) are decimal strings, all others numbers;
//   - text is a string, or {"text", "base64"} where it is not valid UTF-8
//     (text then has U+FFFD for each bad byte, base64 has the bytes);
//   - buckets are [{"min", "max", "count"}] without min or max where open;
//   - stats are {"count", "average", "total"};
//   - points are [{"time", "value"}], time in RFC 3339, UTC;
//   - a stack is {"frames": […]}; KindNone is null;
//   - a float that is no number is the string "NaN", "+Inf" or "-Inf".
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.Kind() {
	case KindBool:
		return strconv.AppendBool(dst, v.num != 0)
	case KindInt:
		return appendInt(dst, int64(v.num))
	case KindUint:
		return appendUint(dst, v.num)
	case KindFloat:
		return appendFloat(dst, math.Float64frombits(v.num))
	case KindText:
		return appendText(dst, v.Text())
	case KindArray:
		return appendList(dst, v.Elems(), func(dst []byte, e Value) []byte { return e.AppendJSON(dst) })
	case KindObject:
		dst = append(dst, '{')
		for i, f := range v.Fields() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, f.Name), ':')
			dst = f.Value.AppendJSON(dst)
		}
		return append(dst, '}')
	case KindBuckets:
		return appendList(dst, v.Buckets(), appendBucket)
	case KindStats:
		s := v.Stats()
		dst = s.Count.AppendJSON(append(dst, `{"count":`...))
		dst = s.Average.AppendJSON(append(dst, `,"average":`...))
		dst = s.Total.AppendJSON(append(dst, `,"total":`...))
		return append(dst, '}')
	case KindPoints:
		return appendList(dst, v.Points(), appendPoint)
	case KindFrames:
		dst = appendList(append(dst, `{"frames":`...), v.Frames(), appendText)
		return append(dst, '}')
	default:
		return append(dst, "null"...)
	}
}

// MarshalJSON gives the bucket as it stands in a Result.
func (b Bucket) MarshalJSON() ([]byte, error) { return appendBucket(nil, b), nil }

// MarshalJSON gives the point as it stands in a Result.
func (p Point) MarshalJSON() ([]byte, error) { return appendPoint(nil, p), nil }

// MarshalJSON gives the stats as they stand in a Result.
func (s Stats) MarshalJSON() ([]byte, error) { return StatsOf(s).AppendJSON(nil), nil }

func appendList[T any](dst []byte, list []T, one func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, e)
	}
	return append(dst, ']')
}

func appendBucket(dst []byte, b Bucket) []byte {
	dst = append(dst, '{')
	if b.HasMin {
		dst = append(appendInt(append(dst, `"min":`...), b.Min), ',')
	}
	if b.HasMax {
		dst = append(appendInt(append(dst, `"max":`...), b.Max), ',')
	}
	dst = appendUint(append(dst, `"count":`...), b.Count)
	return append(dst, '}')
}

func appendPoint(dst []byte, p Point) []byte {
	dst = append(dst, `{"time":"`...)
	dst = time.Unix(0, p.UnixNano).UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = p.Value.AppendJSON(append(dst, `","value":`...))
	return append(dst, '}')
}

func appendInt(dst []byte, i int64) []byte {
	if i > maxExact || i < -maxExact {
		return append(strconv.AppendInt(append(dst, '"'), i, 10), '"')
	}
	return strconv.AppendInt(dst, i, 10)
}

func appendUint(dst []byte, u uint64) []byte {
	if u > maxExact {
		return append(strconv.AppendUint(append(dst, '"'), u, 10), '"')
	}
	return strconv.AppendUint(dst, u, 10)
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(strconv.AppendFloat(append(dst, '"'), f, 'g', -1, 64), '"')
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendText appends text of any bytes: a string where it is valid UTF-8.
func appendText(dst []byte, s string) []byte {
	if utf8.ValidString(s) {
		return appendQuoted(dst, s)
	}
	dst = appendQuoted(append(dst, `{"text":`...), s)
	dst = append(dst, `,"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
	return append(dst, `"}`...)
}

// appendQuoted appends s as a JSON string, U+FFFD for each byte that is not
// UTF-8. U+2028 and U+2029 are escaped for readers that take JSON for
// JavaScript.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		var esc string
		switch {
		case c == '"':
			esc = `\"`
		case c == '\\':
			esc = `\\`
		case c == '\n':
			esc = `\n`
		case c == '\t':
			esc = `\t`
		case c == '\r':
			esc = `\r`
		case c < 0x20 || c == 0x7f:
			dst = append(dst, s[start:i]...)
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			i++
			start = i
			continue
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				esc = `\ufffd`
			case r == 0x2028:
				esc = `\u2028`
			case r == 0x2029:
				esc = `\u2029`
			}
		}
		if esc == "" {
			i += size
			continue
		}
		dst = append(append(dst, s[start:i]...), esc...)
		i += size
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
