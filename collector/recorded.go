package collector

import (
	"io"
	"strings"

	"tracecar/parser"
	"tracecar/parser/script"
)

// Recording is recorded output of bpftrace -f json, of another host or
// another day.
type Recording struct {
	Output io.Reader
	// Version of the bpftrace that printed it, such as "0.23.2"; "" where it
	// is not known: then keys that some version would print otherwise are ambiguous.
	Version string
	// Source is the script; "" where it is not at hand: then kinds are unknown
	// and keys are not split.
	Source string
	// MaxEvents and MaxRows bound the Result; 0 is no bound. Events are left out,
	// and counted, past 1 GiB of them too.
	MaxEvents, MaxRows int
	// MaxLine bounds one line, in bytes; 0 is the parser's default.
	MaxLine int
}

const maxRecordedBytes = 1 << 30

// Fold gives the Result of a recording. There is no kernel to ask and nothing
// is known of the run beside its output: the status is completed, exit code and
// duration are 0. The error is one of reading.
func (rec *Recording) Fold() (*Result, error) {
	var parsed *script.Script
	if strings.TrimSpace(rec.Source) != "" {
		parsed = script.Parse(rec.Source)
	}
	f := fold{Translator: NewTranslator(parsed, rec.Version, rec.MaxRows)}
	f.log = eventLog{max: rec.MaxEvents, maxBytes: maxRecordedBytes}
	if rec.MaxEvents == 0 {
		f.log.max = int(^uint(0) >> 1)
	}
	opts := []parser.Option{parser.WithVersion(rec.Version)}
	if rec.MaxLine > 0 {
		opts = append(opts, parser.WithLineLimit(rec.MaxLine))
	}
	rd := parser.NewReader(rec.Output, opts...)
	for rd.Scan() {
		f.record(rd.Record())
	}
	if f.records == 0 && rd.Err() == nil {
		f.problems.add(Diagnostic{Severity: "warning", Message: "the recording is empty: bpftrace -f json prints a line for the probes it attached, if nothing else"})
	}
	f.finish(nil, true)
	res := f.result(nil)
	res.Status, res.BpftraceVersion = StatusCompleted, strings.TrimPrefix(rec.Version, "v")
	res.Events, _, res.Truncated.Events = f.log.since(0)
	f.tell(res.Events)
	return res, rd.Err()
}
