package examples

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tracecar/collector"
)

// quiet names the maps and events that this test cannot make happen, with the
// reason: they may stay empty, the script must run all the same.
var quiet = map[string]string{
	"block-errors @errors":              "a disk that fails cannot be had on demand",
	"mem-reclaim @stall_us":             needsMemoryCgroup,
	"mem-reclaim @stalled_us":           needsMemoryCgroup,
	"mem-oom-kills @kills":              needsMemoryCgroup,
	"mem-oom-kills printf":              needsMemoryCgroup,
	"lock-kernel-contention @wait_us":   "two CPUs may happen not to meet",
	"lock-kernel-contention @waited_ns": "two CPUs may happen not to meet",
	"cpu-hardirq-time @duration_us":     "a virtual machine's disks and network may use no such interrupts",
	"cpu-hardirq-time @time_ns":         "a virtual machine's disks and network may use no such interrupts",
}

// sees names what the load certainly does, as it stands in the Result's JSON.
var sees = map[string][]string{
	"block-access-pattern":  {`"sequential"]`, `"random"]`},
	"cpu-context-switches":  {`"voluntary"]`, `"involuntary"]`},
	"cpu-softirq-time":      {`["timer"]`, `["rcu"]`},
	"dns-connections":       {`"127.0.0.1"]`},
	"dns-lookups":           {`"host":"localhost"`, `"host":"no-such-host.invalid"`},
	"file-fsync-latency":    {`"fsync"]`, `"fdatasync"]`},
	"file-io-latency":       {`["read"]`, `["write"]`},
	"file-slow-io":          {`"op":"write"`},
	"net-device-traffic":    {`["lo"]`},
	"proc-crashes":          {`["sh",11]`, `"signal":11`},
	"proc-execs":            {`exit 3`},
	"proc-exits":            {`["bash",3,0]`, `["sh",0,9]`},
	"proc-signals":          {`["sh","sh",9]`},
	"proc-threads":          {`"thread"]`, `"process"]`},
	"tcp-accepts":           {`[18053,"127.0.0.1"]`},
	"tcp-connect-latency":   {`[18053]`},
	"tcp-connects":          {`"127.0.0.1",18053]`},
	"tcp-lifetimes":         {`[18053,0]`},
	"tcp-retransmits":       {`,2]`},
	"tcp-states":            {`[7,2]`, `[2,1]`, `[3,1]`},
	"user-function-callers": {`"getent"]`},
	"user-function-latency": {`["getent"]`},
}

// chosen are parameters for scripts whose defaults wait for rare things, or
// look at processes with many symbols: 0.17 reads those for seconds at its end.
var chosen = map[string][]string{
	"file-slow-io": {"1"}, "syscall-slow": {"1"},
	"cpu-profile-user": {strconv.Itoa(os.Getpid())}, "mem-fault-stacks": {strconv.Itoa(os.Getpid())},
}

// TestScriptsRun runs every script on the live kernel, under a load that
// gives it something to report: with every bpftrace that TRACECAR_BPFTRACE
// names, or else with the newest one.
func TestScriptsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("skip: -short")
	}
	list, all := bpftraces(t)
	if !all {
		list = newest(list)
	}
	load := startLoad(t)
	each := func(Script, bpftrace) bool { return true }
	everyVersion(t, list, each, func(t *testing.T, s Script, bt bpftrace, r *collector.Runner) {
		if why := impossible(s); why != "" {
			t.Skip(why)
		}
		// Most scripts see the load at once; some events come once a second.
		args := chosen[s.Name]
		if args == nil {
			args = exampleArgs(t, s)
		}
		var missing []string
		for _, d := range []time.Duration{time.Second, 3 * time.Second, 8 * time.Second} {
			res := r.Run(t.Context(), collector.Script{Source: s.Source, Name: s.Name, Args: args, Timeout: d})
			if slices.Contains(s.Requires, "iter") && mentions(res.Diagnostics, "No matches for iter", "not available for your kernel") {
				t.Skip("skip: bpftrace " + bt.version + " finds no iterators on this kernel")
			}
			if !checkRun(t, s, res, d) {
				return
			}
			if missing = nothingIn(s, res, load); len(missing) == 0 {
				return
			}
		}
		t.Errorf("reported nothing of %s", strings.Join(missing, ", "))
	})
}

// checkRun checks what must hold of every Result.
func checkRun(t *testing.T, s Script, res *collector.Result, d time.Duration) bool {
	want := collector.StatusTimedOut
	if s.Mode.Kind == "once" {
		want = collector.StatusCompleted
	}
	if res.Status != want {
		t.Errorf("status %s, want %s", res.Status, want)
		for _, d := range res.Diagnostics {
			t.Errorf("line %d: %s: %s", d.Line, d.Severity, d.Message)
		}
		return false
	}
	checkWarnings(t, slices.DeleteFunc(slices.Clone(res.Diagnostics), busyMachine))
	for _, m := range res.Maps {
		if slices.Contains(s.Scratch, m.Name) {
			t.Errorf("%s is scratch, and was not cleared: %d rows", m.Name, len(m.Rows))
			continue
		}
		checkMap(t, s, m)
	}
	// 100 a second and a second's burst: a library script prints no floods.
	if most := 200 * (int(d/time.Second) + 3); len(res.Events) > most {
		t.Errorf("%d events in %v", len(res.Events), d)
	}
	return true
}

// busyMachine reports a diagnostic that other work on this machine can cause:
// a map keyed by path or stack is full; two stacks have one hash (0.17).
func busyMachine(d collector.Diagnostic) bool {
	return strings.Contains(d.Message, "map_update_elem failed") || strings.Contains(d.Message, " is full: ") || strings.Contains(d.Message, "failed to look up stack id")
}

func checkMap(t *testing.T, s Script, m collector.Map) {
	at := slices.IndexFunc(s.Maps, func(d MapDoc) bool { return d.Name == m.Name })
	if at < 0 {
		t.Errorf("%s is not described", m.Name)
		return
	}
	d := s.Maps[at]
	var names []string
	for _, k := range d.Keys {
		names = append(names, k.Name)
	}
	if m.Kind != d.Kind || !slices.Equal(m.Keys, names) {
		t.Errorf("%s: %s%q, described as %s%q", m.Name, m.Kind, m.Keys, d.Kind, names)
	}
	ambiguous := 0
	for _, row := range m.Rows {
		if row.Ambiguous {
			ambiguous++
		} else if len(row.Key) != len(d.Keys) {
			t.Errorf("%s: key %v of %d parts", m.Name, row.Key, len(row.Key))
		}
	}
	if ambiguous > 0 {
		t.Logf("%s: %d of %d keys are ambiguous", m.Name, ambiguous, len(m.Rows))
	}
}

// nothingIn lists the maps and event types with nothing in them, and what
// the script should have seen and did not.
func nothingIn(s Script, res *collector.Result, l *workload) (missing []string) {
	for _, d := range s.Maps {
		if !slices.ContainsFunc(res.Maps, func(m collector.Map) bool { return m.Name == d.Name && len(m.Rows) > 0 }) {
			missing = append(missing, d.Name)
		}
	}
	for _, e := range s.Events {
		if !slices.ContainsFunc(res.Events, func(have collector.Event) bool { return have.Type == e.Type }) {
			missing = append(missing, e.Type)
		}
	}
	text, err := json.Marshal(res)
	for _, want := range sees[s.Name] {
		if err != nil || !strings.Contains(string(text), want) {
			missing = append(missing, want)
		}
	}
	return slices.DeleteFunc(missing, func(name string) bool {
		why := quiet[s.Name+" "+name]
		return why != "" && (why != needsMemoryCgroup || !l.memoryCgroup)
	})
}
