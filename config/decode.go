package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds the values of one file after its aliases are expanded:
// a few kilobytes of nested aliases can stand for billions.
const maxNodes = 200_000

// decoder turns YAML nodes into the nested map that koanf merges, its leaves
// of the types of the Config's fields, and remembers where each stood.
type decoder struct {
	at   map[string]Position
	errs Errors
	// where tells the position of a node.
	where func(n *yaml.Node) Position
	// base is the folder that relative file names start from.
	base  string
	nodes int
}

// maxErrors bounds how many are kept of one file.
const maxErrors = 1000

func (d *decoder) fail(n *yaml.Node, path, message, hint string) {
	if len(d.errs) >= maxErrors {
		return
	}
	d.errs = append(d.errs, &Error{Position: d.where(n), Key: path, Message: message, Hint: hint})
}

// join appends a key to a path of keys.
func join(path, key string) string {
	switch {
	case !plainKey(key):
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

func joinIndex(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// value decodes one node for a field of type t; ok is false where it said
// what is wrong.
func (d *decoder) value(n *yaml.Node, t reflect.Type, f field, path string) (v any, ok bool) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.nodes++; d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.fail(n, path, fmt.Sprintf("the file stands for more than %d values", maxNodes), "too many aliases?")
		}
		return nil, false
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.fail(n, path, "has no value", "give it one, or remove the key")
		return nil, false
	}
	switch {
	case isSection(t):
		return d.section(n, t, path)
	case t.Kind() == reflect.Map:
		return d.mapping(n, t, f, path)
	case t.Kind() == reflect.Slice:
		return d.list(n, t, f, path)
	}
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "want "+describe(t)+", not "+nodeKind(n), "")
		return nil, false
	}
	v, problem := scalar(n, t)
	if problem != nil {
		d.fail(n, path, problem.message, problem.hint)
		return nil, false
	}
	if f.path != "" {
		v = d.absolute(v.(string), f.path)
	}
	return v, true
}

// absolute makes a file name independent of the working directory.
func (d *decoder) absolute(name, kind string) string {
	if name == "" || filepath.IsAbs(name) || kind == "command" && !strings.Contains(name, "/") {
		return name
	}
	return filepath.Join(d.base, name)
}

func (d *decoder) section(n *yaml.Node, t reflect.Type, path string) (any, bool) {
	pairs, ok := d.pairs(n, path, t)
	if !ok {
		return nil, false
	}
	m := map[string]any{}
	for _, p := range pairs {
		key := p.key.Value
		f, known := fieldNamed(t, key)
		if !known {
			if path != "" || !strings.HasPrefix(key, "x-") {
				d.fail(p.key, join(path, key), "unknown key", suggest(t, path, key))
			}
			continue
		}
		inner := join(path, key)
		d.at[inner] = d.where(position(p))
		if v, ok := d.value(p.value, f.typ, f, inner); ok {
			m[key] = v
		}
	}
	if defaults := elementDefaults(t); defaults != nil {
		fill(m, defaults)
	}
	return m, true
}

// fill puts in what is missing.
func fill(m, defaults map[string]any) {
	for k, d := range defaults {
		v, there := m[k]
		inner, isMap := v.(map[string]any)
		if dm, ok := d.(map[string]any); ok && isMap {
			fill(inner, dm)
		} else if !there {
			m[k] = d
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, t reflect.Type, f field, path string) (any, bool) {
	pairs, ok := d.pairs(n, path, t)
	if !ok {
		return nil, false
	}
	m := map[string]any{}
	for _, p := range pairs {
		inner := join(path, p.key.Value)
		d.at[inner] = d.where(position(p))
		if v, ok := d.value(p.value, t.Elem(), field{path: f.path}, inner); ok {
			m[p.key.Value] = v
		}
	}
	return m, true
}

func (d *decoder) list(n *yaml.Node, t reflect.Type, f field, path string) (any, bool) {
	if n.Kind != yaml.SequenceNode {
		hint := "write [a, b], or one \"- item\" for each line"
		if isSection(t.Elem()) {
			hint = "each begins with \"- \": \"- " + fieldsOf(t.Elem())[0].name + ": …\""
		}
		d.fail(n, path, "want a list, not "+nodeKind(n), hint)
		return nil, false
	}
	out := make([]any, 0, len(n.Content))
	for i, item := range n.Content {
		inner := joinIndex(path, i)
		d.at[inner] = d.where(item)
		v, ok := d.value(item, t.Elem(), field{path: f.path}, inner)
		if !ok && isSection(t.Elem()) {
			// Keeps its place, so that the numbers of those after it hold.
			v = map[string]any{}
		} else if !ok {
			continue
		}
		out = append(out, v)
	}
	return out, true
}

type pair struct{ key, value *yaml.Node }

// position is where to look for a value: at itself, or at its key where it
// has lines of its own.
func position(p pair) *yaml.Node {
	if p.value.Kind == yaml.ScalarNode {
		return p.value
	}
	return p.key
}

// pairs lists a mapping's keys and values, its merge keys ("<<: *base") put
// in; keys of the mapping itself beat them, as YAML has it.
func (d *decoder) pairs(n *yaml.Node, path string, t reflect.Type) ([]pair, bool) {
	if n.Kind != yaml.MappingNode {
		got := nodeKind(n)
		if n.Kind == yaml.ScalarNode && strings.HasSuffix(path, "headers") {
			got = "text" // which may be a secret
		}
		d.fail(n, path, "want "+describe(t)+", not "+got, "")
		return nil, false
	}
	var out []pair
	var merged []*yaml.Node
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		for k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			d.fail(k, path, "a key must be a word, not "+nodeKind(k), "")
			continue
		}
		if k.ShortTag() == "!!merge" {
			merged = append(merged, v)
			continue
		}
		if first, twice := seen[k.Value]; twice {
			d.fail(k, join(path, k.Value), "duplicate key", fmt.Sprintf("it is on line %d already", first.Line))
			continue
		}
		seen[k.Value] = k
		out = append(out, pair{k, v})
	}
	for _, m := range merged {
		for _, p := range d.merged(m, path, 0) {
			if seen[p.key.Value] == nil {
				seen[p.key.Value] = p.key
				out = append(out, p)
			}
		}
	}
	return out, true
}

// merged lists what one merge key brings in, nearest first.
func (d *decoder) merged(n *yaml.Node, path string, depth int) (out []pair) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.nodes += len(n.Content); d.nodes > maxNodes || depth > 20 {
		d.fail(n, path, "too much is merged by <<", "")
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			out = append(out, d.merged(item, path, depth+1)...)
		}
	case yaml.MappingNode:
		var deeper []pair
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			switch {
			case k.Kind != yaml.ScalarNode:
				d.fail(k, path, "a key must be a word, not "+nodeKind(k), "")
			case k.ShortTag() == "!!merge":
				deeper = append(deeper, d.merged(v, path, depth+1)...)
			default:
				out = append(out, pair{k, v})
			}
		}
		out = append(out, deeper...)
	default:
		d.fail(n, path, "<< merges mappings, not "+nodeKind(n), "")
	}
	return out
}

// layer decodes a whole document; nil where there is none.
func (d *decoder) layer(n *yaml.Node) map[string]any {
	if n == nil {
		return map[string]any{}
	}
	v, _ := d.section(n, reflect.TypeFor[Config](), "")
	m, _ := v.(map[string]any)
	return maps.Clone(m)
}
