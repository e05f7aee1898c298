package kernelmap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tracecar/collector/executor/executortest"
	"tracecar/parser"
)

// run is one finished run of bpftrace: its maps by kernel and by JSON.
type run struct {
	raws   []Raw
	json   []byte
	stderr string
}

// bpftraces returns the bpftrace programs to test, by version.
func bpftraces(t testing.TB) map[string]string {
	t.Helper()
	programs := executortest.Programs(t)
	if _, err := nextID(0); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Skip("skip: the kernel does not let us list its maps: ", err)
	}
	found := map[string]string{}
	for _, p := range programs {
		found[p.Version] = p.Path
	}
	return found
}

// start starts bpftrace with script and a Holder on it.
func start(t testing.TB, path, script string, stop <-chan struct{}, args ...string) (h *Holder, wait func() run) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"-f", "json", "-o", "/dev/fd/3", "-"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.ExtraFiles = strings.NewReader(script), io.Discard, []*os.File{w}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h = Hold(context.Background(), cmd.Process.Pid)
	w.Close()
	ended := make(chan struct{})
	go func() { // a hang guard, and the way to end an endless script
		select {
		case <-ended:
			return
		case <-stop:
			_ = cmd.Process.Signal(os.Interrupt)
		case <-time.After(time.Minute):
		}
		for range 6 {
			select {
			case <-ended:
				return
			case <-time.After(10 * time.Second):
				// 0.17 loses a signal that comes while it attaches its probes.
				_ = cmd.Process.Signal(unix.SIGTERM)
			}
		}
		_ = cmd.Process.Kill()
	}()
	return h, func() run {
		t.Helper()
		out, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		werr := cmd.Wait()
		close(ended)
		raws, err := h.Dump(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if werr != nil {
			t.Fatalf("%s: %v\n%s", path, werr, stderr.String())
		}
		return run{raws: raws, json: out, stderr: stderr.String()}
	}
}

// states returns the last state of each map that bpftrace printed.
func states(t testing.TB, version string, json []byte) map[string]*parser.MapState {
	t.Helper()
	last := map[string]*parser.MapState{}
	in := parser.NewReader(bytes.NewReader(json), parser.WithVersion(version))
	for in.Scan() {
		if rec := in.Record(); rec.Map != nil {
			last[rec.Map.Name] = rec.Map
		} else if rec.Type == parser.TypeMalformed || rec.Type == parser.TypeUnknown {
			t.Errorf("line %d: %s", rec.Line, rec.Text)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return last
}

// testCase is one script of testdata/cases.
type testCase struct {
	name, script string
	versions     *regexp.Regexp // nil: all
}

func (c testCase) runs(version string) bool {
	return c.versions == nil || c.versions.MatchString(version)
}

func testCases(t testing.TB) []testCase {
	t.Helper()
	files, err := filepath.Glob("testdata/cases/*.bt")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	var all []testCase
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		c := testCase{name: strings.TrimSuffix(filepath.Base(f), ".bt"), script: string(b)}
		first, _, _ := strings.Cut(c.script, "\n")
		if list, ok := strings.CutPrefix(first, "// versions: "); ok {
			c.versions = regexp.MustCompile(`^(` + strings.ReplaceAll(regexp.QuoteMeta(list), " ", "|") + `)\.`)
		}
		all = append(all, c)
	}
	return all
}
