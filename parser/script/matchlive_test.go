package script

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestMatchLive lets every bpftrace print and takes apart what it printed.
func TestMatchLive(t *testing.T) {
	tests := []struct {
		call string
		want []Argument
	}{
		{`printf("a %s|%d|%u\n", comm, -1, 3)`, []Argument{str("comm", ""), inexact(num("arg1", "-1", -1)), inexact(unsigned(num("arg2", "3", 3)))}},
		{`printf("b %lld %llu %llx\n", -9223372036854775807, 9223372036854775807, 255)`, []Argument{
			num("arg0", "-9223372036854775807", -9223372036854775807), unsigned(num("arg1", "9223372036854775807", 9223372036854775807)), unsigned(num("arg2", "ff", 255))}},
		{`printf("c [%5d][%-5d][%05d]\n", 42, 42, 42)`, []Argument{inexact(num("arg0", "42", 42)), inexact(num("arg1", "42", 42)), inexact(num("arg2", "00042", 42))}},
		{`printf("d [%10s][%-10s][%s]\n", "right", "left", "naïve x")`, []Argument{str("arg0", "right"), str("arg1", "left"), str("arg2", "naïve x")}},
		{`printf("e %hd %hhx %X\n", 70000, 300, 255)`, []Argument{inexact(num("arg0", "4464", 4464)), inexact(unsigned(num("arg1", "2c", 44))), inexact(unsigned(num("arg2", "FF", 255)))}},
		{`printf("f %c%% %p %20p|\n", 65, 4096, 0)`, []Argument{str("arg0", "A"), unsigned(num("arg1", "0x1000", 4096)), unsigned(num("arg2", "*", 0))}},
		{`printf("g %-05d|\n", 3)`, []Argument{{Name: "arg0", Text: "*", Inexact: true}}},
		{`printf("h %dms %dus%d\n", 1, 2, 3)`, []Argument{inexact(num("arg0", "1", 1)), inexact(num("arg1", "2", 2)), inexact(num("arg2", "3", 3))}},
		{`printf("i %d\n", 5000000000)`, []Argument{inexact(num("arg0", "705032704", 705032704))}},
		{`printf("j %s %d\n", str($1), 7)`, []Argument{str("arg0", "two words"), inexact(num("arg1", "7", 7))}},
	}
	var src strings.Builder
	src.WriteString("BEGIN { ")
	for _, tt := range tests {
		src.WriteString(tt.call + "; ")
	}
	src.WriteString("exit(); }\n")
	s := Parse(src.String())
	for _, bpftrace := range bpftraces(t) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, bpftrace, "-q", "-", "two words")
		cmd.Stdin = strings.NewReader(src.String())
		cmd.Env = []string{"PATH=/usr/bin:/bin"}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", bpftrace, err, stderr.String())
		}
		printed := strings.SplitAfter(strings.TrimSpace(string(out))+"\n", "\n")
		if len(printed) < len(tests) {
			t.Fatalf("%s printed %q", bpftrace, out)
		}
		for i, tt := range tests {
			o, got, ok := MatchOutputs(s.Outputs, printed[i])
			if !ok || o != &s.Outputs[i] {
				t.Errorf("%s: %s: %q is not taken apart", bpftrace, tt.call, printed[i])
				continue
			}
			want := append([]Argument(nil), tt.want...)
			for j := range want { // what differs by version or host
				if want[j].Text == "*" || want[j].Name == "comm" {
					want[j].Text, want[j].Int = got[j].Text, got[j].Int
				}
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Argument{}, "Type")); diff != "" {
				t.Errorf("%s: %s printed %q (-want +got):\n%s", bpftrace, tt.call, printed[i], diff)
			}
		}
	}
}
