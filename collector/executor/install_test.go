package executor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestInstallHelper(t *testing.T) {
	h := setUpSudo(t, false) // for a directory of root's
	program := h.dir + "/program"
	path, err := InstallHelper(program, h.dir)
	if err != nil || path != HelperPath(h.dir) || untrusted(path) != "" {
		t.Fatalf("%s, %v", path, err)
	}
	if found, err := InstalledHelper("/nonexistent", h.dir); found != path || err != nil {
		t.Errorf("%s, %v", found, err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	mended := map[string]func() error{
		"another program": func() error { return os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755) },
		"one byte less":   func() error { return os.Truncate(path, before.Size()-1) },
		"another's":       func() error { return os.Chown(path, int(h.uid), 0) },
		"set-user-id":     func() error { return os.Chmod(path, 0o755|os.ModeSetuid) },
		"for all":         func() error { return os.Chmod(path, 0o777) },
		"not executable":  func() error { return os.Chmod(path, 0o644) },
		"a link":          func() error { return errors.Join(os.Remove(path), os.Symlink(program, path)) },
		"gone":            func() error { return os.Remove(path) },
	}
	for name, spoil := range mended {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := InstallHelper(program, h.dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		fi, err := os.Lstat(path)
		if err != nil || fi.Mode() != 0o755 || fi.Size() != before.Size() || untrusted(path) != "" {
			t.Errorf("%s: %+v, %v", name, fi, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Dir(path) + "/.*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := InstallHelper(h.dir+"/none", h.dir); err == nil {
		t.Error("a program that is not there was installed")
	}
	if err := os.WriteFile(filepath.Dir(path)+"/other", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := UninstallHelper(h.dir); err != nil || exists(path) || !exists(filepath.Dir(path)) {
		t.Errorf("%v", err)
	}
	if found, err := InstalledHelper(h.dir); found != "" || err != nil {
		t.Errorf("%s, %v", found, err)
	}
}

func TestCheckSudoers(t *testing.T) {
	ctx := testContext(t, time.Minute)
	err := CheckSudoers(ctx, SudoersLine("alice", []string{"/usr/local/libexec/tracecar/tracecar", "root-helper"}))
	if errors.Is(err, ErrNoVisudo) {
		t.Skip("skip: no visudo here")
	}
	if err != nil {
		t.Error(err)
	}
	if err := CheckSudoers(ctx, "alice ALL=(root NOPASSWD: x"); err == nil || !strings.Contains(err.Error(), "syntax error") {
		t.Error(err)
	}
}
