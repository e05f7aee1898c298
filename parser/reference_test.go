package parser

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// reference reads a line with encoding/json, as a Value whose objects keep
// their order and duplicates. It is false where the line is not JSON, or
// where encoding/json does not keep what it holds.
func reference(line []byte) (Value, bool) {
	if !json.Valid(line) || !utf8.Valid(line) || bytes.Contains(line, []byte("\uffff")) || splitEscape.Match(line) {
		return Value{}, false
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	v, err := referenceValue(dec)
	if err != nil {
		return Value{}, false
	}
	_, err = dec.Token()
	return v, err == io.EOF
}

// splitEscape matches what is no byte escape but decodes to the same.
var splitEscape = regexp.MustCompile(`(?i)\\uffff.{0,3}\\u`)

var byteEscape = regexp.MustCompile("\uffffff([89a-fA-F][0-9a-fA-F])")

func referenceText(s string) string {
	return byteEscape.ReplaceAllStringFunc(s, func(e string) string {
		b, _ := strconv.ParseUint(e[len(e)-2:], 16, 8)
		return string([]byte{byte(b)})
	})
}

func referenceValue(dec *json.Decoder) (Value, error) {
	tok, err := dec.Token()
	if err != nil {
		return Value{}, err
	}
	switch tok := tok.(type) {
	case json.Delim:
		elems, fields := []Value{}, []Field{}
		for dec.More() {
			name := ""
			if tok == '{' {
				key, err := dec.Token()
				if err != nil {
					return Value{}, err
				}
				name = referenceText(key.(string))
			}
			v, err := referenceValue(dec)
			if err != nil {
				return Value{}, err
			}
			elems, fields = append(elems, v), append(fields, Field{name, v})
		}
		if _, err := dec.Token(); err != nil {
			return Value{}, err
		}
		if tok == '{' {
			return Object(fields), nil
		}
		return Array(elems), nil
	case string:
		return Text(referenceText(tok)), nil
	case bool:
		return Bool(tok), nil
	case json.Number:
		if i, err := strconv.ParseInt(string(tok), 10, 64); err == nil {
			return Int(i), nil
		}
		if u, err := strconv.ParseUint(string(tok), 10, 64); err == nil {
			return Uint(u), nil
		}
		if f, err := tok.Float64(); err == nil && strings.ContainsAny(string(tok), ".eE") {
			return Float(f), nil
		}
		return Text(string(tok)), nil
	}
	return Value{}, nil
}

// agree checks a record against what encoding/json reads in its line, where
// the line is JSON of the plain form {"type": …, "data": …}.
func agree(t testing.TB, line []byte, rec *Record) {
	t.Helper()
	v, ok := reference(line)
	top := v.Fields()
	if !ok || len(top) != 2 || top[0].Name != "type" || top[1].Name != "data" {
		return
	}
	typ, known := typeOf([]byte(top[0].Value.Text()))
	data := top[1].Value
	ok = true
	switch {
	case !known:
		ok = rec.Type == TypeUnknown
	case isText(typ) && data.Kind() == KindText:
		ok = rec.Type == typ && rec.Text == data.Text()
	case typ == TypeValue:
		ok = rec.Type == typ && rec.Value.Equal(data)
	case typ == TypeMap && len(data.Fields()) == 1 && strings.HasPrefix(data.Fields()[0].Name, "@"):
		state := data.Fields()[0]
		ok = rec.Type == typ && rec.Map.Name == state.Name && !rec.Map.Cut && rec.Problem == nil
		switch {
		case !ok:
		case rec.Map.Keyed:
			ok = slices.EqualFunc(rec.Map.Rows, state.Value.Fields(), func(r Row, f Field) bool {
				return r.Key == f.Name && r.Value.Equal(f.Value)
			})
		case len(rec.Map.Rows) == 0:
			ok = state.Value.Equal(Object(nil))
		default:
			ok = rec.Map.Rows[0].Value.Equal(state.Value)
		}
	}
	if !ok {
		t.Errorf("%q\nread as %s\nencoding/json has %s", line, dump(nil, rec), v)
	}
}

// referenceVersion neither escapes twice nor counts in hexadecimal.
const referenceVersion = "0.21.0"

// Where a line is JSON, the Reader and encoding/json must agree on it.
func TestReference(t *testing.T) {
	lines := 0
	for file := range corpus(t) {
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(in) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			if len(line) == 0 {
				continue
			}
			r := NewReader(bytes.NewReader(line), WithVersion(referenceVersion))
			if !r.Scan() {
				t.Fatalf("%s: no record for %q", file, line)
			}
			agree(t, line, r.Record())
			lines++
		}
	}
	if lines < 1500 {
		t.Errorf("only %d lines", lines)
	}
}
