package policy_test

import (
	"context"
	"os"
	"testing"

	"tracecar/collector/executor"
	"tracecar/collector/executor/executortest"
	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// TestLive uses what a runner would: this kernel's events, and bpftrace's own
// search for what a wildcard matches.
func TestLive(t *testing.T) {
	const tracing = "/sys/kernel/tracing"
	p := executortest.Newest(t)
	if _, err := os.Stat(tracing + "/events/sched"); err != nil {
		t.Skipf("skip: tracefs is not mounted at %s", tracing)
	}
	bt, err := executor.Find(t.Context(), executor.Config{Path: p.Path})
	if err != nil {
		t.Fatal(err)
	}
	expand := func(ctx context.Context, pattern string) (int, error) {
		points, err := bt.List(ctx, pattern, false)
		return len(points), err
	}
	req := policy.Request{Fields: policy.EventFields(os.DirFS(tracing)), Args: []string{"sched_*"}}
	for src, want := range map[string]string{
		"tracepoint:irq:irq_handler_entry { @[str(args.name)] = count(); }":           "",
		"tracepoint:sched:sched_switch { @[args.next_comm[0]] = count(); }":           "",
		"tracepoint:syscalls:sys_enter_openat { @[str(args.filename)] = count(); }":   "",
		"tracepoint:syscalls:sys_enter_unlink* { @[str(args.pathname)] = count(); }":  "",
		"tracepoint:syscalls:sys_enter_*at { @[str(args.pathname)] = count(); }":      "user_memory",
		"tracepoint:syscalls:sys_enter_openat { @[str(args.dfd)] = count(); }":        "user_memory",
		"tracepoint:sched:nosuch_event { @[str(args.name)] = count(); }":              "user_memory",
		"tracepoint:../../../etc:passwd { @[str(args.name)] = count(); }":             "user_memory",
		"tracepoint:sched:sched_w* { @[probe] = count(); }":                           "",
		"tracepoint:sched:$1 { @[probe] = count(); }":                                 "",
		"tracepoint:syscalls:* { @[probe] = count(); }":                               "attach_point",
		"tracepoint:*:* { @[probe] = count(); }":                                      "attach_point",
		"tracepoint:syscalls:sys_enter_[a-z]* { @[probe] = count(); } END { exit() }": "attach_point",
	} {
		d := policy.Check(t.Context(), policy.Caller(), script.Parse(src), req, expand)
		if got := rulesOf(d); got != want {
			t.Errorf("%s: %q, want %q: %v", src, got, want, d.Violations)
		}
		if d.Allowed && d.AttachPoints < 1 {
			t.Errorf("%s: %d attach points", src, d.AttachPoints)
		}
	}
}
