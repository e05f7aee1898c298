//go:build !light

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tracecar/collector"
	"tracecar/collector/stacks"
	"tracecar/parser/script"
)

// contentTypes of the profile formats over HTTP.
var contentTypes = map[string]string{
	"folded":     "text/plain; charset=utf-8",
	"pprof":      "application/octet-stream",
	"flamegraph": "image/svg+xml",
}

// httpError ends a request with a status and words for the client.
type httpError struct {
	status int
	err    error
}

func (e *httpError) Error() string { return e.err.Error() }

func (e *httpError) Unwrap() error { return e.err }

// serveStacks answers GET /api/probes/NAME/stacks?map=@m&format=folded with a
// map of stacks of a scheduled probe: as it is now while the probe runs, else
// as its newest run left it. go tool pprof reads format=pprof from here, and
// shows the plain text of an error.
func (d *daemon) serveStacks(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	var b bytes.Buffer
	format, p, err := d.stacks(ctx, r, &b)
	if err != nil {
		status := http.StatusInternalServerError
		if e, ok := errors.AsType[*httpError](err); ok {
			status = e.status
		}
		w.Header().Set("X-Go-Pprof", "1")
		http.Error(w, err.Error(), status)
		return
	}
	for _, n := range notes(p) {
		w.Header().Add("Warning", `199 tracecar "`+n+`"`)
	}
	w.Header().Set("Content-Type", contentTypes[format])
	// The picture holds text that others chose; it is escaped, and may load nothing.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = w.Write(b.Bytes()) // the client has gone
}

func (d *daemon) stacks(ctx context.Context, r *http.Request, b *bytes.Buffer) (format string, p *stacks.Profile, err error) {
	q := r.URL.Query()
	if format = q.Get("format"); format == "" {
		format = "folded"
	}
	offsets := true
	if v := q.Get("offsets"); v != "" {
		if offsets, err = strconv.ParseBool(v); err != nil {
			return "", nil, &httpError{http.StatusBadRequest, fmt.Errorf("offsets=%q: want true or false", v)}
		}
	}
	if contentTypes[format] == "" {
		return "", nil, &httpError{http.StatusBadRequest, fmt.Errorf("format=%q: want folded, pprof or flamegraph", format)}
	}
	run, live, err := d.newestRun(r.PathValue("name"))
	if err != nil {
		return "", nil, err
	}
	s := run.Script()
	name, err := stacks.Choose(script.Parse(s.Source), mapNamed(q.Get("map")))
	if err != nil {
		return "", nil, &httpError{http.StatusBadRequest, err}
	}
	res, err := mapNow(ctx, run, live, name)
	if err != nil {
		return "", nil, err
	}
	if p, err = profileOf(res, s.Source, s.Args, name, run.AttachedAt()); err == nil {
		err = writeProfile(b, p, format, offsets)
	}
	if errors.Is(err, stacks.ErrNegative) {
		err = &httpError{http.StatusBadRequest, err}
	}
	return format, p, err
}

// newestRun is the live run of a probe, or the last that ended.
func (d *daemon) newestRun(probe string) (run *collector.Run, live bool, err error) {
	all := d.schedule.Status()
	i := slices.IndexFunc(all, func(p collector.ProbeStatus) bool { return p.Name == probe })
	if i < 0 {
		return nil, false, &httpError{http.StatusNotFound, fmt.Errorf("there is no probe %q", probe)}
	}
	id, live := all[i].LastRunID, false
	if all[i].State == collector.ProbeRunning {
		id, live = all[i].RunID, true
	}
	if run, ok := d.runner.Get(id); ok {
		return run, live, nil
	}
	return nil, false, &httpError{http.StatusNotFound, fmt.Errorf("probe %q has no run with data yet", probe)}
}

// mapNow reads one map of a live run, or takes it from the Result of one that
// has ended.
func mapNow(ctx context.Context, run *collector.Run, live bool, name string) (*collector.Result, error) {
	if live {
		snap, err := run.Snapshot(ctx)
		switch {
		case err == nil && snap.Missing[name] != "":
			return nil, &httpError{http.StatusServiceUnavailable, errors.New(snap.Missing[name])}
		case err == nil:
			res, _ := run.Result(0)
			res.Maps, res.Truncated.Rows = snap.Maps, 0
			return res, nil
		case !errors.Is(err, collector.ErrNotLive): // else it ended meanwhile
			return nil, &httpError{http.StatusServiceUnavailable, err}
		}
	}
	res, _ := run.Result(0)
	return res, nil
}
