package otlp

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// wantsOpenMetrics tells whether a scraper names OpenMetrics, of the version
// that is served, and likes it no less than the older format. A wildcard does
// not name it: people with a browser and curl get the older one.
//
// The weights are those of RFC 9110, section 12.4.2.
func wantsOpenMetrics(h http.Header) bool {
	var open, text, some, any float64 // weights; below 0: not said
	text, some, any = -1, -1, -1
	for item, params := range accepted(h, "Accept") {
		weight := params.weight
		switch item {
		case "application/openmetrics-text":
			if v := params.version; v == "" || v == "1.0.0" {
				open = max(open, weight)
			}
		case "text/plain":
			if v := params.version; v == "" || v == "0.0.4" {
				text = max(text, weight)
			}
		case "text/*":
			some = weight
		case "*/*":
			any = weight
		}
	}
	for _, wider := range []float64{some, any} {
		if text < 0 {
			text = wider
		}
	}
	return open > 0 && open >= text
}

// wantsGzip tells whether a client takes gzip, and likes it no less than plain
// bytes.
func wantsGzip(h http.Header) bool {
	gzip, plain, any := -1.0, 0.0, 0.0
	for item, params := range accepted(h, "Accept-Encoding") {
		switch item {
		case "gzip", "x-gzip":
			gzip = max(gzip, params.weight)
		case "identity":
			plain = params.weight
		case "*":
			any = params.weight
		}
	}
	if gzip < 0 {
		gzip = any
	}
	return gzip > 0 && gzip >= plain
}

type acceptParams struct {
	weight  float64 // 0 to 1
	version string
}

// accepted yields what a header of the Accept family lists, in lower case.
// What cannot be read is as if it were not there.
func accepted(h http.Header, name string) func(yield func(string, acceptParams) bool) {
	return func(yield func(string, acceptParams) bool) {
		for item := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
			what, params, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			p := acceptParams{weight: 1, version: params["version"]}
			if q, ok := params["q"]; ok {
				if p.weight, err = strconv.ParseFloat(q, 64); err != nil || !(p.weight >= 0 && p.weight <= 1) {
					continue
				}
			}
			if !yield(what, p) {
				return
			}
		}
	}
}
