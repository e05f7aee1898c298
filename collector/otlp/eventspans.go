package otlp

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tracecar/parser"
	"tracecar/parser/script"
)

// maxOpen bounds the starts of one run that wait for their ends. One past it
// is counted as unmatched.
const maxOpen = 65536

// onTheWay is how much longer than its time-out a start waits: what bpftrace
// printed in time may be read late.
const onTheWay = time.Second

// eventSpans makes spans of what one run prints. The goroutine that reads the
// run's output hands it lines, collections let it forget old starts.
//
// Whether an end came within the time-out is told by the two times the script
// printed, by the kernel's clock, however late the lines were read. A start
// whose end does not come has no second time: it waits by the time since it was
// read, for its time-out and onTheWay.
type eventSpans struct {
	r    *runState
	uses map[int][]use // by where the printf stands in the script
	now  func() time.Time

	mu   sync.Mutex
	open map[openKey]opened
	// swept is when the starts were last looked over for those too old.
	swept time.Time
}

type use struct {
	*eventSpan
	end bool
}

type openKey struct {
	s   *eventSpan
	key string
}

type opened struct {
	fields fields
	read   time.Time
}

// newEventSpans is nil where the run's probe declares no spans that the script
// has a printf for.
func newEventSpans(r *runState) *eventSpans {
	es := &eventSpans{r: r, uses: map[int][]use{}, now: time.Now, open: map[openKey]opened{}}
	for i := range r.probe.Spans {
		decl := &r.probe.Spans[i]
		s, err := newEventSpan(decl)
		out := decl.Printf.find(r.info.Parsed)
		if err != nil || out == nil {
			continue
		}
		end := out
		if decl.paired() {
			if end = decl.EndPrintf.find(r.info.Parsed); end == nil {
				continue
			}
			es.add(end, use{s, true})
		}
		es.add(out, use{s, false})
	}
	if len(es.uses) == 0 {
		return nil
	}
	return es
}

// add puts u to all printfs of one format: what they print tells them not apart.
func (es *eventSpans) add(out *script.Output, u use) {
	all := es.r.info.Parsed.Outputs
	for i := range all {
		if o := &all[i]; o.Name == "printf" && (o == out || out.HasFormat && o.HasFormat && o.Format == out.Format) {
			es.uses[o.Start.Offset] = append(es.uses[o.Start.Offset], u)
		}
	}
}

// record is false for what no span is declared for.
func (es *eventSpans) record(rec *parser.Record) bool {
	if rec.Type != parser.TypePrintf {
		return false
	}
	out, args, ok := script.MatchOutputs(es.r.info.Parsed.Outputs, rec.Text)
	if !ok {
		return false // it may be any printf's: it stays a log record
	}
	uses := es.uses[out.Start.Offset]
	for _, u := range uses {
		es.use(u, args)
	}
	return len(uses) > 0
}

func (es *eventSpans) use(u use, args fields) {
	if !u.decl.paired() {
		es.emit(u.eventSpan, args, args, args)
		return
	}
	es.mu.Lock()
	defer es.mu.Unlock()
	now := es.now()
	if now.Sub(es.swept) >= time.Second {
		es.sweep(now)
	}
	key, ok := joinKey(args, u.decl.Key)
	if !ok {
		es.r.stats.count(&es.r.stats.unreadable)
		return
	}
	k := openKey{u.eventSpan, key}
	began, waits := es.open[k]
	if u.end {
		if !waits {
			es.r.stats.count(&es.r.stats.unmatched)
			return
		}
		delete(es.open, k)
		if _, took, ok := u.times(began.fields, args); ok && took > u.timeout {
			es.r.stats.count(&es.r.stats.unmatched) // the start
			es.r.stats.count(&es.r.stats.unmatched) // the end, as if the start had gone before
			return
		}
		es.emit(u.eventSpan, began.fields, args, slices.Concat(args, began.fields))
		return
	}
	if waits || len(es.open) >= maxOpen {
		es.r.stats.count(&es.r.stats.unmatched)
	}
	if waits || len(es.open) < maxOpen {
		es.open[k] = opened{slices.Clone(args), now}
	}
}

func joinKey(f fields, picks []string) (string, bool) {
	parts := make([]string, len(picks))
	for i, p := range picks {
		a, ok := f.get(p)
		if !ok {
			return "", false
		}
		parts[i] = a.Text
	}
	return strings.Join(parts, "\x00"), true
}

// forget counts the starts that waited too long, though the run prints no more.
func (es *eventSpans) forget() {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.sweep(es.now())
}

// sweep forgets starts that waited too long; mu is held.
func (es *eventSpans) sweep(now time.Time) {
	es.swept = now
	for k, o := range es.open {
		if now.Sub(o.read) > k.s.timeout+onTheWay {
			delete(es.open, k)
			es.r.stats.count(&es.r.stats.unmatched)
		}
	}
}

// end counts the starts that still wait: their ends can no longer come.
func (es *eventSpans) end() {
	es.mu.Lock()
	defer es.mu.Unlock()
	for range es.open {
		es.r.stats.count(&es.r.stats.unmatched)
	}
	clear(es.open)
}

// emit makes the span. Its times are of what began it and what ended it, all
// else is of f.
func (es *eventSpans) emit(s *eventSpan, began, ended, f fields) {
	start, duration, ok := s.times(began, ended)
	if !ok {
		es.r.stats.count(&es.r.stats.unreadable)
		return
	}
	from := es.r.e.clock.wall(start)
	ctx, opts := es.parent(s, f)
	opts = append(opts, trace.WithTimestamp(from), trace.WithSpanKind(s.kind), trace.WithAttributes(es.attributes(s, f)...))
	_, span := es.r.e.Tracer().Start(ctx, s.spanName(f), opts...)
	span.End(trace.WithTimestamp(from.Add(duration)))
	if !span.SpanContext().IsSampled() {
		es.r.stats.count(&es.r.stats.unsampled)
		return
	}
	es.r.stats.count(&es.r.stats.eventSpans)
}

// parent decides whose child a span is: what the script printed says, else it
// is the run's. The run of a continuous probe goes on for days: its events are
// traces of their own, linked to it.
func (es *eventSpans) parent(s *eventSpan, f fields) (context.Context, []trace.SpanStartOption) {
	run := trace.LinkFromContext(es.r.ctx)
	if s.decl.TraceParent != "" {
		printed := ""
		if a, ok := f.get(s.decl.TraceParent); ok {
			printed = strings.TrimSpace(a.Text)
		}
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": printed})
		if trace.SpanContextFromContext(ctx).IsValid() {
			return ctx, []trace.SpanStartOption{trace.WithLinks(run)}
		}
		if printed != "" { // else the traced program had none
			es.r.stats.count(&es.r.stats.unparented)
		}
	}
	if sc := es.r.info.Script; sc.Probe != "" && sc.Timeout == 0 {
		return context.Background(), []trace.SpanStartOption{trace.WithNewRoot(), trace.WithLinks(run)}
	}
	return es.r.ctx, nil
}

func (es *eventSpans) attributes(s *eventSpan, f fields) []attribute.KeyValue {
	kvs := slices.Clone(es.r.base)
	if a, ok := f.get(s.decl.Duration); ok && a.Inexact {
		kvs = append(kvs, attribute.Bool("tracecar.duration.inexact", true))
	}
	if s.decl.Attributes != nil {
		for name, pick := range s.decl.Attributes {
			if a, ok := f.get(pick); ok {
				kvs = appendArgument(kvs, text(name), a)
			}
		}
		return kvs
	}
	seen := map[string]bool{}
	for i := range f {
		if a := &f[i]; !seen[a.Name] {
			seen[a.Name] = true
			kvs = appendArgument(kvs, text(a.Name), a)
		}
	}
	return kvs
}

func appendArgument(kvs []attribute.KeyValue, name string, a *script.Argument) []attribute.KeyValue {
	switch {
	case a.IsInt && a.Unsigned:
		return appendUnsigned(kvs, name, uint64(a.Int))
	case a.IsInt:
		return append(kvs, attribute.Int64(name, a.Int))
	}
	return appendText(kvs, name, a.Text)
}

// appendUnsigned keeps all 64 bits: what is beyond an int64 is text.
func appendUnsigned(kvs []attribute.KeyValue, name string, u uint64) []attribute.KeyValue {
	return appendValue(kvs, name, parser.Uint(u))
}
