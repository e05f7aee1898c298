package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// answer is Prometheus's: numbers are strings, times are seconds.
type answer struct {
	Status   string   `json:"status"`
	Error    string   `json:"error,omitempty"`
	Data     *data    `json:"data,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Infos    []string `json:"infos,omitempty"`
}

type data struct {
	Type   parser.ValueType `json:"resultType"`
	Result any              `json:"result"`
}

// series is one of a matrix or of a vector. Histograms are only the native
// ones, as text.
type series struct {
	Metric     map[string]string `json:"metric"`
	Value      *[2]any           `json:"value,omitempty"`
	Values     [][2]any          `json:"values,omitempty"`
	Histogram  *[2]any           `json:"histogram,omitempty"`
	Histograms [][2]any          `json:"histograms,omitempty"`
}

func instant(engine *promql.Engine, db storage.Queryable) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, err := moment(r.FormValue("time"), time.Now())
		if err != nil {
			reply(w, nil, err)
			return
		}
		q, err := engine.NewInstantQuery(r.Context(), db, nil, r.FormValue("query"), at)
		run(w, r, q, err)
	})
}

func ranged(engine *promql.Engine, db storage.Queryable) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		start, err := moment(r.FormValue("start"), now.Add(-time.Hour))
		if err != nil {
			reply(w, nil, err)
			return
		}
		end, err := moment(r.FormValue("end"), now)
		if err != nil {
			reply(w, nil, err)
			return
		}
		step, err := strconv.ParseFloat(r.FormValue("step"), 64)
		if err != nil || step <= 0 {
			reply(w, nil, fmt.Errorf("step %q is no number of seconds", r.FormValue("step")))
			return
		}
		q, err := engine.NewRangeQuery(r.Context(), db, nil, r.FormValue("query"), start, end, time.Duration(step*float64(time.Second)))
		run(w, r, q, err)
	})
}

func run(w http.ResponseWriter, r *http.Request, q promql.Query, err error) {
	if err != nil {
		reply(w, nil, err)
		return
	}
	defer q.Close()
	result := q.Exec(r.Context())
	reply(w, result, result.Err)
}

func reply(w http.ResponseWriter, result *promql.Result, err error) {
	w.Header().Set("Content-Type", "application/json")
	a := answer{Status: "success"}
	if err != nil {
		a = answer{Status: "error", Error: err.Error()}
		w.WriteHeader(http.StatusBadRequest)
	} else {
		a.Data = &data{Type: result.Value.Type(), Result: encode(result.Value)}
		a.Warnings, a.Infos = result.Warnings.AsStrings("", 10, 10)
	}
	_ = json.NewEncoder(w).Encode(a) // a reader that has gone needs no answer
}

func encode(v parser.Value) any {
	out := []series{}
	switch v := v.(type) {
	case promql.Matrix:
		for _, s := range v {
			one := series{Metric: s.Metric.Map()}
			for _, p := range s.Floats {
				one.Values = append(one.Values, pair(p.T, number(p.F)))
			}
			for _, p := range s.Histograms {
				one.Histograms = append(one.Histograms, pair(p.T, p.H.String()))
			}
			out = append(out, one)
		}
	case promql.Vector:
		for _, s := range v {
			one := series{Metric: s.Metric.Map()}
			if s.H != nil {
				p := pair(s.T, s.H.String())
				one.Histogram = &p
			} else {
				p := pair(s.T, number(s.F))
				one.Value = &p
			}
			out = append(out, one)
		}
	case promql.Scalar:
		return pair(v.T, number(v.V))
	case promql.String:
		return pair(v.T, v.V)
	}
	return out
}

func pair(ms int64, v string) [2]any { return [2]any{float64(ms) / 1000, v} }

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// moment reads a time as Prometheus's API takes it.
func moment(s string, def time.Time) (time.Time, error) {
	if s == "" {
		return def, nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		whole, part := math.Modf(f)
		return time.Unix(int64(whole), int64(part*float64(time.Second))), nil
	}
	return time.Parse(time.RFC3339Nano, s)
}
