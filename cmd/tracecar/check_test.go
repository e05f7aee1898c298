//go:build !light

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"tracecar/collector/executor/executortest"
	"tracecar/config"
)

// TestCheckNamesThePlace: whatever is wrong with a probe, the file, the line
// and the key are named.
func TestCheckNamesThePlace(t *testing.T) {
	p := executortest.Newest(t)
	for _, test := range []struct {
		probe string // from line 2 on
		want  []string
	}{
		{`{name: x, script: 'BEGIN { @a[pid] = count(); }', metrics: {"@a": {decode: {pid: usrname}}}}`,
			[]string{`c.yaml:2:86: probes[0].metrics["@a"].decode.pid: there is no decoder "usrname"`}},
		{`{name: x, script: 'BEGIN { @a[pid] = count(); }', metrics: {"@b": {unit: us}}}`,
			[]string{`c.yaml:2:65: probes[0].metrics["@b"]: the script has no map @b`}},
		{`{name: x, script: 'BEGIN { printf("%d", 1); }', spans: [{printf: 2, name: y, start: 1, end: 2}]}`,
			[]string{`c.yaml:2:70: probes[0].spans[0].printf: the script has no printf number 2`}},
		{`{name: x, script: 'BEGIN { @a = count(); @b = count(); }', metrics: {"@b": {name: x.a}}}`,
			[]string{`c.yaml:2:74: probes[0].metrics["@b"]: @a and @b would both be the metric x.a`}},
		{`{name: x, script: 'BEGIN { @a = hist(1); @b = count(); }', metrics: {"@a": {sum: "@b"}}}`,
			[]string{`c.yaml:2:86: probes[0].metrics["@a"].sum: @b is a count(), and no sum()`, "@b → counter x.b"}},
		{`{name: x, script: 'BEGIN { @a = hist(1); }', metrics: {"@a": {type: counter}}}`,
			[]string{`c.yaml:2:73: probes[0].metrics["@a"].type: @a is a hist(): a histogram, and no counter`}},
		{`{name: x, library: block-latencey}`, []string{`c.yaml:2:24: probes[0].library: no script "block-latencey"`}},
		{`{name: x, library: block-latency, args: [1]}`, []string{`c.yaml:2:39: probes[0].args: block-latency takes 0 parameters`}},
		{`{name: x, versions: [{bpftrace: "<0.1", script: 'BEGIN {}'}]}`, []string{`c.yaml:2:5: probes[0]: none of its scripts`}},
		{"{name: x, script: 'BEGIN {\n\n @a = cuont(); }'}", []string{"in c.yaml:2:23: probes[0].script\n", "2:6: error: Unknown function"}},
		{`{name: x, versions: [{bpftrace: "<0.1", script: 'BEGIN {}'}, {bpftrace: ">0.1", script: 'BEGIN { foo(); }'}]}`,
			[]string{"in c.yaml:2:93: probes[0].versions[1].script\n", "error: Unknown function"}},
		{`{name: x, file: bad.bt}`, []string{"/bad.bt\n", "3:1: error: "}},
		{`{name: x, script: 'tracepoint:syscalls:sys_enter_opennat { }'}`, []string{"probes[0].script\n", "sys_enter_opennat", "did you mean"}},
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		writeFile(t, filepath.Join(dir, "c.yaml"), "probes:\n  - "+test.probe+"\n")
		writeFile(t, filepath.Join(dir, "bad.bt"), "BEGIN { }\nBEGIN\n")
		cfg, err := config.Load("c.yaml", []string{"TRACECAR_BPFTRACE_PATH=" + p.Path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err = check(t.Context(), &out, cfg); err == nil {
			t.Errorf("%s is good: %s", test.probe, &out)
			continue
		}
		said := out.String() + err.Error()
		for _, want := range test.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s\nwant %q in\n%s", test.probe, want, said)
			}
		}
	}
}

// TestServeWarns: what a script does not bear out is said at the start, and at
// each change.
func TestServeWarns(t *testing.T) {
	conf := func(m string) string {
		return `probes: [{name: x, script: 'interval:s:1 { @a = count(); }', metrics: {"` + m + `": {unit: us}}}]`
	}
	d := newTestDaemon(t, executortest.Newest(t), conf("@b"))
	if said := d.said.String(); !strings.Contains(said, "level=WARN") || !strings.Contains(said, "the script has no map @b") {
		t.Errorf("the log says %s", said)
	}
	writeFile(t, d.path, conf("@c"))
	waitFor(t, "the second warning", func() bool { return strings.Contains(d.said.String(), "the script has no map @c") })
}

// TestServeWarnsOfVariables: what OpenTelemetry's variables ask for and do not
// get is said at the start.
func TestServeWarnsOfVariables(t *testing.T) {
	d := newTestDaemon(t, executortest.Newest(t), "log: {level: warn}", "OTEL_BSP_MAX_QUEUE_SIZE=9", "OTEL_TRACES_SAMPLER=nonsense")
	said := d.said.String()
	for _, want := range []string{"$OTEL_BSP_MAX_QUEUE_SIZE: is not honoured", `$OTEL_TRACES_SAMPLER: \"nonsense\" is not known`} {
		if !strings.Contains(said, "level=WARN") || strings.Count(said, want) != 1 {
			t.Errorf("not once %s in %s", want, said)
		}
	}
}
