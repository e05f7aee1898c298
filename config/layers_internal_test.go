package config

import (
	"reflect"
	"strings"
	"testing"
)

// A flag may hold the Go value of any key that can be set: set to its default,
// nothing changes.
func TestFlagsOfEveryType(t *testing.T) {
	flags := map[string]any{}
	defaults := toMap(reflect.ValueOf(*Default()))
	for key := range settable() {
		var v any = defaults
		for part := range strings.SplitSeq(key, ".") {
			if m, ok := v.(map[string]any); ok {
				v = m[part]
			}
		}
		if v != nil {
			flags[key] = v
		}
	}
	for _, key := range []string{"listen", "limits.queue", "limits.queue_wait", "limits.max_output", "guard.cpu_percent", "otlp.logs.enabled"} {
		if flags[key] == nil {
			t.Errorf("%s is not among the flags", key)
		}
	}
	flags["library.dirs"], flags["otlp.headers"] = []string{}, map[string]string{}
	c, err := Load("", nil, flags)
	if err != nil {
		t.Fatal(err)
	}
	if changes := Diff(Default(), c); !changes.Empty() {
		t.Errorf("%+v", changes)
	}
}

// Every key that can be set has a variable of its own.
func TestEnvNamesAreUnique(t *testing.T) {
	names := map[string]string{}
	for key := range settable() {
		if other, twice := names[EnvName(key)]; twice {
			t.Errorf("%s is %s and %s", EnvName(key), key, other)
		}
		names[EnvName(key)] = key
	}
	if len(names) < 50 {
		t.Errorf("%d keys", len(names))
	}
}
