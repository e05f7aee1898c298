package otlp

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"tracecar/collector"
	"tracecar/parser"
	"tracecar/parser/script"
)

// logLines makes log records of what one run prints. It is used by the
// goroutine that reads the run's output.
type logLines struct {
	r          *runState
	translator collector.Translator
	severity   log.Severity
	name       string
}

var severities = map[string]log.Severity{
	"": log.SeverityInfo, "trace": log.SeverityTrace, "debug": log.SeverityDebug, "info": log.SeverityInfo,
	"warn": log.SeverityWarn, "error": log.SeverityError, "fatal": log.SeverityFatal,
}

// newLogLines is nil where logs go nowhere, or are off for this probe.
func newLogLines(r *runState) *logLines {
	severity, ok := severities[r.probe.LogSeverity]
	if r.e.logs == nil || !ok {
		return nil
	}
	name := r.probe.LogSeverity
	if name == "" {
		name = "info"
	}
	return &logLines{
		r: r, severity: severity, name: name,
		translator: collector.NewTranslator(r.info.Parsed, r.info.Version, 0),
	}
}

// record makes a log record of a printed line. Prints of maps are none: they
// are metrics.
func (l *logLines) record(rec *parser.Record) {
	if rec.Map != nil {
		return
	}
	if l.r.e.logs.full() { // the line would only be made to be dropped
		return
	}
	ev, ok := l.translator.Event(rec)
	if !ok {
		return
	}
	var out log.Record
	now := time.Now()
	out.SetObservedTimestamp(now)
	if at, ok := l.time(ev); ok {
		out.SetTimestamp(at)
	}
	out.SetSeverity(l.severity)
	out.SetSeverityText(l.name)
	switch rec.Type {
	case parser.TypeErrorf:
		out.SetSeverity(log.SeverityError)
		out.SetSeverityText("error")
	case parser.TypeWarnf:
		out.SetSeverity(log.SeverityWarn)
		out.SetSeverityText("warn")
	}
	body, raw := bodyOf(ev.Data)
	out.SetBody(attribute.StringValue(body))
	kvs := slices.Concat(l.r.base, raw, []attribute.KeyValue{
		attribute.String("bpftrace.type", ev.Type), attribute.String("tracecar.run.id", l.r.info.ID),
	})
	for _, f := range ev.Fields {
		kvs = appendValue(kvs, text(f.Name), f.Value)
	}
	out.AddAttributes(kvs...)
	l.r.e.logger.Emit(l.r.ctx, out)
}

// time is when the event happened, where the script prints nsecs itself.
func (l *logLines) time(ev collector.Event) (time.Time, bool) {
	for _, f := range ev.Fields {
		if n, ok := f.Value.Int64(); ok && f.Name == "nsecs" && n > 0 && !l.inexact(ev, f.Name) && l.printsNsecs() {
			return l.r.e.clock.wall(time.Duration(n)), true
		}
	}
	return time.Time{}, false
}

func (l *logLines) inexact(ev collector.Event, name string) bool {
	for _, n := range ev.Inexact {
		if n == name {
			return true
		}
	}
	return false
}

// printsNsecs tells whether every field called nsecs is the builtin.
func (l *logLines) printsNsecs() bool {
	return !anyField(l.r.info.Parsed, func(c *script.Conversion) bool { return c.Name == "nsecs" && c.Expr != "nsecs" })
}

func anyField(s *script.Script, is func(*script.Conversion) bool) bool {
	for i := range s.Outputs {
		for j := range s.Outputs[i].Fields {
			if is(&s.Outputs[i].Fields[j]) {
				return true
			}
		}
	}
	return false
}

// bodyOf is the text of an event without the newline that ends it, or the JSON
// of a value, and beside it the bytes of text that is not UTF-8.
func bodyOf(v parser.Value) (string, []attribute.KeyValue) {
	if v.Kind() != parser.KindText {
		return text(string(v.AppendJSON(nil))), nil
	}
	kvs := appendText(nil, "bpftrace.text", strings.TrimSuffix(v.Text(), "\n"))
	return kvs[0].Value.AsString(), kvs[1:]
}
