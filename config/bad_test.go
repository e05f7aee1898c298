package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tracecar/config"
)

var update = flag.Bool("update", false, "write the golden files")

var testEnv = []string{"TOKEN_A=0123456789abcdef0123456789abcdef", "TOKEN_SHORT=hunter2"}

// Each file in testdata/bad is wrong in ways that its .txt tells.
func TestBad(t *testing.T) {
	t.Chdir("testdata/bad")
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d fixtures: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			c, err := config.Load(file, testEnv, nil)
			if err == nil || c != nil {
				t.Fatalf("no error, %+v", c)
			}
			errs, ok := errors.AsType[config.Errors](err)
			if !ok {
				t.Fatalf("%T: %v", err, err)
			}
			for _, e := range errs {
				if e.File != file || e.Line < 1 {
					t.Errorf("without a position: %v", e)
				}
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", withoutFolder(t, err.Error())+"\n")
			for _, secret := range []string{"hunter2", "secret@", "0123456789abcdef"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows %q", secret)
				}
			}
		})
	}
}

// withoutFolder makes absolute names of files comparable.
func withoutFolder(t *testing.T, text string) string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, wd+"/", ""), wd, ".")
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it):\n%s", file, diff)
	}
}
