package collector

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tracecar/collector/executor/executortest"
)

// sameScripts give the same canonical Result on every version. Left out is what
// the versions themselves compute differently: 0.17 starts max() at 0.
var sameScripts = map[string]string{
	"strings with spaces, commas, quotes, parentheses": `BEGIN {
		@["a b"] = 1; @["ab"] = 2; @["(x)"] = 3; @["x"] = 4; @["a,b"] = 5; @["q\"uote"] = 6;
		@[" lead"] = 7; @["trail "] = 8; @[""] = 9; @["back\\slash"] = 10; @["new\nline"] = 11; @["tab\t"] = 12; exit(); }`,
	"parts that join alike": `BEGIN {
		@two["a,b", "c"] = count(); @two["a", "b,c"] = count(); @two["a", "b,c"] = count();
		@three["x", 1, "y,2"] = sum(-7); @three["x,1", 1, "y"] = sum(7); exit(); }`,
	"bytes": `BEGIN { @["caf\xc3\xa9"] = 1; @["\xff\xfe"] = 2; @["\x01"] = 3; printf("caf\xc3\xa9 \xff\n"); exit(); }`,
	"keyed aggregations": `BEGIN {
		@hist["a b"] = hist(5); @hist["a b"] = hist(0); @hist["a b"] = hist(-3); @hist["ab"] = hist(1000000);
		@lhist["p q", 1] = lhist(37, 0, 100, 10); @lhist["p q", 1] = lhist(-1, 0, 100, 10); @lhist["p q", 1] = lhist(100, 0, 100, 10);
		@stats["u v"] = stats(7); @stats["u v"] = stats(-3); @stats["uv"] = stats(1);
		@avg["u v"] = avg(6); @avg["uv"] = avg(-2);
		@min["z z"] = min(-3); @max["z z"] = max(9); @max["zz"] = max(8); exit(); }`,
	"unkeyed": `BEGIN {
		@count = count(); @sum = sum(-5); @min = min(-3); @max = max(9); @avg = avg(7); @stats = stats(4);
		@hist = hist(100); @lhist = lhist(55, 0, 100, 10); @value = 42; @text = "some text"; exit(); }`,
	"all 64 bits": `BEGIN {
		@["max"] = (int64)9223372036854775807; @["min"] = (int64)-9223372036854775807; @["2^53+1"] = (int64)9007199254740993;
		@sum = sum(9007199254740993); @key[9223372036854775807] = 1; @key[-9007199254740993] = 2; exit(); }`,
	"integers":                       `BEGIN { @[1] = 1; @[-1] = 2; @[0] = 3; @pair[1, -2] = 4; @pair[-1, 2] = 5; exit(); }`,
	"printf fields":                  `BEGIN { printf("%d %s %x\n", 12, "a b", 255); printf("%s,%d\n", "x,y", -1); exit(); }`,
	"print values":                   `BEGIN { print(5); print("text"); print((1, "a", (2, "b c"))); exit(); }`,
	"exit runs END":                  `BEGIN { @a["k k"] = 1; exit(); } END { printf("end\n"); @a["late r"] = 2; }`,
	"cleared at the end":             `BEGIN { @gone["k k"] = 1; @kept["k k"] = 2; exit(); } END { clear(@gone); }`,
	"printed and cleared at the end": `BEGIN { @m[1] = 1; exit(); } END { print(@m); clear(@m); }`,
}

func TestSameResultOnEveryVersion(t *testing.T) {
	programs := executortest.Programs(t)
	if len(programs) < 2 {
		t.Skip("skip: only one version of bpftrace here, nothing to compare")
	}
	for name, source := range sameScripts {
		t.Run(name, func(t *testing.T) {
			var first any
			for i, p := range programs {
				src := source
				res := runReal(t, p, Script{Source: src + " interval:s:30 { exit(); }"})
				if res.Status != StatusCompleted || res.ExitCode != 0 {
					t.Fatalf("%s: %s", p.Version, asJSON(t, res))
				}
				for _, m := range res.Maps {
					for _, r := range m.Rows {
						if r.Ambiguous {
							t.Errorf("%s: %s: ambiguous key %v", p.Version, m.Name, asJSON(t, r))
						}
					}
				}
				c := canonical(t, res)
				if i == 0 {
					first = c
				} else if diff := cmp.Diff(first, c); diff != "" {
					t.Errorf("%s (-) and %s (+) differ:\n%s", programs[0].Version, p.Version, diff)
				}
			}
		})
	}
}

// canonical is a Result without what must differ between runs: times,
// versions, attached probes (0.17 counts them otherwise) and the order of rows
// of equal value.
func canonical(t testing.TB, res *Result) any {
	t.Helper()
	for i := range res.Maps {
		slices.SortFunc(res.Maps[i].Rows, func(a, b Row) int {
			x, y := asJSON(t, a), asJSON(t, b)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
	}
	var v any
	b, err := json.Marshal(map[string]any{"events": res.Events, "maps": res.Maps, "status": res.Status, "exit": res.ExitCode})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestLhistOverflowStartsAfterTheLastStep holds 0.17 and 0.23 to what they
// count, not to what they print: their last bucket begins at 90 here.
func TestLhistOverflowStartsAfterTheLastStep(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		res := runReal(t, p, Script{Source: `BEGIN { @ = lhist(95, 0, 100, 30); exit(); }`})
		buckets := res.Maps[0].Rows[0].Value.Buckets()
		if last := buckets[len(buckets)-1]; last.Min != 90 || last.HasMax {
			t.Errorf("%s", asJSON(t, res.Maps))
		}
	})
}

func TestScalarMapOfAStruct(t *testing.T) {
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		res := runReal(t, p, Script{Source: `struct pair { int a; int b; }
			interval:ms:1 { @s = *(struct pair *)curtask; exit(); }`})
		if res.Status != StatusCompleted {
			t.Skip("skip: this version does not copy a struct into a map: " + firstError(res).Message)
		}
		if len(res.Maps) != 1 || len(res.Maps[0].Keys) != 0 || len(res.Maps[0].Rows) != 1 || len(res.Maps[0].Rows[0].Value.Fields()) != 2 {
			t.Errorf("%s", asJSON(t, res.Maps))
		}
	})
}
