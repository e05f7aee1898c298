//go:build !light

package main

import (
	"bytes"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
	"tracecar/collector/policy"
	"tracecar/config"
	"tracecar/mcp"
	"tracecar/mcp/auth"
)

// elsewhere are the keys that do their work before or beside what wired holds,
// each with what observes it. One that ends in a dot stands for its section.
var elsewhere = map[string]string{
	"listen":                     "serve listens on it: testdata/script/watch.txtar",
	"auth.allow_insecure_bind":   "config: TestBad/listen_open",
	"auth.oauth.roles[].role":    "mcp/auth/oauth: the verifier has it, which shows nothing of itself",
	"auth.tokens[].token_file":   "config: TestToken",
	"auth.tokens[].token_env":    "config: TestToken",
	"probes[].script":            "config: Source, TestLoadEverything",
	"probes[].file":              "config: Source, TestWatchScriptFiles",
	"probes[].versions[].script": "config: Source, TestLoadEverything",
	"probes[].versions[].file":   "config: Source, TestLoadEverything",
}

// wired is all that a configuration is turned into. What it holds is handed
// over as it is.
type wired struct {
	Runner    collector.Options
	Scheduler collector.SchedulerOptions
	Probes    []collector.Probe
	Telemetry any
	Roles     map[string]policy.Role
	Default   string
	Hosts     [2][]string
	Routes    []mcp.Route
	Access    auth.Options
	Files     auth.Files
	Audit     any
	Hub       mcp.Hub
	Library   []mcp.LibraryScript
	Level     slog.Level
	JSON      bool   // the log
	Error     string // what is refused is looked at, too
}

func wire(t *testing.T, cfg *config.Config) *wired {
	t.Helper()
	w := &wired{Scheduler: schedulerOptions(cfg, nil), Telemetry: otlpConfig(cfg), Default: defaultRole(cfg), Roles: map[string]policy.Role{}}
	var err error
	if w.Runner, err = runnerOptions(cfg); err != nil {
		t.Fatal(err)
	}
	if w.Probes, err = scheduledProbes(cfg); err != nil {
		w.Error = err.Error()
	}
	of := roles(cfg)
	for _, name := range append(slices.Sorted(maps.Keys(cfg.Roles)), config.RoleCaller) {
		w.Roles[name] = of(collector.Script{Caller: collector.Caller{Role: name}})
	}
	d := &daemon{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	m := d.mcpConfig(mcp.Config{}, cfg)
	w.Hosts = [2][]string{m.AllowedHosts, m.AllowedOrigins}
	for _, r := range m.Routes {
		r.Handler = nil
		w.Routes = append(w.Routes, r)
	}
	// It was started with cfg already: there is nothing to ask of any issuer.
	if w.Access, _, err = d.access(cfg); err != nil {
		w.Error += err.Error()
	}
	w.Access.Refused, w.Access.Verifier, w.Files = nil, nil, tlsFiles(&cfg.Auth.TLS)
	w.Library = m.Library.Scripts()
	w.Audit, w.Hub = auditOptions(&cfg.Audit), hubOf(&cfg.Hub, "http://here")
	var b bytes.Buffer
	log, level := newLogger(&b, &cfg.Log)
	log.Error("x")
	w.Level, w.JSON = level.Level(), strings.HasPrefix(b.String(), "{")
	return w
}

// everything is a configuration with every key: a test of config sees to that.
func everything(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../config/testdata/good")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "everything.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	known := strings.NewReplacer("library: runqlat", "library: cpu-runqueue-latency", "library: new}", "library: block-latency}")
	writeFile(t, path, known.Replace(string(text)))
	writeFile(t, filepath.Join(dir, "scripts", "own.bt"), "// Title: Mine\n// Question: none\nBEGIN { exit(); }\n")
	return path
}

// TestEveryKeyIsWired changes one key after the other, and wants something
// that is handed to a package to be different then.
func TestEveryKeyIsWired(t *testing.T) {
	path := everything(t)
	load := func() *config.Config {
		cfg, err := config.Load(path, []string{"TOKEN_A=0123456789abcdef0123456789abcdef"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	seen := map[string]bool{} // key → something changed
	for _, vary := range []func(*config.Config){
		func(*config.Config) {},
		func(c *config.Config) { // what is told for one signal hides what is told for all
			c.OTLP.Protocol, c.OTLP.Logs.Enabled, c.OTLP.Traces.Endpoint = config.GRPC, true, ""
		},
	} {
		first := load()
		vary(first)
		base := wire(t, first)
		again := load()
		if vary(again); !reflect.DeepEqual(base, wire(t, again)) {
			t.Fatal("the same configuration is wired in two ways")
		}
		if base.Error != "" {
			t.Fatal(base.Error)
		}
		var spots []spot
		find(reflect.ValueOf(first).Elem(), "", nil, &spots)
		for _, p := range spots {
			if seen[p.key] {
				continue
			}
			cfg := load()
			vary(cfg)
			change(t, reflect.ValueOf(cfg).Elem(), p.way, p.enum)
			seen[p.key] = !reflect.DeepEqual(base, wire(t, cfg))
		}
	}
	if len(seen) < 145 {
		t.Errorf("only %d keys", len(seen))
	}
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		at := slices.IndexFunc(slices.Collect(maps.Keys(elsewhere)), func(k string) bool {
			return k == key || strings.HasSuffix(k, ".") && strings.HasPrefix(key, k)
		})
		switch {
		case !seen[key] && at < 0:
			t.Errorf("%s does nothing: nothing that is handed over differs", key)
		case seen[key] && elsewhere[key] != "":
			t.Errorf("%s is wired: it needs no other observer", key)
		}
	}
}

// spot is where one value stands in a configuration.
type spot struct {
	key  string // of its kind: probes[].restart.min, roles{}.max_runs
	way  []step
	enum []string
}

// step leads from a value to one in it.
type step struct {
	field, index int
	name         string // of a map's entry
}

func find(v reflect.Value, key string, way []step, out *[]spot) {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		name := sf.Tag.Get("koanf")
		if name == "" || name == "-" {
			continue
		}
		k := strings.TrimPrefix(key+"."+name, ".")
		to := append(slices.Clone(way), step{field: i, index: -1})
		f := v.Field(i)
		section := func(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != reflect.TypeFor[config.Output]() }
		switch {
		case section(f.Type()):
			find(f, k, to, out)
		case f.Kind() == reflect.Slice && section(f.Type().Elem()):
			for j := range f.Len() {
				find(f.Index(j), k+"[]", append(slices.Clone(to), step{field: -1, index: j}), out)
			}
		case f.Kind() == reflect.Map && section(f.Type().Elem()):
			for _, name := range f.MapKeys() {
				find(f.MapIndex(name), k+"{}", append(slices.Clone(to), step{field: -1, index: -1, name: name.String()}), out)
			}
		default:
			p := spot{key: k, way: to}
			if e := sf.Tag.Get("enum"); e != "" {
				p.enum = strings.Split(e, ",")
			}
			*out = append(*out, p)
		}
	}
}

// change gives the value at the end of way another one.
func change(t *testing.T, v reflect.Value, way []step, enum []string) {
	t.Helper()
	if len(way) == 0 {
		other(t, v, enum)
		return
	}
	switch s := way[0]; {
	case s.field >= 0:
		change(t, v.Field(s.field), way[1:], enum)
	case s.index >= 0:
		change(t, v.Index(s.index), way[1:], enum)
	default:
		entry := reflect.New(v.Type().Elem()).Elem()
		entry.Set(v.MapIndex(reflect.ValueOf(s.name)))
		change(t, entry, way[1:], enum)
		v.SetMapIndex(reflect.ValueOf(s.name), entry)
	}
}

func other(t *testing.T, v reflect.Value, enum []string) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *config.Output:
		*x = config.Output{Index: x.Index + 1}
		return
	case *time.Duration:
		*x += time.Second
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Pointer:
		to := reflect.New(v.Type().Elem())
		to.Elem().SetBool(v.IsNil() || !v.Elem().Bool())
		v.Set(to)
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint64:
		v.SetUint(v.Uint() + 1<<20)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.String:
		to := v.String() + "x"
		for _, word := range enum {
			if word != "" && word != v.String() {
				to = word
			}
		}
		v.SetString(to)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		if v.Len() > 1 { // one that was there goes, too
			v.Set(v.Slice(1, v.Len()))
		}
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		m.SetMapIndex(reflect.ValueOf("x"), reflect.ValueOf("y").Convert(v.Type().Elem()))
		v.Set(m)
	default:
		t.Fatalf("cannot change a %v", v.Type())
	}
}
