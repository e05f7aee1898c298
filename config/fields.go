package config

import (
	"reflect"
	"strings"
	"sync"
	"time"
)

// field is one field of a configuration struct, as its tags describe it.
type field struct {
	name     string // key in YAML
	index    int
	typ      reflect.Type
	enum     []string
	min, max string
	path     string // "file": made absolute; "command": only if it has a slash
	required bool
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[Size]()
	outputType   = reflect.TypeFor[Output]()
	fieldType    = reflect.TypeFor[Field]()
	severityType = reflect.TypeFor[Severity]()
	memoryType   = reflect.TypeFor[Memory]()
)

var fieldCache sync.Map // reflect.Type → []field

// fieldsOf lists the fields of a struct that can be configured.
func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldCache.Load(t); ok {
		return known.([]field)
	}
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name := sf.Tag.Get("koanf")
		if !sf.IsExported() || name == "" || name == "-" {
			continue
		}
		f := field{
			name: name, index: i, typ: sf.Type, path: sf.Tag.Get("path"),
			min: sf.Tag.Get("min"), max: sf.Tag.Get("max"), required: sf.Tag.Get("required") == "true",
		}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		out = append(out, f)
	}
	fieldCache.Store(t, out)
	return out
}

func fieldNamed(t reflect.Type, name string) (field, bool) {
	for _, f := range fieldsOf(t) {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// isSection tells a struct with keys of its own from one that is a value.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != outputType
}

// toMap turns a struct into the nested map that koanf merges; zero values of
// optional pointers are left out.
func toMap(v reflect.Value) map[string]any {
	m := map[string]any{}
	for _, f := range fieldsOf(v.Type()) {
		fv := v.Field(f.index)
		switch {
		case isSection(f.typ):
			m[f.name] = toMap(fv)
		case fv.Kind() == reflect.Slice || fv.Kind() == reflect.Map || fv.Kind() == reflect.Pointer:
			// Defaults have none of these; an empty one would hide nothing.
		default:
			m[f.name] = fv.Interface()
		}
	}
	return m
}

// elementDefaults are the defaults of what stands in lists, where there is no
// layer below to take them from.
func elementDefaults(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[Probe]():
		return toMap(reflect.ValueOf(DefaultProbe()))
	case reflect.TypeFor[Span]():
		return toMap(reflect.ValueOf(defaultSpan()))
	}
	return nil
}

// plainKey tells whether a key can stand in a path without quotes.
func plainKey(key string) bool {
	for _, r := range key {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return key != ""
}
