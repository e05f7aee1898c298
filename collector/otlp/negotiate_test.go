package otlp

import (
	"compress/gzip"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tracecar/collector"
)

func TestNegotiation(t *testing.T) {
	e := newTestExporter(t, "", func(c *Config) { c.Metrics, c.Traces, c.Logs = Target{}, Target{}, Target{} })
	ask := func(header, value string) *httptest.ResponseRecorder {
		req, w := httptest.NewRequest("GET", "/metrics", nil), httptest.NewRecorder()
		for one := range strings.SplitSeq(value, "\n") { // several headers of one name
			req.Header.Add(header, one)
		}
		e.PrometheusHandler().ServeHTTP(w, req)
		return w
	}
	for accept, open := range map[string]bool{
		"": false, "*/*": false, "text/html,application/xhtml+xml,*/*;q=0.8": false, "application/*": false,
		"application/openmetrics-text":                                                 true,
		"Application/OpenMetrics-Text; Version=1.0.0":                                  true,
		"application/openmetrics-text;q=0, text/plain":                                 false,
		"application/openmetrics-text;q=0":                                             false,
		"application/openmetrics-text;q=0.000":                                         false,
		"application/openmetrics-text;q=0.4, text/plain;q=0.5":                         false,
		"application/openmetrics-text;q=0.5, text/plain;q=0.4":                         true,
		"application/openmetrics-text;q=0.5, text/*":                                   false,
		"application/openmetrics-text;q=0.5, */*":                                      false,
		"application/openmetrics-text, text/plain":                                     true,
		"text/plain\napplication/openmetrics-text":                                     true,
		"application/openmetrics-text;q=2, text/plain":                                 false,
		"application/openmetrics-text;q=x, text/plain":                                 false,
		"application/openmetrics-text;q=NaN":                                           false,
		"application/openmetrics-text; version=2.0.0, text/plain;q=0.1":                false,
		"application/openmetrics-textual":                                              false,
		`application/openmetrics-text;version="1.0.0";q=0.9,text/plain;q=0.8,;;`:       true,
		"text/plain;version=1.0.0;q=1,application/openmetrics-text;version=1.0.0;q=.5": true,
		// As Prometheus 2.x and 3.x ask.
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1":                                                true,
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,*/*;q=0.2": true,
	} {
		w := ask("Accept", accept)
		kind := w.Header().Get("Content-Type")
		if got := strings.HasPrefix(kind, "application/openmetrics-text"); got != open || got != strings.HasSuffix(w.Body.String(), "# EOF\n") {
			t.Errorf("%q: %s", accept, kind)
		}
	}
	for accept, zipped := range map[string]bool{
		"": false, "identity": false, "deflate, br": false, "gzip": true, "GZIP": true, "x-gzip": true, "*": true, "deflate, gzip;q=1.0": true,
		"gzip;q=0": false, "gzip;q=0, *": false, "*;q=0": false, "gzip;q=0.5, identity": false, "gzip;q=0.5, identity;q=0.2": true,
		"gzip, identity": true, "gzip;q=-1": false, "identity\ngzip;q=0.1, *;q=0": false, "gzipped": false,
	} {
		w := ask("Accept-Encoding", accept)
		body := io.Reader(w.Body)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("Accept-Encoding %q: gzip %v", accept, got)
		} else if got {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		if page, err := io.ReadAll(body); err != nil || !strings.HasPrefix(string(page), "# HELP target_info") {
			t.Errorf("Accept-Encoding %q: %q, %v", accept, page, err)
		}
	}
}

// The text formats have no exponential histograms: the map's own bounds are
// shown, which are exact.
func TestExponentialAsText(t *testing.T) {
	rec := &receiver{}
	url, _ := serveGRPC(t, rec, "")
	e := newTestExporter(t, url, func(c *Config) {
		c.Probes = map[string]Probe{"p": {Metrics: map[string]Metric{"@h": {Exponential: true}}}}
	})
	h := collector.Map{Name: "@h", Kind: "hist", Rows: []collector.Row{row(buckets(b(0, 0, 5), b(1, 1, 1), b(2, 3, 2)))}}
	ended(e, collector.Script{Source: "BEGIN { @h = hist(1); }", Probe: "p"}, h)
	for accept, want := range map[string][]string{
		"":                             {"# TYPE p_h histogram", `p_h_bucket{tracecar_probe="p",le="0"} 5`, `p_h_bucket{tracecar_probe="p",le="1"} 6`, `p_h_bucket{tracecar_probe="p",le="3"} 8`, `p_h_bucket{tracecar_probe="p",le="+Inf"} 8`, `p_h_count{tracecar_probe="p"} 8`},
		"application/openmetrics-text": {"# TYPE p_h histogram", `p_h_bucket{tracecar_probe="p",le="1.0"} 6`, `p_h_count{tracecar_probe="p"} 8`},
	} {
		page := scrapeText(t, e, accept)
		for _, line := range want {
			if !strings.Contains(page, line+"\n") {
				t.Errorf("Accept %q: no %s in\n%s", accept, line, page)
			}
		}
	}
	flush(t, e)
	if got := rec.points("p.h"); !slices.Equal(got, []string{"exponential{tracecar.probe=p} count=8"}) {
		t.Errorf("over OTLP it is %q", got)
	}
}
