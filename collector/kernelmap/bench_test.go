package kernelmap

import (
	"testing"

	"tracecar/parser"
)

// BenchmarkJoin pairs 100,000 printed rows with as many of the kernel.
func BenchmarkJoin(b *testing.B) {
	for _, version := range []string{"0.23.2", "0.27.1"} {
		b.Run(version, func(b *testing.B) {
			var rows []Row
			var printed []parser.Row
			for i := range int64(100_000) {
				key := []Part{{Value: parser.Int(i), size: 8}, {Value: parser.Text("some comm")}}
				text, _ := Render(version, key)
				rows = append(rows, Row{Key: key, Value: parser.Int(i % 10)})
				printed = append(printed, parser.Row{Key: text, Value: parser.Int(i % 10)})
			}
			table := &Table{Name: "@k", Keyed: true, Rows: RowsOf(rows)}
			b.ReportAllocs()
			for b.Loop() {
				for i, j := range Join(version, table, printed) {
					if j.Key == nil {
						b.Fatal(i)
					}
				}
			}
		})
	}
}
