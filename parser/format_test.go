package parser

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each case is one statement about what bpftrace prints; the inputs are its
// real output or, for versions that are not at hand, its source's.
func TestFormat(t *testing.T) {
	const (
		oldHead = `{"type": "attached_probes", "data": {"probes": 1}}` + "\n"
		newHead = `{"type": "attached_probes", "count": 1, "data": {"probes": 1}}` + "\n"
		escape  = `{"type": "printf", "data": "\u0001"}` + "\n"
	)
	tests := []struct {
		name, version, in, want string
		skip                    int // records before those that are compared
	}{
		// Framing
		{name: "blank lines are counted, not records", in: "\n\n" + `{"type": "map", "data": {"@m": 1}}` + "\n",
			want: "3@2 map @m keyed=false cut=false 1\n    int 1\n"},
		{name: "no newline at the end", in: `{"type": "time", "data": "12:00:01\n"}`, want: "1@0 time \"12:00:01\\n\"\n"},
		{name: "torn text", in: `{"type": "printf", "data": "ab`,
			want: `1@0 malformed "{\"type\": \"printf\", \"data\": \"ab" problem="the line ends in the middle"` + "\n"},
		{name: "carriage return", in: "{\"type\": \"cat\", \"data\": \"x\"}\r\n", want: "1@0 cat \"x\"\n"},
		{name: "not JSON", in: "No probes to attach\n",
			want: `1@0 malformed "No probes to attach" problem="not one of bpftrace's messages"` + "\n"},
		{name: "text before a message", in: `partial{"type": "printf", "data": "after\n"}` + "\n",
			want: `1@0 malformed "partial" problem="not one of bpftrace's messages"` + "\n1@7 printf \"after\\n\"\n"},
		{name: "JSON before a message", in: `{"a": 1}{"type": "cat", "data": ""}` + "\n",
			want: `1@0 malformed "{\"a\": 1}" problem="not one of bpftrace's messages"` + "\n1@8 cat \"\"\n"},
		{name: "a message inside a string is text", in: `{"type": "printf", "data": "{\"type\": \"printf\", \"data\": \"x\"}"}` + "\n",
			want: `1@0 printf "{\"type\": \"printf\", \"data\": \"x\"}"` + "\n"},
		{name: "text after a message", version: "0.27.1", in: `{"type": "printf", "data": "a"}b` + "\n",
			want: `1@0 malformed "{\"type\": \"printf\", \"data\": \"a\"}b" problem="text after the message"` + "\n"},
		{name: "raw high bytes", in: "{\"type\": \"printf\", \"data\": \"caf\xc3\xa9 \xff\"}\n",
			want: "1@0 printf {\"text\":\"café \\ufffd\",\"base64\":\"Y2Fmw6kg/w==\"}\n"},

		// Message types
		{name: "attached", in: oldHead, want: "1@0 attached_probes 1\n"},
		{name: "attached, 0.24", in: newHead, want: "1@0 attached_probes 1\n"},
		{name: "attached, count alone", in: `{"type":"attached_probes", "count":3}` + "\n", want: "1@0 attached_probes 3\n"},
		{name: "lost", in: `{"type": "lost_events", "data": {"events": 6}}` + "\n", want: "1@0 lost_events 6\n"},
		{name: "lost, 0.24", in: `{"type": "lost_events", "count": 620, "data": {"events": 620}}` + "\n", want: "1@0 lost_events 620\n"},
		{name: "join, syscall", in: `{"type": "join", "data": "a|b"}` + "\n" + `{"type": "syscall", "data": ""}` + "\n",
			want: "1@0 join \"a|b\"\n2@32 syscall \"\"\n"},
		{name: "helper_error, 0.17", in: `{"type": "helper_error", "helper": "map_update_elem", "retcode": -7, "line": 1, "col": 36}` + "\n",
			want: "1@0 helper_error problem=\"\" helper=map_update_elem retcode=-7 at=:1:36\n"},
		{name: "helper_error, 0.20", in: `{"type": "helper_error", "msg": "Map full", "helper": "map_update_elem", "retcode": -7, "line": 1, "col": 29}` + "\n",
			want: "1@0 helper_error problem=\"Map full\" helper=map_update_elem retcode=-7 at=:1:29\n"},
		{name: "runtime_error", in: `{"type": "runtime_error", "msg": "Divide", "filename": "a.bt", "line": 1, "col": 57}` + "\n",
			want: "1@0 runtime_error problem=\"Divide\" at=a.bt:1:57\n"},
		{name: "errorf, warnf", in: `{"type": "errorf", "msg": "bad \"x\"\n", "filename": "a.bt", "line": 2, "col": 3}` + "\n" +
			`{"type": "warnf", "msg": "", "filename": "a.bt", "line": 2, "col": 36}` + "\n",
			want: "1@0 errorf problem=\"bad \\\"x\\\"\\n\" at=a.bt:2:3\n2@82 warnf problem=\"\" at=a.bt:2:36\n"},
		{name: "test_result", in: `{"type": "test_result", "data": {"ok": {"duration": 7045, "passed": true, "output": "in"}}}` + "\n",
			want: `1@0 test_result object {"ok":{"duration":7045,"passed":true,"output":"in"}}` + "\n"},
		{name: "benchmark_results, 0.24", in: `{"type": "benchmark_results", "data": {"b": 14}}` + "\n",
			want: `1@0 benchmark_result object {"b":14}` + "\n"},
		{name: "later type", in: `{"type": "print_error", "msg": "x"}` + "\n",
			want: `1@0 unknown "{\"type\": \"print_error\", \"msg\": \"x\"}" problem="a type of message this version of tracecar does not know"` + "\n"},
		{name: "later member", in: `{"type": "printf", "ns": [1], "data": "a", "cpu": {"n": 1}}` + "\n", want: "1@0 printf \"a\"\n"},
		{name: "wrong data", in: `{"type": "printf", "data": 5}` + "\n",
			want: `1@0 unknown "{\"type\": \"printf\", \"data\": 5}" problem="a string is missing"` + "\n"},
		{name: "no data", in: `{"type": "map"}` + "\n", want: `1@0 unknown "{\"type\": \"map\"}" problem="data is missing"` + "\n"},

		// Values
		{name: "64 bits", in: `{"type": "value", "data": [18446744073709551615,9223372036854775807,-9223372036854775808,9007199254740993]}` + "\n",
			want: `1@0 value array ["18446744073709551615","9223372036854775807","-9223372036854775808","9007199254740993"]` + "\n"},
		{name: "beyond 64 bits", in: `{"type": "map", "data": {"@m": {"a": 18446744073709551616, "b": -9223372036854775809}}}` + "\n",
			want: "1@0 map @m keyed=true cut=false 2\n    \"a\" = text \"18446744073709551616\"\n    \"b\" = text \"-9223372036854775809\"\n"},
		{name: "digit strings stay text", version: "0.27.1", in: `{"type": "value", "data": "9007199254740993"}` + "\n",
			want: "1@0 value text \"9007199254740993\"\n"},
		{name: "digit strings of an aggregation are numbers", version: "0.27.1", in: `{"type": "stats", "data": {"@s": {"count": 1, "average": "9007199254740993", "total": "-9223372036854775807"}}}` + "\n" +
			`{"type": "stats", "data": {"@a": "9007199254740993"}}` + "\n" +
			`{"type": "hist", "data": {"@h": [{"min": 9007199254740992, "max": "18014398509481983", "count": 1}]}}` + "\n",
			want: "1@0 stats @s keyed=false cut=false 1\n    stats {\"count\":1,\"average\":\"9007199254740993\",\"total\":\"-9223372036854775807\"}\n" +
				"2@112 stats @a keyed=false cut=false 1\n    int \"9007199254740993\"\n" +
				"3@166 hist @h keyed=false cut=false 1\n    buckets [{\"min\":\"9007199254740992\",\"max\":\"18014398509481983\",\"count\":1}]\n"},
		{name: "bool, null, float", in: `{"type": "value", "data": [true,false,null,1.5,2e3]}` + "\n", want: "1@0 value array [true,false,null,1.5,2000]\n"},
		{name: "struct, 0.23", in: `{"type": "map", "data": {"@s": { "x": 5, "in": { "y": -6 } }}}` + "\n",
			want: "1@0 map @s keyed=false cut=false 1\n    object {\"x\":5,\"in\":{\"y\":-6}}\n"},
		{name: "stack", in: `{"type": "value", "data": "\n        a+1\n        b+2\n"}` + "\n",
			want: `1@0 value text "\n        a+1\n        b+2\n"` + "\n"},
		{name: "lhist, open on both sides", in: `{"type": "hist", "data": {"@l": {"k": [{"max": -1, "count": 1}, {"min": 100, "count": 2}]}}}` + "\n",
			want: "1@0 hist @l keyed=true cut=false 1\n    \"k\" = buckets [{\"max\":-1,\"count\":1},{\"min\":100,\"count\":2}]\n"},
		{name: "hist without a count", in: `{"type": "hist", "data": {"@h": []}}` + "\n", want: "1@0 hist @h keyed=false cut=false 1\n    buckets []\n"},
		{name: "0.17's last bucket", version: "0.17.0", in: `{"type": "hist", "data": {"@b": [{"min": 1073741824, "max": 2147483647, "count": 1}, {"min": -2147483648, "max": 0, "count": 2}]}}` + "\n",
			want: "1@0 hist @b keyed=false cut=false 1\n    buckets [{\"min\":1073741824,\"max\":2147483647,\"count\":1},{\"min\":2147483648,\"count\":2}]" +
				" problem=\"" + noteOld31 + "\"\n"},
		{name: "stats without a value, 0.27", in: `{"type": "stats", "data": {"@a": {}}}` + "\n", want: "1@0 stats @a keyed=false cut=false 0\n"},
		{name: "avg with keys of stats", in: `{"type": "stats", "data": {"@a": {"count": 1, "x": 2}}}` + "\n",
			want: "1@0 stats @a keyed=true cut=false 2\n    \"count\" = int 1\n    \"x\" = int 2\n"},
		{name: "tseries", in: `{"type": "tseries", "data": {"@a": [{"interval_start":"2026-11-22 06:40:51.200000000","value":-5}]}}` + "\n",
			want: "1@0 tseries @a keyed=false cut=false 1\n    points [{\"time\":\"2026-11-22T06:40:51.2Z\",\"value\":-5}]\n"},
		{name: "tseries, 0.24.0", in: `{"type": "tseries", "data": {"@a": [{"interval_start":2026-11-22 06:40:51.000000001,"value":5}]}}` + "\n",
			want: "1@0 tseries @a keyed=false cut=false 1\n    points [{\"time\":\"2026-11-22T06:40:51.000000001Z\",\"value\":5}]\n"},

		// Escapes
		{name: "every escape", in: `{"type": "printf", "data": "\"\\\/\b\f\n\r\t\u0001\u007f\u00e9\u4e16\ud83d\udc1d"}` + "\n",
			want: `1@0 printf "\"\\/\u0008\u000c\n\r\t\u0001\u007fé世🐝"` + "\n"},
		{name: "bytes", in: `{"type": "printf", "data": "caf\uffffffc3\uffffffa9 \uffffff80"}` + "\n",
			want: `1@0 printf {"text":"café \ufffd","base64":"Y2Fmw6kggA=="}` + "\n"},
		{name: "not a byte escape", in: `{"type": "printf", "data": "\uffff\uffffff41\uffffffg0\ud800"}` + "\n",
			want: "1@0 printf \"\uffff\uffffff41\uffffffg0\ufffd\"\n"},
		{name: "bad escape", version: "0.27.1", in: `{"type": "printf", "data": "a\qb"}` + "\n",
			want: `1@0 malformed "{\"type\": \"printf\", \"data\": \"a\\qb\"}" problem="a bad escape in a string"` + "\n"},

		// Hexadecimal counts
		{name: "hex count", version: "0.27.1", skip: 1, in: escape + `{"type": "hist", "data": {"@h": [{"min": 10, "max": 11, "count": c}, {"min": 12, "count": 1e6}]}}` + "\n",
			want: "2@37 hist @h keyed=false cut=false 1\n    buckets [{\"min\":10,\"max\":11,\"count\":12},{\"min\":12,\"count\":486}]\n"},
		{name: "hex on the line of the escape", version: "0.24.1", in: `{"type": "hist", "data": {"@h": {"a": [{"max": -1, "count": 10}], "\uffffffe9": [{"max": -1, "count": 10}]}}}` + "\n",
			want: "1@0 hist @h keyed=true cut=false 2\n    \"a\" = buckets [{\"max\":-1,\"count\":10}]\n    {\"text\":\"\\ufffd\",\"base64\":\"6Q==\"} = buckets [{\"max\":-1,\"count\":16}]\n"},
		{name: "hex lost events", version: "0.27.0", skip: 1, in: escape + `{"type": "lost_events", "count": 431c, "data": {"events": 431c}}` + "\n", want: "2@37 lost_events 17180\n"},
		{name: "hex tseries", version: "0.27.1", skip: 1, in: escape + `{"type": "tseries", "data": {"@a": [{"interval_start":"2026-11-22 08:42:46.000000000","value":3e8}]}}` + "\n",
			want: "2@37 tseries @a keyed=false cut=false 1\n    points [{\"time\":\"2026-11-22T08:42:46Z\",\"value\":1000}]\n"},
		{name: "hex tseries below zero", version: "0.27.1", skip: 1, in: escape + `{"type": "tseries", "data": {"@b": [{"interval_start":"2026-11-22 08:42:46.000000000","value":fffffffffffffffb}]}}` + "\n",
			want: "2@37 tseries @b keyed=false cut=false 1\n    points [{\"time\":\"2026-11-22T08:42:46Z\",\"value\":-5}] problem=\"" + noteSign + "\"\n"},
		{name: "only those are hex", version: "0.27.1", skip: 1, in: escape + `{"type": "map", "data": {"@m": {"a": 10}}}` + "\n" + `{"type": "stats", "data": {"@s": {"count": 10, "average": 10, "total": 10}}}` + "\n" + `{"type": "value", "data": 10}` + "\n",
			want: "2@37 map @m keyed=true cut=false 1\n    \"a\" = int 10\n3@80 stats @s keyed=false cut=false 1\n    stats {\"count\":10,\"average\":10,\"total\":10}\n4@157 value int 10\n"},
		{name: "an escaped backslash is no escape", version: "0.27.1", skip: 1, in: `{"type": "printf", "data": "\\u0001"}` + "\n" + `{"type": "lost_events", "count": 10}` + "\n", want: "2@38 lost_events 10\n"},
		{name: "no hex before 0.24", version: "0.23.2", skip: 1, in: escape + `{"type": "lost_events", "data": {"events": 10}}` + "\n", want: "2@37 lost_events 10\n"},
		{name: "no version, old stream", skip: 2, in: oldHead + escape + `{"type": "lost_events", "data": {"events": 10}}` + "\n", want: "3@88 lost_events 10\n"},
		{name: "no version, new stream", skip: 2, in: newHead + escape + `{"type": "lost_events", "count": 10}` + "\n", want: "3@100 lost_events 16 problem=\"" + strings.ReplaceAll(noteHex, `\`, `\\`) + "\"\n"},
		{name: "no version, no sign", skip: 1, in: escape + `{"type": "lost_events", "data": {"events": 10}}` + "\n" + `{"type": "lost_events", "data": {"events": 9}}` + "\n",
			want: "2@37 lost_events 10 problem=\"" + strings.ReplaceAll(noteDecimal, `\`, `\\`) + "\"\n3@85 lost_events 9\n"},
		{name: "letters are proof", version: "0.28.0", skip: 1, in: `{"type": "lost_events", "count": 1f}` + "\n" + `{"type": "lost_events", "count": 10}` + "\n", want: "2@37 lost_events 16\n"},
		{name: "after 0.27.1", version: "0.27.2", skip: 1, in: escape + `{"type": "lost_events", "count": 7}` + "\n" + `{"type": "lost_events", "count": 10}` + "\n",
			want: "2@37 lost_events 7\n3@73 lost_events 10 problem=\"" + strings.ReplaceAll(noteDecimal, `\`, `\\`) + "\"\n"},
		{name: "an escape in a line that is dropped", version: "0.27.1", skip: 1, in: `{"type": "printf", "data": "\u0001` + "\n" + `{"type": "lost_events", "count": 10}` + "\n", want: "2@35 lost_events 16\n"},

		// Values without quotes
		{name: "macaddr", version: "0.23.2", in: `{"type": "map", "data": {"@m": {"1": 61:62:63:64:65:66, "2": 6, "3": 61:62:63:64:65:67}}}` + "\n",
			want: "1@0 map @m keyed=true cut=false 3\n    \"1\" = text \"61:62:63:64:65:66\"\n    \"2\" = int 6\n    \"3\" = text \"61:62:63:64:65:67\"\n"},
		{name: "strerror", version: "0.17.0", in: `{"type": "map", "data": {"@e": {"1": Operation not permitted, "2": No such file or directory}}}` + "\n",
			want: "1@0 map @e keyed=true cut=false 2\n    \"1\" = text \"Operation not permitted\"\n    \"2\" = text \"No such file or directory\"\n"},
		{name: "strftime", version: "0.17.0", in: `{"type": "value", "data": 06}` + "\n" + `{"type": "map", "data": {"@t": 12:30, 5}}` + "\n",
			want: "1@0 value text \"06\"\n2@30 map @t keyed=false cut=false 1\n    text \"12:30, 5\"\n"},
		{name: "strftime over lines", version: "0.17.0", in: `{"type": "value", "data": a` + "\n\nb}}\n" + `{"type": "map", "data": {"@t": x` + "\ny}}\n" + `{"type": "cat", "data": ""}` + "\n",
			want: "1@0 value text \"a\\n\\nb}\" problem=\"" + noteBare + "\"\n4@33 map @t keyed=false cut=false 1\n    text \"x\\ny\" problem=\"" + noteBare + "\"\n6@70 cat \"\"\n"},
		{name: "torn, not over lines", version: "0.17.0", in: `{"type": "value", "data": 20` + "\n" + `{"type": "cat", "data": "}"}` + "\n",
			want: `1@0 malformed "{\"type\": \"value\", \"data\": 20" problem="the line ends in the middle"` + "\n2@29 cat \"}\"\n"},
		{name: "tuple with one", version: "0.17.0", in: `{"type": "value", "data": [1,a:/b]}` + "\n", want: "1@0 value text \"[1,a:/b]\" problem=\"" + noteBare + "\"\n"},
		{name: "only macaddr in 0.23", version: "0.23.2", in: `{"type": "value", "data": 12x}` + "\n" + `{"type": "map", "data": {"@m": {"a": 1, "b": 2x}}}` + "\n",
			want: `1@0 malformed "{\"type\": \"value\", \"data\": 12x}" problem="unexpected 'x'"` + "\n" +
				"2@31 map @m keyed=true cut=true 1\n    \"a\" = int 1 problem=\"text after the value\"\n"},
		{name: "not from 0.24 on", version: "0.27.1", in: `{"type": "value", "data": 06}` + "\n",
			want: `1@0 malformed "{\"type\": \"value\", \"data\": 06}" problem="not a number"` + "\n"},
		{name: "cgroup key aborts", version: "0.23.2", in: `{"type": "map", "data": {"@ck": {`,
			want: "1@0 map @ck keyed=true cut=true 0 problem=\"the line ends in the middle\"\n"},

		// Keys
		{name: "duplicate keys, in order", in: `{"type": "map", "data": {"@two": {"a,b,c": 2, "a,b,c": 1, "": 3}}}` + "\n",
			want: "1@0 map @two keyed=true cut=false 3\n    \"a,b,c\" = int 2\n    \"a,b,c\" = int 1\n    \"\" = int 3\n"},
		{name: "escaped twice", version: "0.22.0", in: `{"type": "map", "data": {"@m": {"q\\\"uote": 1, "back\\\\slash": 2, "nl\\n": 3, "caf\\uffffffc3\\uffffffa9": 4, "\\u0001": 5}}}` + "\n",
			want: "1@0 map @m keyed=true cut=false 5\n    \"q\\\"uote\" = int 1\n    \"back\\\\slash\" = int 2\n    \"nl\\n\" = int 3\n    \"café\" = int 4\n    \"\\u0001\" = int 5\n"},
		{name: "nested tuple, 0.23", version: "0.23.2", in: `{"type": "map", "data": {"@m": {"q\\\"t,[\"q\\\"x\",\"nl\\nz\\\\w\"]": 1}}}` + "\n",
			want: "1@0 map @m keyed=true cut=false 1\n    \"q\\\"t,[\\\"q\\\\\\\"x\\\",\\\"nl\\\\nz\\\\\\\\w\\\"]\" = int 1\n"},
		{name: "escaped twice, version unknown", in: `{"type": "map", "data": {"@m": {"nl\\n": 3}}}` + "\n",
			want: "1@0 map @m keyed=true cut=false 1\n    \"nl\\\\n\" = int 3\n"},
		{name: "torn map", version: "0.27.1", in: `{"type": "map", "data": {"@m": {"a": 1, "b": 22`,
			want: "1@0 map @m keyed=true cut=true 1\n    \"a\" = int 1 problem=\"the line ends in the middle\"\n"},
		{name: "map that goes wrong", version: "0.27.1", in: `{"type": "hist", "data": {"@m": {"a": [{"min": 1, "max": 1, "count": 1}], "b": [{"min": x}]}}}` + "\n",
			want: "1@0 hist @m keyed=true cut=true 1\n    \"a\" = buckets [{\"min\":1,\"max\":1,\"count\":1}] problem=\"not a number\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var opts []Option
			if tt.version != "" {
				opts = append(opts, WithVersion(tt.version))
			}
			r := NewReader(strings.NewReader(tt.in), opts...)
			var got []byte
			for n := 0; r.Scan(); n++ {
				if n >= tt.skip {
					got = dump(got, r.Record())
				}
			}
			if d := cmp.Diff(tt.want, string(got)); d != "" {
				t.Error(d)
			}
		})
	}
}
