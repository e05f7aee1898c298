package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// source is what a Config was loaded from.
type source struct {
	path  string // of the file, absolute; "" without one
	shown string // as the caller named it
	env   []string
	flags map[string]any
	at    map[string]Position
	files map[string]seenFile // every file that was read, absolute
}

// Load builds a Config of, each over the one before: the defaults, the
// standard OTEL_* variables, the YAML file at path ("": none), the variables
// TRACECAR_<KEY> ("TRACECAR_LIMITS_MAX_RUNS" is limits.max_runs), and flags,
// which are keyed by path ("limits.max_runs") and hold values of the field's
// type or text to be read as such.
//
// Lists replace the one below; mappings (headers, attributes) are joined key
// by key. An empty variable counts as not set. Files that the configuration
// names (scripts, certificates, tokens) are read and checked; relative names
// start from the folder of the file, and from the working directory in
// variables and flags.
//
// An error is of type Errors: all that is wrong, each with its position. An
// empty file is a valid configuration.
func Load(path string, env []string, flags map[string]any) (*Config, error) {
	c, _, err := load(path, env, flags)
	return c, err
}

// load also returns the files it tried to read where it failed.
func load(path string, env []string, flags map[string]any) (*Config, map[string]seenFile, error) {
	files := newFileReader()
	src := source{shown: path, env: env, flags: flags, at: map[string]Position{}, files: files.seen}
	cwd, err := os.Getwd()
	if err != nil {
		return nil, files.seen, Errors{{Message: "the working directory is unknown", Err: err}}
	}
	var errs Errors
	file := map[string]any{}
	if path != "" {
		src.path = path
		if !filepath.IsAbs(path) {
			src.path = filepath.Join(cwd, path)
		}
		if file, errs = readFile(&src, files); file == nil {
			return nil, files.seen, errs.result()
		}
	}
	explicit, more := overlays(env, flags, cwd, src.at)
	errs = append(errs, more...)
	standard, more := openTelemetry(env, cwd, src.at)
	errs = append(errs, more...)

	c, err := merge(append([]map[string]any{toMap(reflect.ValueOf(*Default())), standard, file}, explicit...))
	if err != nil {
		return nil, files.seen, Errors{{Position: Position{File: path}, Message: err.Error(), Err: err}}
	}
	c.src = src
	rest := c.checkFiles(files)
	if err := c.Validate(); err != nil {
		invalid, _ := errors.AsType[Errors](err)
		rest = append(invalid, rest...)
	}
	errs = append(errs, independent(rest, errs)...)
	if err := errs.result(); err != nil {
		return nil, files.seen, err
	}
	return c, files.seen, nil
}

// independent leaves out what may be wrong only because something near it
// could not be read: a key of the same section, or one further in.
func independent(rest, unread Errors) Errors {
	return slices.DeleteFunc(rest, func(e *Error) bool {
		return slices.ContainsFunc(unread, func(u *Error) bool {
			section := u.Key[:max(strings.LastIndexAny(u.Key, ".["), 0)]
			return within(u.Key, e.Key) || section != "" && within(e.Key, section) || within(e.Key, u.Key) ||
				e.Key == "listen" && within(u.Key, "auth")
		})
	})
}

// within tells whether a key is another one or lies in it.
func within(key, section string) bool {
	rest, ok := strings.CutPrefix(key, section)
	return ok && (section == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// readFile decodes the YAML file; nil where nothing can be said of its values.
func readFile(src *source, files *fileReader) (map[string]any, Errors) {
	data, err := files.read(src.path, maxFile)
	if err != nil {
		e := fileError(err)
		e.Position = Position{File: src.shown}
		return nil, Errors{e}
	}
	node, e := parseYAML(src.shown, data)
	if e != nil {
		return nil, Errors{e}
	}
	d := decoder{
		at:   src.at,
		base: filepath.Dir(src.path),
		where: func(n *yaml.Node) Position {
			return Position{File: src.shown, Line: n.Line, Column: n.Column}
		},
	}
	layer := d.layer(node)
	if d.nodes > maxNodes {
		layer = nil // what was read of it so far means nothing
	}
	return layer, d.errs
}

// keySeparator is in no key, so that keys with dots in them stay whole.
const keySeparator = "\x00"

func merge(layers []map[string]any) (*Config, error) {
	k := koanf.New(keySeparator)
	for _, l := range layers {
		if err := k.Load(confmap.Provider(l, ""), nil); err != nil {
			return nil, err
		}
	}
	c := new(Config)
	// The values have the types of the fields by now: anything else is a bug.
	err := k.UnmarshalWithConf("", c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{ErrorUnused: true}})
	return c, err
}

// Path is the file the Config was loaded from, as Load was told.
func (c *Config) Path() string { return c.src.shown }

// At makes an Error about a key ("probes[0].script"), at the position where
// the key, or the section it is missing in, stands in the file.
func (c *Config) At(key, message, hint string) *Error {
	return &Error{Position: c.src.position(key), Key: key, Message: message, Hint: hint}
}

// explicit tells whether a key was given at all.
func (s *source) explicit(key string) bool {
	_, ok := s.at[key]
	return ok
}

func (s *source) position(key string) Position {
	for key != "" {
		if p, ok := s.at[key]; ok {
			return p
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return Position{File: s.shown}
}
