package probestatus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tracecar/collector"
	"tracecar/parser"
)

// MaxBytes bounds an answer; a larger one is an error.
const MaxBytes = 64 << 20

// wire is the answer; what a Result holds that has no JSON reader of its own
// stands here as JSON.
type wire struct {
	Probes []struct {
		collector.ProbeStatus
		Result *wireResult `json:"result"`
	} `json:"probes"`
}

type wireResult struct {
	collector.Result
	Events []struct {
		Type string
		Data json.RawMessage
	} `json:"events"`
	Maps []struct {
		Name, Kind string
		Keys       []string
		Rows       []wireRow
	} `json:"maps"`
}

type wireRow struct {
	Key       []json.RawMessage
	Ambiguous bool
	Value     json.RawMessage
	Buckets   []wireBucket
	Stats     *struct{ Count, Average, Total json.RawMessage }
	Points    []wirePoint
}

// Read reads one answer. Whole numbers keep their digits; those beyond ±2^53,
// which JSON has as strings, come as text. Events that are maps, and the
// fields of events, are left out.
func Read(r io.Reader) ([]collector.ProbeStatus, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("the answer is longer than %d bytes", MaxBytes)
	}
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	if w.Probes == nil {
		return nil, errors.New("the answer names no probes: it is not from tracecar")
	}
	out := make([]collector.ProbeStatus, len(w.Probes))
	for i := range w.Probes {
		out[i] = w.Probes[i].ProbeStatus
		if res := w.Probes[i].Result; res != nil {
			if out[i].Result, err = res.result(); err != nil {
				return nil, fmt.Errorf("the answer cannot be read: probe %q: %w", out[i].Name, err)
			}
		}
	}
	return out, nil
}

func (w *wireResult) result() (*collector.Result, error) {
	res := w.Result
	res.Events, res.Maps = []collector.Event{}, []collector.Map{}
	for _, e := range w.Events {
		if e.Type == "map" || e.Type == "hist" || e.Type == "stats" {
			continue
		}
		v, err := value(e.Data)
		if err != nil {
			return nil, err
		}
		res.Events = append(res.Events, collector.Event{Type: e.Type, Data: v})
	}
	for _, wm := range w.Maps {
		m := collector.Map{Name: wm.Name, Kind: wm.Kind, Keys: wm.Keys, Rows: []collector.Row{}}
		for i := range wm.Rows {
			row, err := wm.Rows[i].row()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", wm.Name, err)
			}
			m.Rows = append(m.Rows, row)
		}
		res.Maps = append(res.Maps, m)
	}
	return &res, nil
}

func (w *wireRow) row() (collector.Row, error) {
	r := collector.Row{Ambiguous: w.Ambiguous}
	for _, k := range w.Key {
		v, err := value(k)
		if err != nil {
			return r, err
		}
		r.Key = append(r.Key, v)
	}
	var err error
	switch {
	case w.Buckets != nil:
		r.Value, err = buckets(w.Buckets)
	case w.Stats != nil:
		var s parser.Stats
		var errs [3]error
		s.Count, errs[0] = value(w.Stats.Count)
		s.Average, errs[1] = value(w.Stats.Average)
		s.Total, errs[2] = value(w.Stats.Total)
		r.Value, err = parser.StatsOf(s), errors.Join(errs[:]...)
	case w.Points != nil:
		r.Value, err = points(w.Points)
	default:
		r.Value, err = value(w.Value)
	}
	return r, err
}
