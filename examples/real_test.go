package examples

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tracecar/collector"
	"tracecar/collector/executor/executortest"
)

func TestMain(m *testing.M) {
	if os.Getenv(eaterEnv) != "" {
		eatMemory()
	}
	goleak.VerifyTestMain(m)
}

// bpftrace is one program to test with.
type bpftrace struct{ path, version string }

// bpftraces lists what TRACECAR_BPFTRACE names, or else what is installed,
// oldest first. all says that every one of them is to be tested in full.
func bpftraces(t *testing.T) (list []bpftrace, all bool) {
	t.Helper()
	for _, p := range executortest.Programs(t) {
		list = append(list, bpftrace{p.Path, p.Version})
	}
	all = os.Getenv("TRACECAR_BPFTRACE") != ""
	slices.SortFunc(list, func(a, b bpftrace) int {
		x, _ := parseVersion(a.version)
		y, _ := parseVersion(b.version)
		return cmp.Or(cmp.Compare(x.major, y.major), cmp.Compare(x.minor, y.minor))
	})
	if _, err := os.Stat("/sys/kernel/tracing/events"); err != nil {
		t.Skip("skip: tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing")
	}
	return list, all
}

func newRunner(t *testing.T, path string) *collector.Runner {
	r := collector.NewRunner(collector.Options{Bpftrace: path})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("closing the runner: %v", err)
		}
	})
	return r
}

// impossible says why this host cannot run a script, "" if it can.
func impossible(s Script) string {
	if _, err := os.Stat("/sys/kernel/tracing/kprobe_events"); slices.Contains(s.Requires, "kprobes") && err != nil {
		return "skip: this kernel has no kprobes"
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); slices.Contains(s.Requires, "BTF") && err != nil {
		return "skip: this kernel has no BTF"
	}
	return ""
}

// exampleArgs are the defaults, and examples where there is none.
func exampleArgs(t *testing.T, s Script) []string {
	var given []string
	for _, p := range s.Params {
		given = append(given, cmp.Or(p.Default, p.Example))
	}
	args, err := s.Args(given)
	if err != nil {
		t.Fatal(err)
	}
	return args
}

// turns bounds how many bpftrace work at once: each takes a CPU to start.
var turns = make(chan struct{}, 3)

func turn(t *testing.T) {
	t.Helper()
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
}

// everyVersion runs f once for each wanted script and program, three at a
// time; a program older than a script wants is left out.
func everyVersion(t *testing.T, list []bpftrace, wanted func(s Script, bt bpftrace) bool, f func(t *testing.T, s Script, bt bpftrace, r *collector.Runner)) {
	for _, bt := range list {
		r := newRunner(t, bt.path)
		for _, base := range List() {
			s, _ := Get(base.Name, bt.version)
			if !s.RunsOn(bt.version) || !wanted(s, bt) {
				continue
			}
			t.Run(s.Name+"/"+bt.version, func(t *testing.T) {
				t.Parallel()
				turn(t)
				f(t, s, bt, r)
			})
		}
	}
}

// eachLive runs a script with every bpftrace: during happens while it is
// attached, and check gets what it saw.
func eachLive(t *testing.T, name string, during func(), check func(t *testing.T, res *collector.Result)) {
	t.Helper()
	list, _ := bpftraces(t)
	for _, bt := range list {
		t.Run(bt.version, func(t *testing.T) {
			s, ok := Get(name, bt.version)
			if !ok {
				t.Fatal("no such script")
			}
			run := newRunner(t, bt.path).Begin(t.Context(), collector.Script{Source: s.Source})
			select {
			case <-run.Attached():
			case <-run.Done():
			}
			during()
			run.Stop()
			<-run.Done()
			res, _ := run.Result(0)
			check(t, res)
		})
	}
}

func newest(list []bpftrace) []bpftrace { return list[len(list)-1:] }

// TestScriptsAreValid has every installed bpftrace check every script that
// TestScriptsRun does not run with it.
func TestScriptsAreValid(t *testing.T) {
	list, all := bpftraces(t)
	notRun := func(s Script, bt bpftrace) bool {
		return !all && bt != newest(list)[0] || testing.Short() || impossible(s) != ""
	}
	everyVersion(t, list, notRun, func(t *testing.T, s Script, bt bpftrace, r *collector.Runner) {
		v := r.Validate(t.Context(), collector.Script{Source: s.Source, Args: exampleArgs(t, s)})
		if v.Valid {
			checkWarnings(t, v.Diagnostics)
			return
		}
		if why := impossible(s); why != "" {
			t.Skip(why)
		}
		if slices.Contains(s.Requires, "iter") && mentions(v.Diagnostics, "No matches for iter", "not available for your kernel") {
			t.Skip("skip: bpftrace " + bt.version + " finds no iterators on this kernel")
		}
		for _, d := range v.Diagnostics {
			t.Errorf("line %d: %s: %s", d.Line, d.Severity, d.Message)
		}
	})
}

// accepted are warnings that cannot be written around in one text for all
// versions, and are no noise elsewhere.
var accepted = []string{"expanded from", "is not traceable"}

func checkWarnings(t *testing.T, list []collector.Diagnostic) {
	t.Helper()
	for _, d := range list {
		if !d.Noise && d.Severity != "note" && !slices.ContainsFunc(accepted, func(a string) bool { return strings.Contains(d.Message, a) }) {
			t.Errorf("line %d: %s: %s", d.Line, d.Severity, d.Message)
		}
	}
}

func mentions(list []collector.Diagnostic, texts ...string) bool {
	return slices.ContainsFunc(list, func(d collector.Diagnostic) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(d.Message, text) })
	})
}
