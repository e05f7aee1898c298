package backend

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Prometheus is Prometheus's storage and query engine behind its HTTP API.
type Prometheus struct {
	// URL is http://127.0.0.1:PORT.
	URL string
	*Process
}

// NewPrometheus starts one with an empty database. config is a prometheus.yml
// whose sections otlp and storage are used, "" for Prometheus's defaults: among
// them that it takes nothing older than its newest sample of a series.
func NewPrometheus(tb testing.TB, config string) *Prometheus {
	tb.Helper()
	args := []string{"-dir", tb.TempDir()}
	if config != "" {
		args = append(args, "-config", config)
	}
	cmd := exec.Command(Program(tb, "promserver"), args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p := launch(tb, "promserver", cmd)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("promserver: %v", err)
	}
	return &Prometheus{URL: "http://" + strings.TrimSpace(address), Process: p}
}

// Series is one of an answer, oldest value first.
type Series struct {
	Labels map[string]string
	Values []float64
	Times  []time.Time
	// Native are native histograms, in Prometheus's notation.
	Native []string
}

// Query evaluates PromQL now.
func (p *Prometheus) Query(q string) ([]Series, error) {
	return p.get("query", url.Values{"query": {q}})
}

// Range evaluates PromQL at each step from start until now.
func (p *Prometheus) Range(q string, start time.Time, step time.Duration) ([]Series, error) {
	return p.get("query_range", url.Values{
		"query": {q}, "start": {start.Format(time.RFC3339Nano)},
		"step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
}

// Value is the one number that q gives.
func (p *Prometheus) Value(q string) (float64, error) {
	s, err := p.Query(q)
	if err != nil {
		return 0, err
	}
	if len(s) != 1 || len(s[0].Values) != 1 {
		return 0, fmt.Errorf("%s: %d series: %v", q, len(s), s)
	}
	return s[0].Values[0], nil
}

func (p *Prometheus) get(path string, v url.Values) ([]Series, error) {
	resp, err := http.Get(p.URL + "/api/v1/" + path + "?" + v.Encode())
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var a struct {
		Error    string
		Warnings []string
		Data     struct {
			Type   string `json:"resultType"`
			Result json.RawMessage
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return nil, err
	}
	if a.Error != "" || len(a.Warnings) > 0 {
		return nil, fmt.Errorf("%s: %s %q", v.Get("query"), a.Error, a.Warnings)
	}
	var list []element
	if a.Data.Type == "scalar" {
		list = make([]element, 1)
		err = json.Unmarshal(a.Data.Result, &list[0].Value)
	} else {
		err = json.Unmarshal(a.Data.Result, &list)
	}
	if err != nil {
		return nil, err
	}
	out := make([]Series, 0, len(list))
	for _, one := range list {
		s, err := one.series()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// element is a series in an answer: of a vector, with one value, or of a
// matrix, with many.
type element struct {
	Metric             map[string]string
	Value, Histogram   *pair
	Values, Histograms []pair
}

// pair is a time in seconds and a value as text.
type pair [2]any

func (e element) series() (Series, error) {
	s := Series{Labels: e.Metric}
	if e.Value != nil {
		e.Values = append(e.Values, *e.Value)
	}
	if e.Histogram != nil {
		e.Histograms = append(e.Histograms, *e.Histogram)
	}
	for _, p := range e.Values {
		f, err := strconv.ParseFloat(p[1].(string), 64)
		if err != nil {
			return s, err
		}
		s.Values = append(s.Values, f)
		s.Times = append(s.Times, time.UnixMilli(int64(p[0].(float64)*1000)))
	}
	for _, p := range e.Histograms {
		s.Native = append(s.Native, p[1].(string))
	}
	return s, nil
}
