package otlp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tracecar/collector"
	"tracecar/parser"
	"tracecar/parser/script"
)

// ended gives e a run that has ended with these maps.
func ended(e *Exporter, s collector.Script, maps ...collector.Map) *runState {
	return endedAs(e, s, collector.Result{Status: collector.StatusCompleted, Maps: maps})
}

func endedAs(e *Exporter, s collector.Script, res collector.Result, records ...parser.Record) *runState {
	r := e.Observe(s).(*runState)
	r.Begin(collector.RunInfo{ID: "id", Script: s, Parsed: script.Parse(s.Source), Version: "0.27.1", Started: time.Now()})
	for i := range records {
		r.Record(&records[i])
	}
	r.End(&res)
	return r
}

const countScript = "tracepoint:a:b { @c[pid] = count(); }"

func countMap(rows int) collector.Map {
	m := collector.Map{Name: "@c", Kind: "count", Keys: []string{"pid"}}
	for i := range rows {
		m.Rows = append(m.Rows, collector.Row{Key: []parser.Value{parser.Int(int64(i))}, Value: parser.Int(int64(i))})
	}
	return m
}

// wideMap has keys long enough that a few thousand fill a message.
func wideMap(rows int) collector.Map {
	m := countMap(rows)
	for i := range m.Rows {
		m.Rows[i].Key[0] = parser.Text(fmt.Sprintf("%02000d", i))
	}
	return m
}

func protocols(t *testing.T, fn func(t *testing.T, rec *receiver, to func(path string) Target)) {
	t.Run("grpc", func(t *testing.T) {
		rec := &receiver{}
		url, _ := serveGRPC(t, rec, "")
		fn(t, rec, func(string) Target { return Target{URL: url, Protocol: GRPC} })
	})
	t.Run("http", func(t *testing.T) {
		rec := &receiver{}
		url := serveHTTP(t, rec)
		fn(t, rec, func(path string) Target { return Target{URL: url + path, Protocol: HTTPProtobuf} })
	})
}

func everywhere(to func(string) Target, compression string) func(*Config) {
	return func(c *Config) {
		c.Metrics, c.Traces, c.Logs = to("/v1/metrics"), to("/v1/traces"), to("/v1/logs")
		c.Compression = compression
		c.MaxSeries = 200_000
	}
}

func TestManySeriesInBatches(t *testing.T) {
	for _, compression := range []string{"", "gzip"} {
		protocols(t, func(t *testing.T, rec *receiver, to func(string) Target) {
			e := newTestExporter(t, "", everywhere(to, compression))
			ended(e, collector.Script{Source: countScript, Probe: "p"}, wideMap(2500))
			flush(t, e)
			if got := len(rec.points("p.c")); got != 2500 {
				t.Errorf("%d points arrived of 2500", got)
			}
			if rec.largest > 4<<20 || rec.calls < 3 {
				t.Errorf("%d messages, the largest of %d bytes", rec.calls, rec.largest)
			}
		})
	}
}

func TestUnknownSumsAreUnset(t *testing.T) {
	protocols(t, func(t *testing.T, rec *receiver, to func(string) Target) {
		e := newTestExporter(t, "", everywhere(to, "gzip"))
		ended(e, collector.Script{Source: "BEGIN { @h = hist(1); }", Probe: "p"},
			collector.Map{Name: "@h", Kind: "hist", Rows: []collector.Row{{Value: buckets(b(1, 1, 1))}}})
		flush(t, e)
		if got := rec.points("p.h"); !slices.Equal(got, []string{"histogram{tracecar.probe=p} count=1 sum=none (0,1]=1"}) {
			t.Errorf("%q", got)
		}
	})
}

// One string that is not UTF-8 anywhere must not cost the batch.
func TestInvalidUTF8(t *testing.T) {
	const bad = "a\xffb"
	protocols(t, func(t *testing.T, rec *receiver, to func(string) Target) {
		e := newTestExporter(t, "", func(c *Config) {
			everywhere(to, "")(c)
			c.Version, c.Attributes = bad, map[string]string{bad: bad}
			c.Probes = map[string]Probe{bad: {Metrics: map[string]Metric{"@c": {Unit: bad, Description: bad, Attributes: []string{bad}}}}}
		})
		s := collector.Script{Source: "BEGIN { @c[str(arg0)] = count(); printf(\"%s\", str(arg0)); }", Probe: bad, Name: bad, Trigger: bad}
		endedAs(e, s, collector.Result{
			Status: collector.StatusFailed, Diagnostics: []collector.Diagnostic{{Severity: "error", Message: bad}},
		}, parser.Record{Type: parser.TypePrintf, Text: bad})
		ended(e, s, collector.Map{Name: "@c", Kind: "count", Keys: []string{"k"}, Rows: []collector.Row{row(parser.Int(1), parser.Text(bad))}})
		flush(t, e)
		if len(rec.spans) != 2 || len(rec.logs) != 1 || len(rec.names()) < 10 {
			t.Errorf("%d spans, %d logs, metrics %q", len(rec.spans), len(rec.logs), rec.names())
		}
		if l := rec.logs; len(l) == 1 && !strings.Contains(keyValues(l[0].Attributes), "bpftrace.text.base64=Yf9i") {
			t.Errorf("the bytes of a line are lost: %v", l)
		}
	})
}

func TestCollectorComesBack(t *testing.T) {
	rec := &receiver{}
	url, stop := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, func(c *Config) { c.Timeout = 300 * time.Millisecond })
	stop()
	s := collector.Script{Source: countScript, Probe: "p"}
	endedAs(e, s, collector.Result{Status: collector.StatusCompleted, Maps: []collector.Map{countMap(3)}}, parser.Record{Type: parser.TypePrintf, Text: "x"})
	ctx, cancel := context.WithTimeout(t.Context(), hangGuard)
	defer cancel()
	if err := e.Flush(ctx); err == nil {
		t.Error("an export to nobody succeeds")
	}
	if page := scrapeText(t, e, ""); strings.Contains(page, "tracecar_export_failures_total{signal=\"metrics\"} 0\n") ||
		!strings.Contains(page, "tracecar_export_failures_total{signal=\"metrics\"} ") {
		t.Errorf("failures are not counted at /metrics:\n%s", page)
	}
	serveGRPC(t, rec, strings.TrimPrefix(url, "http://"))
	waitFor(t, "the final state, the span and the line", func() bool {
		e.Flush(ctx)
		rec.mu.Lock()
		defer rec.mu.Unlock()
		return len(rec.metrics) > 0 && len(rec.spans) > 0 && len(rec.logs) > 0
	})
	// What a busy machine answers too late comes twice.
	got := rec.points("p.c")
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != 3 {
		t.Errorf("%q", got)
	}
	if got := rec.points("tracecar.export.failures"); !slices.ContainsFunc(got, func(s string) bool {
		return strings.HasPrefix(s, "counter{signal=metrics} ") && s != "counter{signal=metrics} 0"
	}) {
		t.Errorf("failures are not counted: %q", got)
	}
}

func TestRefusedForGood(t *testing.T) {
	rec := &receiver{fail: func(call int) error {
		if call == 1 {
			return status.Error(codes.InvalidArgument, "no")
		}
		return nil
	}}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, func(c *Config) { c.Metrics, c.Logs = Target{}, Target{} })
	s := collector.Script{Source: countScript, Probe: "p"}
	ended(e, s)
	flush(t, e)
	ended(e, s)
	flush(t, e)
	if len(rec.spans) != 1 || e.links[0].lost.Load() != 1 {
		t.Errorf("%d spans arrived, %d lost", len(rec.spans), e.links[0].lost.Load())
	}
}

func TestShortAwayIsRetried(t *testing.T) {
	protocols(t, func(t *testing.T, rec *receiver, to func(string) Target) {
		rec.fail = func(call int) error {
			if call <= 2 {
				return errAway
			}
			return nil
		}
		e := newTestExporter(t, "", func(c *Config) { everywhere(to, "")(c); c.Traces, c.Logs = Target{}, Target{} })
		ended(e, collector.Script{Source: countScript, Probe: "p"}, countMap(1))
		flush(t, e)
		if got := rec.points("p.c"); len(got) != 1 || rec.calls != 3 {
			t.Errorf("%q in %d calls", got, rec.calls)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	e := newTestExporter(t, "http://127.0.0.1:9", func(c *Config) {
		c.MaxQueue, c.Timeout, c.Metrics = 100, 100*time.Millisecond, Target{}
	})
	lines := make([]parser.Record, 500)
	for i := range lines {
		lines[i] = parser.Record{Type: parser.TypePrintf, Text: "x"}
	}
	endedAs(e, collector.Script{Source: countScript}, collector.Result{Status: collector.StatusCompleted}, lines...)
	if n := e.logs.waiting(); n != 100 {
		t.Errorf("%d wait", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := e.Shutdown(ctx); err == nil {
		t.Error("a shutdown that loses data says nothing")
	}
	if took := time.Since(began); took > hangGuard/2 {
		t.Errorf("took %v", took)
	}
	if lost := e.links[1].lost.Load(); lost != 500 {
		t.Errorf("%d counted as lost of 500", lost)
	}
}

func TestMistakesAreErrors(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	ok := Target{URL: "http://localhost:4317", Protocol: GRPC}
	for want, cfg := range map[string]Config{
		"want http://HOST:PORT":    {Metrics: Target{URL: "localhost:4317", Protocol: GRPC}},
		"there is no host":         {Traces: Target{URL: "http://:4317", Protocol: GRPC}},
		"the port is not one":      {Logs: Target{URL: "http://h:99999", Protocol: GRPC}},
		"invalid port":             {Logs: Target{URL: "http://h:nine", Protocol: GRPC}},
		`the protocol is "thrift"`: {Logs: Target{URL: "http://h:9", Protocol: "thrift"}},
		"grpc has no paths":        {Metrics: Target{URL: "http://h:9/v1", Protocol: GRPC}},
		"no such file":             {Metrics: ok, TLS: TLS{CA: "/nonexistent"}},
		"holds no PEM":             {Metrics: ok, TLS: TLS{CA: junk}},
		"client certificate":       {Metrics: ok, TLS: TLS{Cert: junk, Key: junk}},
		"there is no decoder":      {Probes: map[string]Probe{"p": {Metrics: map[string]Metric{"@x": {Decode: map[string]string{"a": "nonsense"}}}}}},
		"wants two of start":       {Probes: map[string]Probe{"p": {Spans: []Span{{Name: "x", Start: "a"}}}}},
	} {
		if _, err := New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestSplitLosesNothing(t *testing.T) {
	rm := &metricdata.ResourceMetrics{}
	want := 0
	for s := range 3 {
		var sm metricdata.ScopeMetrics
		sm.Scope.Name = fmt.Sprint(s)
		for i := range 40 {
			var sum metricdata.Sum[int64]
			for j := range i {
				sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.Int("j", j))})
			}
			want += i
			sm.Metrics = append(sm.Metrics, metricdata.Metrics{Name: fmt.Sprint("m", i), Data: sum})
		}
		rm.ScopeMetrics = append(rm.ScopeMetrics, sm)
	}
	for _, size := range []int{1, 100, 1000, 1 << 30} {
		out := split(rm, size)
		if got := points(out); got != want {
			t.Errorf("in messages of %d: %d points of %d", size, got, want)
		}
		if size == 1<<30 && len(out) != 1 || size == 1 && len(out) != want {
			t.Errorf("in messages of %d: %d messages", size, len(out))
		}
	}
}

func TestNoCollectorAtAll(t *testing.T) {
	e := newTestExporter(t, "", func(c *Config) { c.Metrics, c.Traces, c.Logs = Target{}, Target{}, Target{} })
	ended(e, collector.Script{Source: countScript, Probe: "p"}, countMap(2))
	for range 2 { // it stands until the next run
		if text := scrapeText(t, e, ""); !strings.Contains(text, `p_c_total{pid="1",tracecar_probe="p"} 1`) {
			t.Error(text)
		}
	}
	newer := countMap(2)
	newer.Rows[1].Value = parser.Int(7)
	ended(e, collector.Script{Source: countScript, Probe: "p"}, newer)
	text := scrapeText(t, e, "application/openmetrics-text")
	if strings.Count(text, `p_c_total{pid="1"`) != 1 || !strings.Contains(text, `p_c_total{pid="1",tracecar_probe="p"} 7`) ||
		!strings.HasSuffix(text, "# EOF\n") || !strings.Contains(text, `p_c_created{pid="1"`) || !strings.Contains(text, "# TYPE p_c counter\n") {
		t.Error(text)
	}
	if err := errors.Join(e.Flush(t.Context()), e.SetProbes(nil)); err != nil {
		t.Error(err)
	}
}
