package mcp

import (
	"fmt"
	"testing"

	"tracecar/collector"
	"tracecar/parser"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

// What an answer costs between the Result and the bytes of the message:
// 10,000 events and 10,000 rows, the defaults' most.
func BenchmarkAnswer(b *testing.B) {
	res := &collector.Result{Status: collector.StatusTimedOut}
	m := collector.Map{Name: "@", Kind: "count", Keys: []string{"comm", "pid"}}
	for i := range 10000 {
		res.Events = append(res.Events, collector.Event{Type: "printf", Data: parser.Text(fmt.Sprintf("open /proc/%d/stat by process %d\n", i, i))})
		m.Rows = append(m.Rows, collector.Row{Key: []parser.Value{parser.Text("postgres"), parser.Int(int64(i))}, Value: parser.Int(int64(i) * 7)})
	}
	res.Maps = []collector.Map{m}
	b.ReportAllocs()
	for b.Loop() {
		out, err := encode(sdk.NewJSONRPCResultResponse(sdk.NewRequestId(1), answerRun(nil, res).toolResult()))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
}
