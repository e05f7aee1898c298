package kernelmap

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/parser/script"
)

var requires = regexp.MustCompile(`(?m)^// Requires: (.*)$`)

// TestLiveLibraryAgreesWithJSON compares the maps of the library's scripts, as
// the kernel held them in the end, with what bpftrace printed. What they see is
// what this host does meanwhile: most of them see something.
func TestLiveLibraryAgreesWithJSON(t *testing.T) {
	if os.Getenv("TRACECAR_REQUIRE_REAL") == "" {
		t.Skip("skip: it takes a minute: make real runs it")
	}
	files, err := filepath.Glob("../../examples/library/*.bt")
	if err != nil || len(files) == 0 {
		t.Fatal("no library", err)
	}
	for version, path := range bpftraces(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			done := make(chan struct{})
			defer close(done)
			load(done)
			rows, maps := 0, 0
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".bt"), func(t *testing.T) {
					source, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					parsed := script.Parse(string(source))
					if !onTracepoints(string(source)) || len(parsed.Maps) == 0 {
						return
					}
					stop := make(chan struct{})
					h, wait := start(t, path, string(source), stop)
					// While it compiles, LLVM handles the signal, and ends it; maps are made later.
					until(t, "bpftrace ends at a signal", func() bool { return len(h.Names()) > 0 && catches(h.proc, unix.SIGINT) })
					someRows(h)
					close(stop)
					r := wait()
					tables, err := Decode(r.raws, parsed, version)
					if err != nil {
						t.Fatal(err)
					}
					printed := states(t, version, r.json)
					tables.Maps = slices.DeleteFunc(tables.Maps, func(m Table) bool { // its last print may be the script's
						return strings.Contains(string(source), "print("+m.Name)
					})
					maps += len(tables.Maps)
					rows += sameRows(t, version, tables, printed)
				})
			}
			if maps < len(files)/2 || rows < 2*maps {
				t.Errorf("%d rows of %d maps were compared: too few to mean anything", rows, maps)
			}
			t.Logf("%d rows of %d maps", rows, maps)
		})
	}
}

// catches tells whether a process has a handler for a signal.
func catches(p process, sig unix.Signal) bool {
	status, err := os.ReadFile(p.dir + "/status")
	if err != nil {
		return true // it has ended
	}
	_, rest, _ := strings.Cut(string(status), "SigCgt:")
	var mask uint64
	_, err = fmt.Sscanf(rest, "%x", &mask)
	return err == nil && mask&(1<<(sig-1)) != 0
}

// onTracepoints tells whether a script needs no kprobes, uprobes or iterators,
// which a kernel may lack, and no newer one.
func onTracepoints(source string) bool {
	needs := requires.FindStringSubmatch(source)
	if needs == nil {
		return true
	}
	for _, n := range strings.Split(needs[1], ", ") {
		switch n {
		case "tracepoints", "BTF", "software", "profile":
		default:
			return false
		}
	}
	return true
}

// someRows waits until a script's maps have some entries, or long enough: what
// it waits for may not happen here.
func someRows(h *Holder) {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		raws, err := h.Dump(context.Background(), 0)
		n := 0
		for _, r := range raws {
			n += r.Count
		}
		if err != nil || n >= 20 {
			return
		}
	}
}
