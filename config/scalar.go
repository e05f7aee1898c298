package config

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// problem says what is wrong with one value.
type problem struct{ message, hint string }

// scalar reads one value as type t.
func scalar(n *yaml.Node, t reflect.Type) (any, *problem) {
	tag := n.ShortTag()
	switch t {
	case durationType:
		return duration(n.Value, tag)
	case sizeType:
		s, err := parseSize(n.Value)
		if err != nil || tag == "!!float" {
			return nil, &problem{"want a size, not " + quoted(n), `write 64MiB, 2GiB, or a whole number of bytes`}
		}
		return s, nil
	case outputType:
		if tag == "!!int" {
			i, err := strconv.Atoi(n.Value)
			if err != nil || i < 1 {
				return nil, &problem{"the script's printfs count from 1, got " + n.Value, ""}
			}
			return Output{Index: i}, nil
		}
		if tag != "!!str" {
			return nil, &problem{"want a printf's number or its format text, not " + quoted(n), ""}
		}
		return Output{Format: n.Value}, nil
	case severityType:
		if tag == "!!bool" {
			return map[bool]Severity{true: "info", false: Off}[isTrue(n.Value)], nil
		}
	case memoryType:
		if tag == "!!bool" {
			return map[bool]Memory{true: "all", false: "none"}[isTrue(n.Value)], nil
		}
	}
	switch t.Kind() {
	case reflect.Pointer: // an optional bool
		v, p := scalar(n, t.Elem())
		if b, ok := v.(bool); ok {
			return &b, nil
		}
		return nil, p
	case reflect.Bool:
		if tag == "!!bool" {
			return isTrue(n.Value), nil
		}
		return nil, &problem{"want true or false, not " + quoted(n), ""}
	case reflect.Int:
		i, err := strconv.ParseInt(n.Value, 10, 0)
		if tag != "!!int" || err != nil {
			return nil, &problem{"want a whole number, not " + quoted(n), ""}
		}
		return int(i), nil
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if tag != "!!int" && tag != "!!float" || err != nil {
			return nil, &problem{"want a number, not " + quoted(n), ""}
		}
		return f, nil
	}
	return text(n, tag, t)
}

// text reads words. A number that stands where text is wanted (an argument, a
// field by place) is taken as it is written.
func text(n *yaml.Node, tag string, t reflect.Type) (any, *problem) {
	switch tag {
	case "!!str", "!!int", "!!float", "!!timestamp":
	default:
		return nil, &problem{"want text, not " + quoted(n), `in quotes it is text: "` + n.Value + `"`}
	}
	if strings.ContainsRune(n.Value, 0) {
		return nil, &problem{"text must not hold a NUL character", ""}
	}
	return reflect.ValueOf(n.Value).Convert(t).Interface(), nil
}

func isTrue(s string) bool { return strings.EqualFold(s, "true") }

func duration(text, tag string) (any, *problem) {
	if tag == "!!int" || tag == "!!float" {
		if text == "0" {
			return time.Duration(0), nil
		}
		return nil, &problem{"a duration needs a unit, got " + text, "write " + text + "s for seconds"}
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		hint := "write 500ms, 10s, 5m or 1h30m"
		if days, ok := strings.CutSuffix(text, "d"); ok {
			if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 10000 {
				hint = "write " + strconv.Itoa(24*n) + "h"
			}
		}
		return nil, &problem{"want a duration, not " + strconv.Quote(text), hint}
	case d < 0:
		return nil, &problem{"a duration cannot be negative, got " + text, ""}
	}
	return d, nil
}

// quoted shows a value as it was written, cut short.
func quoted(n *yaml.Node) string {
	v := n.Value
	if r := []rune(v); len(r) > 60 {
		v = string(r[:60]) + "…"
	}
	if n.ShortTag() == "!!str" {
		return strconv.Quote(v)
	}
	return v
}

// describe names what a field wants.
func describe(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration"
	case t == sizeType:
		return "a size"
	case t == outputType:
		return "a printf's number or its format text"
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "a mapping (key: value)"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Bool, t.Kind() == reflect.Pointer:
		return "true or false"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Float64:
		return "a number"
	}
	return "text"
}

func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return quoted(n)
}
