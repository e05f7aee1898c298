package main

import (
	"slices"

	"tracecar/collector"
	"tracecar/collector/otlp/decode"
	"tracecar/examples"
	"tracecar/parser"
)

// readable is res for people: key parts of a script of the library named as its
// header says, a system call by its name, an error number as ENOENT. A part that
// cannot be named stays as it is.
func readable(res *collector.Result, s *collector.Script) *collector.Result {
	lib, ok := examples.Get(s.Library, res.BpftraceVersion)
	if s.Library == "" || !ok {
		return res
	}
	out := *res
	out.Maps = slices.Clone(res.Maps)
	for i := range out.Maps {
		m := &out.Maps[i]
		if d := slices.IndexFunc(lib.Maps, func(d examples.MapDoc) bool { return d.Name == m.Name }); d >= 0 {
			m.Rows = decoded(m.Rows, lib.Maps[d].Keys)
		}
	}
	return &out
}

// decoded are rows with the key parts decoded that keys have a decoder for.
func decoded(rows []collector.Row, keys []examples.KeyDoc) []collector.Row {
	decoders := make([]decode.Decoder, len(keys))
	for i, k := range keys {
		if k.Decode != "" {
			decoders[i], _ = decode.New(k.Decode) // the library's are good: its tests make each
		}
	}
	out := slices.Clone(rows)
	for i := range out {
		r := &out[i]
		if r.Ambiguous || len(r.Key) != len(keys) {
			continue
		}
		r.Key = append([]parser.Value(nil), r.Key...)
		for j, d := range decoders {
			if d != nil {
				r.Key[j] = d.Decode(r.Key[j])
			}
		}
	}
	return out
}
