package backend

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Tracecar is `tracecar serve` as its users start it.
type Tracecar struct {
	// URL is http://127.0.0.1:PORT.
	URL string
	*Process

	tb     testing.TB
	config string
	head   string
}

// NewTracecar starts it with a configuration in YAML, to which the address and
// the path of bpftrace are added, and waits until it is ready.
func NewTracecar(tb testing.TB, bpftrace Bpftrace, config string) *Tracecar {
	tb.Helper()
	address := freeAddress(tb)
	t := &Tracecar{
		URL: "http://" + address, tb: tb, config: filepath.Join(tb.TempDir(), "tracecar.yaml"),
		head: fmt.Sprintf("listen: %q\nbpftrace: {path: %q}\n", address, bpftrace.Path),
	}
	t.Configure(config)
	cmd := exec.Command(Program(tb, "tracecar"), "serve", "--config", t.config)
	for _, v := range os.Environ() {
		// What the tests of one machine see must not depend on its settings.
		if !strings.HasPrefix(v, "OTEL_") && !strings.HasPrefix(v, "TRACECAR_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	t.Process = launch(tb, "tracecar", cmd)
	listening(tb, t.Process, address)
	Until(tb, "tracecar is ready", func() error {
		_, err := t.Get("/readyz")
		return err
	})
	return t
}

// Configure replaces the configuration file in one step, as editors do.
func (t *Tracecar) Configure(config string) {
	t.tb.Helper()
	next := t.config + ".new"
	if err := os.WriteFile(next, []byte(t.head+config), 0o644); err != nil {
		t.tb.Fatal(err)
	}
	if err := os.Rename(next, t.config); err != nil {
		t.tb.Fatal(err)
	}
}

// Get reads one of its pages; anything but 200 is an error.
func (t *Tracecar) Get(path string) (string, error) {
	resp, err := http.Get(t.URL + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, resp.Status, b)
	}
	return string(b), err
}

// Children are the processes it has started and that have not ended: each
// live run's bpftrace is among them.
func (t *Tracecar) Children() []int {
	t.tb.Helper()
	var out []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", t.PID()))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // that thread has ended
		}
		for _, word := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				t.tb.Fatal(err)
			}
			out = append(out, pid)
		}
	}
	return out
}
