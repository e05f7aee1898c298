package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const envPrefix = "TRACECAR_"

// Kubernetes gives every container variables that are named after the
// services around it; a service called tracecar makes these.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_[A-Z]+)?)?)$`)

// EnvName is the environment variable that sets a key.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// settable lists the keys that have a variable: all but those of lists and
// mappings of sections.
func settable() map[string]field {
	out := map[string]field{}
	eachKey(reflect.TypeFor[Config](), "", func(path string, f field) {
		elem := f.typ
		if k := elem.Kind(); k == reflect.Slice || k == reflect.Map {
			elem = elem.Elem()
		}
		if !strings.ContainsAny(path, "[{") && !isSection(elem) {
			out[path] = f
		}
	})
	return out
}

// lookup makes a map of an environment; the last of two wins, as in os/exec.
func lookup(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return m
}

// overlays reads the layers above the file: TRACECAR_ variables, then flags.
func overlays(env []string, flags map[string]any, cwd string, at map[string]Position) ([]map[string]any, Errors) {
	keys := settable()
	names := map[string]string{}
	for key := range keys {
		names[EnvName(key)] = key
	}
	fromEnv := overlay{at: at, base: cwd, tree: map[string]any{}}
	vars := lookup(env)
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !strings.HasPrefix(name, envPrefix) || vars[name] == "" {
			continue
		}
		key, known := names[name]
		if !known {
			fromEnv.unknown(name, slices.Sorted(maps.Keys(names)))
			continue
		}
		fromEnv.set(key, keys[key], vars[name], "$"+name)
	}
	fromFlags := overlay{at: at, base: cwd, tree: map[string]any{}, errs: fromEnv.errs}
	for _, key := range slices.Sorted(maps.Keys(flags)) {
		f, known := keys[key]
		if !known {
			fromFlags.errs = append(fromFlags.errs, &Error{Position: Position{File: commandLine}, Key: key, Message: "unknown key"})
			continue
		}
		fromFlags.set(key, f, flags[key], commandLine)
	}
	return []map[string]any{fromEnv.tree, fromFlags.tree}, fromFlags.errs
}

const commandLine = "command line"

// overlay is a layer whose values come one by one.
type overlay struct {
	at   map[string]Position
	base string
	tree map[string]any
	errs Errors
}

// unknown refuses a variable that is likely a misspelled one of ours. Others
// with our prefix belong to somebody else.
func (o *overlay) unknown(name string, known []string) {
	if serviceLink.MatchString(name) {
		return
	}
	best, least := "", 3
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		o.errs = append(o.errs, &Error{Position: Position{File: "$" + name}, Message: "unknown variable", Hint: "did you mean " + best + "?"})
	}
}

// set decodes one value and puts it at its path.
func (o *overlay) set(key string, f field, value any, from string) {
	pos := Position{File: from}
	node, err := nodeOf(value, f.typ)
	if err != nil {
		o.errs = append(o.errs, &Error{Position: pos, Key: key, Message: err.Error()})
		return
	}
	d := decoder{at: o.at, base: o.base, where: func(*yaml.Node) Position { return pos }}
	o.at[key] = pos
	v, ok := d.value(node, f.typ, f, key)
	o.errs = append(o.errs, d.errs...)
	if ok {
		put(o.tree, key, v)
	}
}

func put(tree map[string]any, key string, v any) {
	parts := strings.Split(key, ".")
	for _, p := range parts[:len(parts)-1] {
		inner, ok := tree[p].(map[string]any)
		if !ok {
			inner = map[string]any{}
			tree[p] = inner
		}
		tree = inner
	}
	tree[parts[len(parts)-1]] = v
}

// nodeOf makes a YAML node of a variable's text or a flag's value: lists are
// "a,b", mappings "key=value,key=value".
func nodeOf(value any, t reflect.Type) (*yaml.Node, error) {
	switch v := value.(type) {
	case string:
		return nodeOfText(v, t)
	case time.Duration:
		return nodeOfText(v.String(), t)
	case []string:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, s := range v {
			n.Content = append(n.Content, textNode(s))
		}
		return n, nil
	case map[string]string:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			n.Content = append(n.Content, textNode(k), textNode(v[k]))
		}
		return n, nil
	case bool, int, int64, uint64, float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)}, nil
	case Size:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(uint64(v))}, nil
	}
	return nil, fmt.Errorf("a %T cannot be configured", value)
}

func nodeOfText(s string, t reflect.Type) (*yaml.Node, error) {
	switch t.Kind() {
	case reflect.Slice:
		var list []string
		for _, item := range strings.Split(s, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
		return nodeOf(list, t)
	case reflect.Map:
		pairs := map[string]string{}
		for _, item := range strings.Split(s, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			k, v, ok := strings.Cut(item, "=")
			if !ok || strings.TrimSpace(k) == "" {
				// The item itself may be a secret.
				return nil, errors.New("want key=value,key=value")
			}
			pairs[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
		return nodeOf(pairs, t)
	case reflect.String:
		return textNode(s), nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: s}, nil
}

func textNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}
