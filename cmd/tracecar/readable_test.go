package main

import (
	"testing"

	"tracecar/collector"
	"tracecar/parser"
)

func TestReadableNamesKeysOfTheLibrary(t *testing.T) {
	key := []parser.Value{parser.Text("cat"), parser.Int(257), parser.Int(2)}
	odd := []parser.Value{parser.Text("cat"), parser.Int(1 << 40), parser.Int(0)}
	res := &collector.Result{BpftraceVersion: "0.27.1", Maps: []collector.Map{{Name: "@errors", Rows: []collector.Row{
		{Key: key, Value: parser.Int(3)}, {Key: odd, Value: parser.Int(1)},
		{Key: []parser.Value{parser.Text("cat,257,2")}, Ambiguous: true, Value: parser.Int(1)},
	}}, {Name: "@other", Rows: []collector.Row{{Key: key}}}}}
	got := readable(res, &collector.Script{Library: "syscall-errors"})
	rows := got.Maps[0].Rows
	if name := rows[0].Key[2].Text(); name != "ENOENT" {
		t.Errorf("errno 2 is %v", rows[0].Key[2])
	}
	if rows[1].Key[1] != odd[1] || rows[1].Key[2] != odd[2] || !rows[2].Ambiguous {
		t.Errorf("what has no name is %v", rows[1:])
	}
	if key[2] != parser.Int(2) || got.Maps[1].Rows[0].Key[2] != key[2] {
		t.Error("the Result itself was changed")
	}
	if readable(res, &collector.Script{}) != res {
		t.Error("a script of one's own has no header")
	}
}
