package backend

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Span is one captured span. Ids are lower-case hexadecimal, "" where absent.
type Span struct {
	Resource, Attributes map[string]any
	Scope                string
	Name                 string
	Kind                 ptrace.SpanKind
	Trace, ID, Parent    string
	Start, End           time.Time
	Status               ptrace.StatusCode
	Message              string // of the status
	Events               []Event
	Links                []Link
}

// Event is one of a span.
type Event struct {
	Name       string
	Time       time.Time
	Attributes map[string]any
}

// Link is one of a span to another.
type Link struct{ Trace, ID string }

// Log is one captured log record. Body holds what attributes may hold.
type Log struct {
	Resource, Attributes map[string]any
	Scope                string
	Time, Observed       time.Time
	Severity             plog.SeverityNumber
	SeverityText         string
	EventName            string
	Body                 any
	Trace, Span          string
}

func appendSpans(to []Span, d ptrace.Traces) []Span {
	for _, rs := range d.ResourceSpans().All() {
		resource := rs.Resource().Attributes().AsRaw()
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				one := Span{
					Resource: resource, Attributes: s.Attributes().AsRaw(), Scope: ss.Scope().Name(),
					Name: s.Name(), Kind: s.Kind(),
					Trace: s.TraceID().String(), ID: s.SpanID().String(), Parent: s.ParentSpanID().String(),
					Start: instant(s.StartTimestamp()), End: instant(s.EndTimestamp()),
					Status: s.Status().Code(), Message: s.Status().Message(),
				}
				for _, e := range s.Events().All() {
					one.Events = append(one.Events, Event{Name: e.Name(), Time: instant(e.Timestamp()), Attributes: e.Attributes().AsRaw()})
				}
				for _, l := range s.Links().All() {
					one.Links = append(one.Links, Link{Trace: l.TraceID().String(), ID: l.SpanID().String()})
				}
				to = append(to, one)
			}
		}
	}
	return to
}

func appendLogs(to []Log, d plog.Logs) []Log {
	for _, rl := range d.ResourceLogs().All() {
		resource := rl.Resource().Attributes().AsRaw()
		for _, sl := range rl.ScopeLogs().All() {
			for _, l := range sl.LogRecords().All() {
				to = append(to, Log{
					Resource: resource, Attributes: l.Attributes().AsRaw(), Scope: sl.Scope().Name(),
					Time: instant(l.Timestamp()), Observed: instant(l.ObservedTimestamp()),
					Severity: l.SeverityNumber(), SeverityText: l.SeverityText(), EventName: l.EventName(),
					Body: l.Body().AsRaw(), Trace: l.TraceID().String(), Span: l.SpanID().String(),
				})
			}
		}
	}
	return to
}

// instant is zero where the sender gave none.
func instant(t pcommon.Timestamp) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return t.AsTime()
}
