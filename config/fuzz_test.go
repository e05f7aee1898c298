package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tracecar/config"
)

// FuzzLoad wants of any file a Config that holds, or errors with positions.
func FuzzLoad(f *testing.F) {
	seeds := 0
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
			seeds++
		}
	}
	if committed, err := filepath.Glob("testdata/fuzz/FuzzLoad/*"); err != nil || len(committed) == 0 || seeds == 0 {
		f.Fatalf("no seeds: %d, %v", seeds, err)
	}
	path := filepath.Join(f.TempDir(), "tracecar.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, testEnv, nil)
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Errorf("loaded, and not valid: %v", err)
			}
			if changes := config.Diff(c, c); !changes.Empty() {
				t.Errorf("differs from itself: %+v", changes)
			}
			return
		}
		errs, ok := errors.AsType[config.Errors](err)
		if !ok || len(errs) == 0 || c != nil {
			t.Fatalf("%T: %v", err, err)
		}
		for _, e := range errs {
			if e.File == "" || e.Message == "" {
				t.Errorf("without a place or a message: %#v", e)
			}
		}
	})
}
