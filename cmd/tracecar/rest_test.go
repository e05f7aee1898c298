//go:build !light

package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMappingsOf: only what comes from the program's file, cannot be written to
// and has not been changed is given up.
func TestMappingsOf(t *testing.T) {
	const smaps = `00400000-00ef5000 r-xp 00000000 fe:00 10740393                           /a b/tracecar
Size:              11220 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00ef5000-01b00000 r--p 00af5000 fe:00 10740393                           /a b/tracecar
Rss:                  12 kB
Anonymous:             4 kB
01b00000-01b97000 rw-p 01700000 fe:00 10740393                           /a b/tracecar
Anonymous:             0 kB
01b97000-01bd3000 rw-p 00000000 00:00 0
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 fe:00 10740394                   /a b/tracecar.so
Anonymous:             0 kB
7f0000002000-7f0000003000 r--p 00002000 fe:00 10740393                   /a b/tracecar
AnonHugePages:         8 kB
Anonymous:             0 kB
`
	got := mappingsOf([]byte(smaps), "/a b/tracecar")
	want := []mapping{{0x400000, 0xef5000}, {0x7f0000002000, 0x7f0000003000}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); diff != "" {
		t.Error(diff)
	}
}

// TestDropProgram: the program goes on without the pages that it gave up.
func TestDropProgram(t *testing.T) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Skip("skip: no /proc")
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	if len(mappingsOf(smaps, program)) == 0 {
		t.Error("the program's own code is not found")
	}
	for range 3 {
		dropProgram()
		TestMappingsOf(t)
	}
}
