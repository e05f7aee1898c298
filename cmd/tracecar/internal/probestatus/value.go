package probestatus

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tracecar/parser"
)

// wireBucket has numbers as JSON: those beyond ±2^53 are strings.
type wireBucket struct{ Min, Max, Count json.RawMessage }

type wirePoint struct {
	Time  time.Time
	Value json.RawMessage
}

// value reads what parser.Value.AppendJSON writes, as far as it can be told
// from JSON: nothing is KindNone.
func value(b json.RawMessage) (parser.Value, error) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return parser.Value{}, nil
	}
	switch b[0] {
	case 'n':
		return parser.Value{}, nil
	case 't', 'f':
		return parser.Bool(b[0] == 't'), nil
	case '"':
		var s string
		err := json.Unmarshal(b, &s)
		return parser.Text(s), err
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(b, &list); err != nil {
			return parser.Value{}, err
		}
		elems, err := values(list)
		return parser.Array(elems), err
	case '{':
		return object(b)
	}
	return number(string(b))
}

func values(list []json.RawMessage) ([]parser.Value, error) {
	out := make([]parser.Value, len(list))
	for i, b := range list {
		var err error
		if out[i], err = value(b); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func number(s string) (parser.Value, error) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return parser.Int(i), nil
	}
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return parser.Uint(u), nil
	}
	if !strings.ContainsAny(s, ".eE") {
		return parser.Text(s), nil // longer than 64 bits: its digits, not something near it
	}
	f, err := strconv.ParseFloat(s, 64)
	return parser.Float(f), err
}

// object reads a struct, a stack, or text that is not UTF-8; members keep
// their order.
func object(b []byte) (parser.Value, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil {
		return parser.Value{}, err
	}
	var fields []parser.Field
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return parser.Value{}, err
		}
		var member json.RawMessage
		if err := dec.Decode(&member); err != nil {
			return parser.Value{}, err
		}
		v, err := value(member)
		if err != nil {
			return parser.Value{}, err
		}
		fields = append(fields, parser.Field{Name: fmt.Sprint(name), Value: v})
	}
	switch {
	case len(fields) == 1 && fields[0].Name == "frames" && fields[0].Value.Kind() == parser.KindArray:
		var frames []string
		for _, f := range fields[0].Value.Elems() {
			frames = append(frames, f.Text())
		}
		return parser.Frames(frames), nil
	case len(fields) == 2 && fields[0].Name == "text" && fields[1].Name == "base64":
		raw, err := base64.StdEncoding.DecodeString(fields[1].Value.Text())
		return parser.Text(string(raw)), err
	}
	return parser.Object(fields), nil
}

func buckets(list []wireBucket) (parser.Value, error) {
	out := make([]parser.Bucket, len(list))
	for i, w := range list {
		k := parser.Bucket{HasMin: w.Min != nil, HasMax: w.Max != nil}
		var errs [3]error
		if k.HasMin {
			k.Min, errs[0] = strconv.ParseInt(digits(w.Min), 10, 64)
		}
		if k.HasMax {
			k.Max, errs[1] = strconv.ParseInt(digits(w.Max), 10, 64)
		}
		k.Count, errs[2] = strconv.ParseUint(digits(w.Count), 10, 64)
		if err := errors.Join(errs[:]...); err != nil {
			return parser.Value{}, fmt.Errorf("bucket %d: %w", i, err)
		}
		out[i] = k
	}
	return parser.BucketsOf(out), nil
}

func digits(b json.RawMessage) string { return strings.Trim(string(b), `"`) }

func points(list []wirePoint) (parser.Value, error) {
	out := make([]parser.Point, len(list))
	for i, w := range list {
		v, err := value(w.Value)
		if err != nil {
			return parser.Value{}, err
		}
		out[i] = parser.Point{UnixNano: w.Time.UnixNano(), Value: v}
	}
	return parser.PointsOf(out), nil
}
