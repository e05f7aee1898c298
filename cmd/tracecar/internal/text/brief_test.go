package text

import (
	"math"
	"testing"

	"tracecar/collector"
	"tracecar/parser"
)

func TestBrief(t *testing.T) {
	row := func(v parser.Value, key ...parser.Value) collector.Row { return collector.Row{Key: key, Value: v} }
	hist := func(counts ...uint64) parser.Value {
		var b []parser.Bucket
		for i, n := range counts {
			b = append(b, parser.Bucket{HasMin: true, HasMax: true, Min: int64(10 * i), Max: int64(10*i + 9), Count: n})
		}
		return parser.BucketsOf(b)
	}
	open := parser.BucketsOf([]parser.Bucket{{HasMax: true, Max: -1, Count: 1}, {HasMin: true, Min: 100, Count: 3}})
	for _, tt := range []struct {
		name string
		m    collector.Map
		want string
	}{
		{"nothing", collector.Map{Name: "@"}, "@: empty\n"},
		{"one value", collector.Map{Name: "@n", Kind: "count", Rows: []collector.Row{row(parser.Int(7))}}, "@n 7\n"},
		{"the largest rows", collector.Map{Name: "@n", Kind: "count", Keys: []string{"comm"}, Rows: []collector.Row{
			row(parser.Int(1), parser.Text("a")), row(parser.Int(20), parser.Text("\x1b[2J")), row(parser.Int(300), parser.Text("c")),
		}}, "@n (2 of 3)\n  comm     count\n  c          300\n  \\x1b[2J     20\n"},
		{"memory of a script", collector.Map{Name: "@start", Kind: "value", Keys: []string{"tid"}, Rows: []collector.Row{row(parser.Int(1), parser.Int(2))}},
			"@start: 1 value by tid\n"},
		{"a histogram", collector.Map{Name: "@us", Kind: "hist", Rows: []collector.Row{row(hist(0, 49, 0, 1, 50, 0))}},
			"@us  10 ▇ ▁█ 49  100 values, half ≤ 39, 99% ≤ 49\n"},
		{"half by a hair", collector.Map{Name: "@us", Kind: "hist", Rows: []collector.Row{row(hist(1, 1))}},
			"@us  0 ██ 19  2 values, half ≤ 9, 99% ≤ 19\n"},
		{"open ends", collector.Map{Name: "@us", Kind: "lhist", Rows: []collector.Row{row(open)}},
			"@us  … ▃█ …  4 values, half in the last, from 100, 99% in the last, from 100\n"},
		{"empty histogram", collector.Map{Name: "@us", Kind: "hist", Rows: []collector.Row{row(hist(0, 0))}}, "@us  empty\n"},
		{"huge counts", collector.Map{Name: "@us", Kind: "hist", Rows: []collector.Row{row(hist(math.MaxUint64-1, 1))}},
			"@us  0 █▁ 19  18446744073709551615 values, half ≤ 9, 99% ≤ 9\n"},
		{"histograms by key", collector.Map{Name: "@us", Kind: "hist", Keys: []string{"op"}, Rows: []collector.Row{
			row(hist(1), parser.Text("x")), row(hist(2), parser.Text("w")), row(hist(4), parser.Text("read")),
		}}, "@us by op (2 of 3)\n  [read]  0 █ 9  4 values, half ≤ 9, 99% ≤ 9\n  [w]     0 █ 9  2 values, half ≤ 9, 99% ≤ 9\n"},
		{"stacks", collector.Map{Name: "@", Kind: "count", Keys: []string{"kstack"}, Rows: []collector.Row{
			row(parser.Int(1), parser.Frames([]string{"z"})), row(parser.Int(2), parser.Frames([]string{"in", "out"})), row(parser.Int(3), parser.Frames(nil)),
		}}, "@: 3 stacks\n  [empty stack] 3\n  out;in 2\n"},
		{"a series of points", collector.Map{Name: "@t", Kind: "tseries", Rows: []collector.Row{row(parser.PointsOf([]parser.Point{
			{UnixNano: 0, Value: parser.Int(1)}, {UnixNano: 1e9, Value: parser.Int(2)},
		}))}}, "@t\n  time                     value\n  1970-01-01 00:00:01.000      2\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Brief(&tt.m, 2); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}
