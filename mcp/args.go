package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// paramKind is the type of one argument of a tool.
type paramKind string

const (
	kindText    paramKind = "string"
	kindNumber  paramKind = "number"
	kindInteger paramKind = "integer"
	kindFlag    paramKind = "boolean"
	kindList    paramKind = "array" // of strings; numbers are taken as written
)

// param describes one argument of a tool: its input schema and the check of a
// call's arguments both come from here, so they cannot disagree.
type param struct {
	name     string
	kind     paramKind
	describe string
	required bool
	def      any // what the schema tells the caller happens without it
	// Numbers: the allowed range, inclusive unless minOpen.
	min, max       float64
	hasMin, hasMax bool
	minOpen        bool
	// maxBytes bounds a text, 0: no bound.
	maxBytes int
}

// argumentError is a bad argument of a call. Its text is for the caller and
// names the argument.
type argumentError struct{ name, message string }

func (e *argumentError) Error() string {
	if e.name == "" {
		return e.message
	}
	return fmt.Sprintf("argument %q: %s", e.name, e.message)
}

// arguments are the checked arguments of one call.
type arguments map[string]any

func (a arguments) text(name string) string    { s, _ := a[name].(string); return s }
func (a arguments) number(name string) float64 { f, _ := a[name].(float64); return f }
func (a arguments) integer(name string) int64  { i, _ := a[name].(int64); return i }
func (a arguments) list(name string) []string  { l, _ := a[name].([]string); return l }

func (a arguments) flag(name string, def bool) bool {
	if b, ok := a[name].(bool); ok {
		return b
	}
	return def
}

func (a arguments) has(name string) bool { _, ok := a[name]; return ok }

// parseArguments checks raw, a JSON object or nothing, against params. A null
// counts as not given: language models send it for what they leave out.
func parseArguments(tool string, params []param, raw json.RawMessage) (arguments, error) {
	given := map[string]json.RawMessage{}
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && string(raw) != "null" {
		if err := json.Unmarshal(raw, &given); err != nil {
			return nil, &argumentError{"", fmt.Sprintf("the arguments of %s must be a JSON object", tool)}
		}
	}
	for name := range given {
		if !known(params, name) {
			return nil, &argumentError{name, unknownArgument(tool, params)}
		}
	}
	args := arguments{}
	for _, p := range params {
		value, ok := given[p.name]
		if !ok || string(bytes.TrimSpace(value)) == "null" {
			if p.required {
				return nil, &argumentError{p.name, "is required: " + p.describe}
			}
			continue
		}
		v, err := p.parse(value)
		if err != nil {
			return nil, &argumentError{p.name, err.Error()}
		}
		args[p.name] = v
	}
	return args, nil
}

func known(params []param, name string) bool {
	for _, p := range params {
		if p.name == name {
			return true
		}
	}
	return false
}

func unknownArgument(tool string, params []param) string {
	if len(params) == 0 {
		return fmt.Sprintf("unknown; %s takes no arguments", tool)
	}
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.name
	}
	return fmt.Sprintf("unknown; %s takes %s", tool, strings.Join(names, ", "))
}

func (p param) parse(raw json.RawMessage) (any, error) {
	switch p.kind {
	case kindText:
		s, err := exactText(raw)
		if errors.Is(err, errNoString) {
			return nil, fmt.Errorf("must be a string, got %s", shorten(raw))
		}
		if err != nil {
			return nil, err
		}
		if p.maxBytes > 0 && len(s) > p.maxBytes {
			return nil, fmt.Errorf("is %d bytes long, more than the limit of %d", len(s), p.maxBytes)
		}
		if p.required && strings.TrimSpace(s) == "" {
			return nil, fmt.Errorf("is empty")
		}
		return s, nil
	case kindFlag:
		var b bool
		if json.Unmarshal(raw, &b) != nil {
			return nil, fmt.Errorf("must be true or false, got %s", shorten(raw))
		}
		return b, nil
	case kindNumber:
		var f float64
		if json.Unmarshal(raw, &f) != nil {
			return nil, fmt.Errorf("must be a number, got %s", shorten(raw))
		}
		return f, p.inRange(f)
	case kindInteger:
		var f float64
		if json.Unmarshal(raw, &f) != nil || f != math.Trunc(f) {
			return nil, fmt.Errorf("must be a whole number, got %s", shorten(raw))
		}
		if err := p.inRange(f); err != nil {
			return nil, err
		}
		// Beyond 2^53 a float64 is not exact: take the digits.
		if i, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return i, nil
		}
		if math.Abs(f) > 1<<53 {
			return nil, fmt.Errorf("is out of range, got %s", shorten(raw))
		}
		return int64(f), nil
	default:
		return parseList(raw)
	}
}

func (p param) inRange(f float64) error {
	switch {
	case p.hasMin && p.minOpen && f <= p.min:
		return fmt.Errorf("must be more than %s, got %s", plain(p.min), plain(f))
	case p.hasMin && f < p.min:
		return fmt.Errorf("must be at least %s, got %s", plain(p.min), plain(f))
	case p.hasMax && f > p.max:
		return fmt.Errorf("must be at most %s, got %s", plain(p.max), plain(f))
	}
	return nil
}

func parseList(raw json.RawMessage) ([]string, error) {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil, fmt.Errorf("must be an array of strings, got %s", shorten(raw))
	}
	list := make([]string, len(items))
	for i, item := range items {
		s, err := exactText(item)
		if err == nil {
			list[i] = s
			continue
		}
		if !errors.Is(err, errNoString) {
			return nil, fmt.Errorf("element %d %w", i, err)
		}
		var n json.Number
		if json.Unmarshal(item, &n) != nil || n == "" {
			return nil, fmt.Errorf("element %d must be a string or a number, got %s", i, shorten(item))
		}
		list[i] = n.String()
	}
	return list, nil
}

// shorten quotes foreign JSON in an error without letting it flood the text.
func shorten(raw json.RawMessage) string {
	const most = 60
	s := string(bytes.TrimSpace(raw))
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// inputSchema is the JSON schema of params.
func inputSchema(params []param) json.RawMessage {
	properties := map[string]any{}
	required := []string{}
	for _, p := range params {
		s := map[string]any{"type": string(p.kind), "description": p.describe}
		if p.kind == kindList {
			s["items"] = map[string]any{"type": []string{"string", "number"}}
		}
		if p.def != nil {
			s["default"] = p.def
		}
		switch {
		case p.hasMin && p.minOpen:
			s["exclusiveMinimum"] = p.min
		case p.hasMin:
			s["minimum"] = p.min
		}
		if p.hasMax {
			s["maximum"] = p.max
		}
		if p.maxBytes > 0 {
			// In characters; the check counts bytes, of which there are never fewer.
			s["maxLength"] = p.maxBytes
		}
		if p.required {
			required = append(required, p.name)
		}
		properties[p.name] = s
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	b, err := json.Marshal(schema)
	if err != nil {
		panic(err) // maps of strings and numbers: cannot fail
	}
	return b
}
