package examples

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"tracecar/config"
	"tracecar/mcp/auth/authtest"
)

// The examples of callers load, with files of the names that they give.
func TestCallers(t *testing.T) {
	dir, ca := t.TempDir(), authtest.NewCA(t, "ca")
	cert, key := ca.Issue(t, "server")
	for name, data := range map[string][]byte{
		"server.pem": cert, "server.key": key, "clients.pem": ca.PEM, "agent.token": []byte("0123456789abcdef0123456789abcdef\n"),
	} {
		authtest.Write(t, dir, name, data)
	}
	for _, name := range []string{"callers.yaml", "callers-mtls.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(authtest.Write(t, dir, name, data), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Auth.Asks() {
			t.Errorf("%s: nobody is asked", name)
		}
	}
}

// What the README shows of a configuration can be written so.
func TestReadmeConfiguration(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) < 3 {
		t.Fatalf("%d configurations in the README", len(blocks))
	}
	schema := configSchema(t)
	for _, b := range blocks {
		var doc any
		if err := yaml.Unmarshal(b[1], &doc); err != nil {
			t.Errorf("%s\n%v", b[1], err)
			continue
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s\n%v", b[1], err)
		}
	}
}

func configSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("tracecar.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("tracecar.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
