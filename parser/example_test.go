package parser_test

import (
	"fmt"
	"strings"

	"tracecar/parser"
)

func Example() {
	stream := `{"type": "attached_probes", "data": {"probes": 2}}
{"type": "printf", "data": "caf\uffffffc3\uffffffa9\n"}
Killed
{"type": "map", "data": {"@bytes": {"cat,7": 18446744073709551615, "cat,9": 3}}}
{"type": "hist", "data": {"@us": [{"max": -1, "count": 1}, {"min": 0, "max": 0, "count": 2}]}}
`
	r := parser.NewReader(strings.NewReader(stream), parser.WithVersion("0.23.2"))
	for r.Scan() {
		rec := r.Record()
		switch rec.Type {
		case parser.TypePrintf:
			fmt.Printf("printed %q\n", rec.Text)
		case parser.TypeMap, parser.TypeHist:
			for _, row := range rec.Map.Rows {
				fmt.Printf("%s[%s] %s\n", rec.Map.Name, row.Key, row.Value.AppendJSON(nil))
			}
		case parser.TypeMalformed:
			fmt.Printf("line %d: %s: %q\n", rec.Line, rec.Problem.Message, rec.Text)
		}
	}
	if err := r.Err(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// printed "café\n"
	// line 3: not one of bpftrace's messages: "Killed"
	// @bytes[cat,7] "18446744073709551615"
	// @bytes[cat,9] 3
	// @us[] [{"max":-1,"count":1},{"min":0,"max":0,"count":2}]
}
