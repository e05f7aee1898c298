package collector

import (
	"encoding/json"

	"tracecar/parser"
)

// MarshalJSON gives the shape of result.md: {"type", "data"} and, where the
// format is known, "fields".
func (e Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil) }

// AppendJSON appends what MarshalJSON gives.
func (e Event) AppendJSON(dst []byte) ([]byte, error) {
	dst = append(dst, `{"type":`...)
	dst = parser.Text(e.Type).AppendJSON(dst)
	dst = append(dst, `,"data":`...)
	if e.Map != nil {
		m, err := json.Marshal(e.Map)
		if err != nil {
			return nil, err
		}
		dst = append(dst, m...)
	} else {
		dst = e.Data.AppendJSON(dst)
	}
	if len(e.Fields) > 0 {
		dst = append(dst, `,"fields":`...)
		dst = parser.Object(e.Fields).AppendJSON(dst)
		if len(e.Inexact) > 0 {
			dst = append(dst, `,"inexact":[`...)
			for i, name := range e.Inexact {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = parser.Text(name).AppendJSON(dst)
			}
			dst = append(dst, ']')
		}
	}
	return append(dst, '}'), nil
}

// MarshalJSON gives {"key", "ambiguous"} and one of "value", "buckets",
// "stats" and "points", by the kind of the value.
func (r Row) MarshalJSON() ([]byte, error) {
	dst := []byte{'{'}
	if r.Key != nil {
		dst = append(dst, `"key":`...)
		dst = parser.Array(r.Key).AppendJSON(dst)
		dst = append(dst, ',')
	}
	if r.Ambiguous {
		dst = append(dst, `"ambiguous":true,`...)
	}
	dst = append(dst, '"')
	dst = append(dst, valueMember(r.Value.Kind())...)
	dst = append(dst, `":`...)
	dst = r.Value.AppendJSON(dst)
	return append(dst, '}'), nil
}

func valueMember(k parser.Kind) string {
	switch k {
	case parser.KindBuckets:
		return "buckets"
	case parser.KindStats:
		return "stats"
	case parser.KindPoints:
		return "points"
	}
	return "value"
}
