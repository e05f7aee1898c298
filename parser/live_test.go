package parser

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tracecar/collector/executor/executortest"
)

// bpftraces lists the programs to test against.
func bpftraces(t *testing.T) (paths []string) {
	t.Helper()
	for _, p := range executortest.Programs(t) {
		paths = append(paths, p.Path)
	}
	return paths
}

// output runs a command that ends by itself; the deadline guards against one
// that hangs.
func output(t *testing.T, path string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stderr = &stderr
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, &stderr)
	}
	return out
}

// One script, run by each version, must give the values that it computes,
// although every version prints them differently.
func TestLive(t *testing.T) {
	const script = `BEGIN {
	@before = hist(5);
	printf("caf\xc3\xa9 \x01 \"q\" \\ \xff\n");
	unroll(19) { @lin = lhist(37, 0, 100, 10); @h["a"] = hist(-5); @h["a"] = hist(0); @h["a"] = hist(1000); }
	@big = (uint64)18446744073709551615;
	@k["nl\nq\"\\\xc3\xa9\xff", -7] = 9007199254740993;
	@st["x"] = stats(-9007199254740993);
	@av = avg(-3);
	print((1, "a,b", -9007199254740993));
	exit();
}`
	want := []string{
		`printf {"text":"café \u0001 \"q\" \\ \ufffd\n","base64":"Y2Fmw6kgASAicSIgXCD/Cg=="}`,
		`value [1,"a,b","-9007199254740993"]`,
		`@av[] -3`,
		`@before[] [{"min":4,"max":7,"count":1}]`,
		`@big[] "18446744073709551615"`,
		`@h["a"] [{"max":-1,"count":19},{"min":0,"max":0,"count":19},{"min":1,"max":1,"count":0},{"min":2,"max":3,"count":0},` +
			`{"min":4,"max":7,"count":0},{"min":8,"max":15,"count":0},{"min":16,"max":31,"count":0},{"min":32,"max":63,"count":0},` +
			`{"min":64,"max":127,"count":0},{"min":128,"max":255,"count":0},{"min":256,"max":511,"count":0},{"min":512,"max":1023,"count":19}]`,
		`@k[{"text":"nl\nq\"\\é\ufffd,-7","base64":"bmwKcSJcw6n/LC03"}] "9007199254740993"`,
		`@lin[] [{"min":30,"max":39,"count":19}]`,
		`@st["x"] {"count":1,"average":"-9007199254740993","total":"-9007199254740993"}`,
	}
	for _, path := range bpftraces(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			version := string(output(t, path, "--version"))
			r := NewReader(bytes.NewReader(output(t, path, "-f", "json", "-e", script)), WithVersion(version))
			var got []string
			for r.Scan() {
				switch rec := r.Record(); rec.Type {
				case TypePrintf:
					got = append(got, "printf "+Text(rec.Text).String())
				case TypeValue:
					got = append(got, "value "+rec.Value.String())
				case TypeMap, TypeHist, TypeStats:
					if rec.Problem != nil || rec.Map.Cut {
						t.Errorf("%s", dump(nil, rec))
					}
					for _, row := range rec.Map.Rows {
						key := ""
						if rec.Map.Keyed {
							key = Text(row.Key).String()
						}
						got = append(got, rec.Map.Name+"["+key+"] "+row.Value.String())
					}
				case TypeAttachedProbes:
				default:
					t.Errorf("%s", dump(nil, rec))
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
