package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

type object = map[string]any

// maker makes the schema. Each struct becomes a definition, once.
type maker struct {
	comments map[string]string // "Probe", "Probe.Every" → doc comment
	defs     object
}

const (
	durationPattern = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	sizePattern     = `^[0-9]+ *(B|[kK]B|MB|GB|TB|KiB|MiB|GiB|TiB)?$`
)

// beyondTags is what the schema can tell and a struct tag cannot.
var beyondTags = map[string]object{
	"Probe": {
		"dependentRequired": object{"every": []string{"duration"}, "schedule": []string{"duration"}},
		"not":               object{"required": []string{"every", "schedule"}},
		"anyOf": []any{
			object{"required": []string{"script"}}, object{"required": []string{"file"}},
			object{"required": []string{"library"}}, object{"required": []string{"versions"}},
		},
	},
	"Probe.Name":    {"pattern": dnsLabel.String()},
	"Probe.Metrics": {"propertyNames": object{"pattern": mapName.String()}},
	"Metric.Name":   {"pattern": metricName.String()},
	"Metric.Decode": {"additionalProperties": object{"type": "string", "pattern": decoders.String()}},
	"Span.Key":      {"minItems": 1},
	"Client.Match":  {"pattern": clientMatch.String()},
	"OAuthRole": {
		"oneOf":             []any{object{"required": []string{"scope"}}, object{"required": []string{"claim"}}},
		"dependentRequired": object{"claim": []string{"value"}, "value": []string{"claim"}},
	},
	"OAuth":         {"dependentRequired": object{"issuers": []string{"resource"}, "resource": []string{"issuers"}}},
	"Config.Roles":  {"propertyNames": object{"pattern": dnsLabel.String()}},
	"OTLP.Endpoint": {"pattern": "^(https?://.*)?$"},
}

func makeSchema(t *testing.T) object {
	m := maker{comments: comments(t), defs: object{}}
	root := m.section(t, reflect.TypeFor[Config](), reflect.ValueOf(*Default()))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "tracecar.yaml"
	root["description"] = "Configuration of tracecar. Keys that begin with x- are left alone: a place for YAML anchors."
	root["patternProperties"] = object{"^x-": true}
	root["$defs"] = m.defs
	return root
}

// section describes a struct; defaults is one with its defaults, or invalid.
func (m *maker) section(t *testing.T, typ reflect.Type, defaults reflect.Value) object {
	props, required := object{}, []string{}
	for _, f := range fieldsOf(typ) {
		sf := typ.Field(f.index)
		id := typ.Name() + "." + sf.Name
		comment, ok := strings.CutPrefix(m.comments[id], sf.Name)
		if !ok {
			t.Errorf("%s has no comment that begins with its name", id)
		}
		var def reflect.Value
		if defaults.IsValid() {
			def = defaults.Field(f.index)
		}
		p := m.value(t, f.typ, def)
		p["description"] = f.name + comment
		if f.enum != nil {
			p["enum"] = words(f)
		}
		bounds(p, f)
		if def.IsValid() && !def.IsZero() && !isSection(f.typ) {
			p["default"] = shown(def)
		}
		for k, v := range beyondTags[id] {
			p[k] = v
		}
		props[f.name] = p
		if f.required {
			required = append(required, f.name)
		}
	}
	out := object{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	for k, v := range beyondTags[typ.Name()] {
		out[k] = v
	}
	return out
}

func (m *maker) value(t *testing.T, typ reflect.Type, def reflect.Value) object {
	switch typ {
	case durationType:
		return object{"type": "string", "pattern": durationPattern}
	case sizeType:
		return object{"anyOf": []any{object{"type": "integer", "minimum": 0}, object{"type": "string", "pattern": sizePattern}}}
	case outputType:
		return object{"anyOf": []any{object{"type": "integer", "minimum": 1}, object{"type": "string", "minLength": 1}}}
	case fieldType:
		return object{"type": []string{"string", "integer"}}
	case severityType, memoryType:
		return object{}
	}
	switch typ.Kind() {
	case reflect.Struct:
		return m.ref(t, typ, def)
	case reflect.Pointer, reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": m.element(t, typ.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": m.element(t, typ.Elem())}
	}
	return object{"type": "string"}
}

// element describes what a list or mapping holds; numbers are taken as text.
func (m *maker) element(t *testing.T, typ reflect.Type) object {
	switch {
	case typ == reflect.TypeFor[Probe]():
		return m.ref(t, typ, reflect.ValueOf(DefaultProbe()))
	case typ == reflect.TypeFor[Span]():
		return m.ref(t, typ, reflect.ValueOf(defaultSpan()))
	case typ.Kind() == reflect.String && typ != fieldType:
		return object{"type": []string{"string", "number"}}
	}
	return m.value(t, typ, reflect.Value{})
}

func (m *maker) ref(t *testing.T, typ reflect.Type, def reflect.Value) object {
	if _, ok := m.defs[typ.Name()]; !ok {
		m.defs[typ.Name()] = nil // the name is taken
		m.defs[typ.Name()] = m.section(t, typ, def)
	}
	return object{"$ref": "#/$defs/" + typ.Name()}
}

func words(f field) []any {
	var out []any
	if f.typ == severityType || f.typ == memoryType {
		out = append(out, true, false)
	}
	for _, w := range f.enum {
		out = append(out, w)
	}
	return out
}

func bounds(p object, f field) {
	if f.typ.Kind() != reflect.Int && f.typ.Kind() != reflect.Float64 {
		return // of a duration or size in words, a schema cannot tell
	}
	for key, text := range map[string]string{"minimum": f.min, "maximum": f.max} {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			p[key] = n
		}
	}
}

func shown(v reflect.Value) any {
	if s, ok := v.Interface().(interface{ String() string }); ok {
		return s.String()
	}
	return v.Interface()
}

// comments reads the doc comments of this package's structs.
func comments(t *testing.T) map[string]string {
	out := map[string]string{}
	for _, file := range []string{"config.go", "otlp.go", "auth.go", "probe.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			s, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range s.Fields.List {
				for _, name := range field.Names {
					out[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
				}
			}
			return true
		})
	}
	return out
}
