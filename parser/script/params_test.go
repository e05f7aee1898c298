package script

import "testing"

// What bpftrace 0.17 to 0.27 puts in: parameters anywhere but in quotes.
func TestParams(t *testing.T) {
	for source, want := range map[string]int{
		"BEGIN { exit(); }":                                     0,
		"BEGIN { printf(\"$3 %d\", $1); }":                      1,
		"interval:ms:$1 { exit(); }":                            1,
		"interval:ms:1, tracepoint:$3:sched_$2 { exit(); }":     3,
		"tracepoint:sched:sched_$2 /pid == $4/ { exit(); }":     4,
		"tracepoint:\"sched:$2\" { exit(); }":                   0,
		"uprobe:/bin/sh:\"a$2\",interval:s:$1 { exit(); }":      1,
		"interval:s:$x { exit(); }":                             0,
		"interval:s:$12 { print($#); }":                         12,
		"interval:s:1 // $4\n{ exit(); }":                       0,
		"#define N $5\ninterval:s:1 { printf(\"%d\", N); }":     5,
		"profile:hz:$2 /$1 == 0 || pid == $1/ { @ = count(); }": 2,
	} {
		if got := Parse(source).Params; got != want {
			t.Errorf("%s: %d, want %d", source, got, want)
		}
	}
}
