package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tracecar/collector"
)

// seeded fails a fuzz target whose committed seeds have gone missing.
func seeded(f *testing.F) {
	f.Helper()
	seeds, err := os.ReadDir(filepath.Join("testdata", "fuzz", f.Name()))
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
}

// Whatever the arguments are, they are refused by name or come out within
// what the schema promises.
func FuzzArguments(f *testing.F) {
	seeded(f)
	s := stubServer(f, newStub())
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		tool, ok := s.byName[name]
		if !ok {
			return
		}
		args, err := parseArguments(tool.name, tool.params, raw)
		if err != nil {
			var bad *argumentError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v", err)
			}
			return
		}
		schema := compileSchema(t, inputSchema(tool.params))
		for _, p := range tool.params {
			if p.required && !args.has(p.name) {
				t.Fatalf("%s is missing", p.name)
			}
			if p.kind == kindText && p.maxBytes > 0 && len(args.text(p.name)) > p.maxBytes {
				t.Fatalf("%s is too long", p.name)
			}
		}
		b, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		// What was taken satisfies the schema that callers are shown.
		if err := validates(t, schema, b); err != nil {
			t.Fatalf("%s was taken: %v", b, err)
		}
	})
}

// Whatever comes in on standard input, what goes out is JSON-RPC, one message
// a line, and the loop ends when the input does.
func FuzzStdio(f *testing.F) {
	seeded(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		stub := newStub()
		stub.start = ends(collector.StatusCompleted)
		s := stubServer(t, stub, func(c *Config) { c.MaxBody = 4096 })
		var out bytes.Buffer
		if err := s.ServeStdio(t.Context(), bytes.NewReader(in), &out); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			var m struct {
				JSONRPC string `json:"jsonrpc"`
				Method  string
				Result  json.RawMessage
				Error   json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &m); err != nil || m.JSONRPC != "2.0" || (m.Method == "" && m.Result == nil && m.Error == nil) {
				t.Fatalf("line %q: %v", line, err)
			}
		}
	})
}

// Whatever the cursor is, it is refused or gives a page within the list.
func FuzzProbeCursor(f *testing.F) {
	seeded(f)
	probes := []collector.ProbeInfo{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	f.Add(probeCursor{"p", 2, "b"}.encode())
	f.Fuzz(func(t *testing.T, cursor string) {
		if start, err := findPage(cursor, "p", probes); err == nil && (start < 1 || start > len(probes)) {
			t.Fatalf("page begins at %d", start)
		}
	})
}
