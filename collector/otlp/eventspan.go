package otlp

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"tracecar/parser/script"
)

// eventSpan is one declared Span, ready for use.
type eventSpan struct {
	decl     *Span
	name     []namePart
	kind     trace.SpanKind
	timeUnit time.Duration
	timeout  time.Duration
}

// namePart is text, or a field.
type namePart struct{ text, field string }

var nameField = regexp.MustCompile(`\{\{\s*\.?([A-Za-z_][A-Za-z0-9_.]*|[1-9][0-9]*)\s*\}\}`)

func newEventSpan(decl *Span) (*eventSpan, error) {
	s := &eventSpan{decl: decl, timeout: decl.Timeout}
	def(&s.timeout, time.Minute)
	at := 0
	for _, m := range nameField.FindAllStringSubmatchIndex(decl.Name, -1) {
		s.name = append(s.name, namePart{text: decl.Name[at:m[0]]}, namePart{field: decl.Name[m[2]:m[3]]})
		at = m[1]
	}
	s.name = append(s.name, namePart{text: decl.Name[at:]})
	kinds := map[string]trace.SpanKind{
		"": trace.SpanKindInternal, "internal": trace.SpanKindInternal, "server": trace.SpanKindServer,
		"client": trace.SpanKindClient, "producer": trace.SpanKindProducer, "consumer": trace.SpanKindConsumer,
	}
	var ok bool
	if s.kind, ok = kinds[decl.Kind]; !ok {
		return nil, fmt.Errorf("%q is not a kind of span", decl.Kind)
	}
	if s.timeUnit, ok = timeUnits[decl.TimeUnit]; !ok {
		return nil, fmt.Errorf("%q is not a unit of time", decl.TimeUnit)
	}
	if _, ok = timeUnits[decl.Unit]; !ok {
		return nil, fmt.Errorf("%q is not a unit of time", decl.Unit)
	}
	given := 0
	for _, f := range []string{decl.Start, decl.End, decl.Duration} {
		if f != "" {
			given++
		}
	}
	switch {
	case decl.Name == "":
		return nil, errors.New("it has no name")
	case decl.paired() && (decl.Start == "" || decl.End == "" || len(decl.Key) == 0):
		return nil, errors.New("a span of two printfs wants start, end and key")
	case given != 2:
		return nil, errors.New("a span wants two of start, end and duration")
	}
	return s, nil
}

func (s *Span) paired() bool { return s.EndPrintf != Output{} }

var timeUnits = map[string]time.Duration{
	"": time.Nanosecond, "ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second,
}

// find gives the printf that an Output picks; nil where there is none.
func (o Output) find(s *script.Script) *script.Output {
	n := 0
	for i := range s.Outputs {
		out := &s.Outputs[i]
		if out.Name != "printf" {
			continue
		}
		n++
		if o.Index == n || o.Index == 0 && o.Format != "" && out.HasFormat &&
			strings.TrimSuffix(out.Format, "\n") == strings.TrimSuffix(o.Format, "\n") {
			return out
		}
	}
	return nil
}

// fields are the arguments of one printed line, or of two that are joined:
// then those of the end come first.
type fields []script.Argument

// get finds a field by name, or by its place from 1.
func (f fields) get(pick string) (*script.Argument, bool) {
	if n, err := strconv.Atoi(pick); err == nil {
		if n < 1 || n > len(f) {
			return nil, false
		}
		return &f[n-1], true
	}
	for i := range f {
		if f[i].Name == pick {
			return &f[i], true
		}
	}
	return nil, false
}

// moment gives a time since boot; false where the field is no number, or was
// printed with too few bits: %d has 32.
func (f fields) moment(pick string, unit time.Duration) (time.Duration, bool) {
	if a, ok := f.get(pick); !ok || a.Inexact {
		return 0, false
	}
	return f.number(pick, unit)
}

// number gives a field's number, times unit; false where it is none, or more
// than a Duration holds (292 years). One that is inexact is taken: few
// durations have more than the 32 bits that %d prints; the span says so.
func (f fields) number(pick string, unit time.Duration) (time.Duration, bool) {
	a, ok := f.get(pick)
	if !ok {
		return 0, false
	}
	n := a.Int
	if !a.IsInt {
		var err error
		if n, err = strconv.ParseInt(strings.TrimSpace(a.Text), 10, 64); err != nil {
			return 0, false
		}
	} else if a.Unsigned && n < 0 {
		return 0, false
	}
	d := time.Duration(n) * unit
	return d, d/unit == time.Duration(n)
}

// durationUnit is as declared, else by the ending of the field's name.
func (s *eventSpan) durationUnit(f fields) time.Duration {
	if s.decl.Unit != "" {
		return timeUnits[s.decl.Unit]
	}
	if a, ok := f.get(s.decl.Duration); ok {
		word := a.Name[strings.LastIndexByte(a.Name, '_')+1:]
		switch unitOf(word, "") {
		case "us":
			return time.Microsecond
		case "ms":
			return time.Millisecond
		case "s":
			return time.Second
		}
		if word == "s" {
			return time.Second
		}
	}
	return time.Nanosecond
}

// times gives the start, since boot, and the duration, from raw values. began
// is what the first printf of a pair printed, f the second: a name or a place
// picks a field of its own printf only. For a span of one printf both are the
// same.
func (s *eventSpan) times(began, f fields) (start, duration time.Duration, ok bool) {
	d := s.decl
	var end time.Duration
	var ok1, ok2 bool
	switch {
	case d.Duration == "":
		start, ok1 = began.moment(d.Start, s.timeUnit)
		end, ok2 = f.moment(d.End, s.timeUnit)
		duration = end - start
	case d.End == "":
		start, ok1 = began.moment(d.Start, s.timeUnit)
		duration, ok2 = f.number(d.Duration, s.durationUnit(f))
	default:
		end, ok1 = f.moment(d.End, s.timeUnit)
		duration, ok2 = f.number(d.Duration, s.durationUnit(f))
		start = end - duration
	}
	return start, duration, ok1 && ok2 && duration >= 0 && start >= 0
}

func (s *eventSpan) spanName(f fields) string {
	var b strings.Builder
	for _, p := range s.name {
		if p.field == "" {
			b.WriteString(p.text)
		} else if a, ok := f.get(p.field); ok {
			b.WriteString(a.Text)
		}
	}
	return text(b.String())
}
