package e2e_test

import (
	"path/filepath"
	"testing"
)

// testdata is the absolute path of a file: configurations lie elsewhere.
func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
