package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// The committed schema is what the structs make, here and in the examples.
func TestSchemaIsCurrent(t *testing.T) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(makeSchema(t)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"schema.json", "../examples/tracecar.schema.json"} {
		if updating() {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, b.Bytes()) {
			t.Errorf("%s is not what the structs make: go test ./config -update", file)
		}
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("tracecar.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("tracecar.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An editor has nothing to say of a good file, and something of those bad ones
// whose mistake is in a single place.
func TestSchemaOnFixtures(t *testing.T) {
	schema := compiled(t)
	check := func(file string) error {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := yaml.Unmarshal(data, &doc); err != nil {
			t.Fatal(file, err)
		}
		if doc == nil {
			return nil
		}
		return schema.Validate(doc)
	}
	good, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(good) < 4 {
		t.Fatal(good, err)
	}
	for _, file := range good {
		if err := check(file); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, name := range []string{
		"bare_duration", "metrics", "null_section", "null_value", "not_a_mapping", "out_of_range", "probe_name", "script_and_file",
		"spans", "timing", "unknown_key", "wrong_type",
	} {
		if check("testdata/bad/"+name+".yaml") == nil {
			t.Errorf("%s: no complaint", name)
		}
	}
}

// Every key can be found in the fixture with everything in it: a new key gets
// a place there.
func TestFixtureHasEverything(t *testing.T) {
	c, err := Load("testdata/good/everything.yaml", []string{"TOKEN_A=0123456789abcdef0123456789abcdef"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var given []string
	for key := range c.src.at {
		given = append(given, key)
	}
	eachKey(reflect.TypeFor[Config](), "", func(path string, _ field) {
		if !slices.ContainsFunc(given, func(key string) bool { return matches(path, key) }) && !excused[path] {
			t.Errorf("%s is not in everything.yaml", path)
		}
	})
}

// excused are keys that need certificates, or exclude others.
var excused = map[string]bool{
	"otlp.tls.ca": true, "otlp.tls.cert": true, "otlp.tls.key": true,
	"auth.tls": true, "auth.tls.cert": true, "auth.tls.key": true, "auth.tls.client_ca": true,
	"auth.tls.clients": true, "auth.tls.clients[].match": true, "auth.tls.clients[].name": true, "auth.tls.clients[].role": true,
	"auth.oauth.ca":        true,
	"otlp.metrics.enabled": true, "otlp.metrics.protocol": true, "otlp.metrics.headers": true,
	"otlp.traces.enabled": true, "otlp.logs.endpoint": true, "otlp.logs.protocol": true, "otlp.logs.headers": true,
	"probes[].versions[].script": true, "roles{}.read_only": true, "roles{}.unsafe": true,
	"roles{}.functions.allow": true, "roles{}.binaries.deny": true,
}

// matches compares "probes[].name" with "probes[3].name", and "roles{}.memory"
// with "roles.reader.memory" or `roles["the reader"].memory`.
func matches(path, key string) bool {
	for path != "" && key != "" {
		switch {
		case strings.HasPrefix(path, "[]") || strings.HasPrefix(path, "{}"):
			path = path[2:]
			if quoted, ok := strings.CutPrefix(key, `["`); ok {
				_, key, _ = strings.Cut(quoted, `"]`)
			} else if key[0] == '[' {
				_, key, _ = strings.Cut(key, "]")
			} else if key[0] == '.' {
				key = key[1+len(key[1:])-len(strings.TrimLeft(key[1:], "abcdefghijklmnopqrstuvwxyz-")):]
			}
		case path[0] != key[0]:
			return false
		default:
			path, key = path[1:], key[1:]
		}
	}
	return path == key
}
