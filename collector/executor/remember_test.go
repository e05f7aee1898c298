package executor

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// rememberHere keeps versions in a directory of the test's.
func rememberHere(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "versions")
	old := rememberedIn
	rememberedIn = func() string { return file }
	t.Cleanup(func() { rememberedIn = old })
	return file
}

// forget makes this process know no program, as a new one.
func forget() {
	programs.Lock()
	clear(programs.byPath)
	programs.Unlock()
}

func TestVersionIsRememberedAcrossProcesses(t *testing.T) {
	rememberHere(t)
	path := wrapper(t, t.TempDir(), "fake:good")
	ctx := testContext(t, time.Minute)
	if _, err := Find(ctx, Config{Path: path}); err != nil {
		t.Fatal(err)
	}
	forget()
	id, lasting := fingerprintOf(t, path)
	if v, ok := recall(id); !ok || !lasting || v.String() != "0.23.2" {
		t.Errorf("remembered %v, %v, lasting %v", v, ok, lasting)
	}
	remember(id, Version{Major: 0, Minor: 99}) // a lie, to see whether it is believed
	if bt, err := Find(ctx, Config{Path: path}); err != nil || bt.Version().Minor != 99 {
		t.Errorf("%v: the version was asked again", err)
	}
	// The script changes: what is remembered is not of it.
	text, _ := os.ReadFile(path)
	if err := os.WriteFile(path, append(text, "# changed\n"...), 0o755); err != nil {
		t.Fatal(err)
	}
	if bt, err := Find(ctx, Config{Path: path}); err != nil || bt.Version().Minor != 23 {
		t.Errorf("%v, %v after a change", bt.Version(), err)
	}
}

func fingerprintOf(t *testing.T, path string) (string, bool) {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fingerprint(path, fi)
}

func TestFingerprint(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	elf := write("elf", "\x7fELF...")
	byPath := write("by-path", "#!/bin/sh\nexec '"+elf+"' \"$@\"\n")
	byName := write("by-name", "#!/nowhere/sh\nexec bpftrace \"$@\"\n")
	for path, want := range map[string]bool{elf: true, byPath: true, byName: false} {
		if _, lasting := fingerprintOf(t, path); lasting != want {
			t.Errorf("%s: lasting %v", path, lasting)
		}
	}
	before, _ := fingerprintOf(t, byPath)
	write("elf", "\x7fELF and more")
	if after, _ := fingerprintOf(t, byPath); after == before {
		t.Error("a change of the program behind the script does not show")
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	file := rememberHere(t)
	for i := range 3 * maxRemembered {
		remember("/bin/b"+itoa(i)+" 1 2", Version{Minor: i})
	}
	if n := len(rememberedLines()); n != maxRemembered {
		t.Errorf("%d remembered", n)
	}
	if v, ok := recall("/bin/b" + itoa(3*maxRemembered-1) + " 1 2"); !ok || v.Minor != 3*maxRemembered-1 {
		t.Errorf("the newest is %v, %v", v, ok)
	}
	if err := os.WriteFile(file, []byte("junk\n\x00\t\t\n0.1.2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := recall("/bin/b1 1 2"); ok {
		t.Error("junk was recalled")
	}
}

func TestParseVersion(t *testing.T) {
	for in, want := range map[string]string{
		"bpftrace v0.17.0": "0.17.0", "bpftrace v0.23.2\n": "0.23.2", "v0.27.1": "0.27.1", "0.9": "0.9.0",
		"bpftrace v0.24.0-rc1-12-gabc": "0.24.0-rc1-12-gabc", "noise\nbpftrace v0.21.3\n": "0.21.3",
		"": "", "rm v9.1": "", "v1": "", "bpftrace v0.99999999999.1": "",
	} {
		v, err := ParseVersion(in)
		if got := map[bool]string{true: v.String()}[err == nil]; got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	v := Version{Minor: 22}
	if !v.AtLeast(0, 22) || v.AtLeast(0, 23) || v.AtLeast(1, 0) || !(Version{Major: 1}).AtLeast(0, 99) {
		t.Error("AtLeast")
	}
}
