package mcp

import (
	"context"
	"fmt"
	"time"

	"tracecar/collector"
)

const (
	// maxWait stays below the minute after which many clients give a call up.
	maxWait = 50 * time.Second
	// attachWait is how long start_run waits to learn whether the script
	// compiles and attaches, so that its errors come back at once.
	attachWait = 5 * time.Second
	// snapshotWait bounds the reading of a live run's maps.
	snapshotWait = 15 * time.Second
	// sourceShown bounds the script's text in list_runs, in bytes.
	sourceShown = 400
)

var idParam = param{name: "id", kind: kindText, required: true, maxBytes: 256, describe: "The run's id, from start_run or list_runs."}

func waitParam(what string) param {
	return param{name: "wait", kind: kindNumber, def: 0, hasMin: true, hasMax: true, max: seconds(maxWait), describe: what}
}

func (s *Server) startRunTool() tool {
	o := s.runner.Options()
	return tool{
		name:        "start_run",
		title:       "Start a long trace",
		describe:    describeStartRun,
		output:      schemaRun,
		destructive: true,
		params: []param{
			s.scriptParam(),
			{name: "timeout", kind: kindNumber, def: seconds(o.MaxTimeout), hasMin: true, minOpen: true, hasMax: true, max: seconds(o.MaxTimeout),
				describe: "Seconds until the run is ended, if stop_run does not end it before."},
			sudoParam, argsParam, maxEventsParam(o), maxRowsParam(o),
		},
		call: func(ctx context.Context, c caller, a arguments) *answer {
			sc, err := s.script(ctx, c, a, timeoutOf(a, o.MaxTimeout))
			if err != nil {
				return refuse(err)
			}
			sc.Snapshots = true
			r, err := s.admit(c.who, func() run { return s.runner.Start(sc) })
			if err != nil {
				return refuse(err)
			}
			waitAttached(ctx, r)
			return stateOf(ctx, r, 0)
		},
	}
}

// waitAttached returns when r has attached its probes or has ended, or after
// attachWait: some scripts take longer, and the caller can ask again.
func waitAttached(ctx context.Context, r run) {
	limit := time.NewTimer(attachWait)
	defer limit.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for r.Progress().Attaching {
		select {
		case <-look.C:
		case <-r.Done():
			return
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// stateOf answers with r's Result now: its events from cursor on, and its
// maps as they are at this moment.
func stateOf(ctx context.Context, r run, cursor int64) *answer {
	ctx, cancel := context.WithTimeout(ctx, snapshotWait)
	defer cancel()
	res, next := r.Now(ctx, cursor)
	return answerRun(&runHead{ID: r.ID(), Started: r.Started().UTC().Format(time.RFC3339Nano), Cursor: next}, res)
}

func (s *Server) getRunTool() tool {
	return tool{
		name:       "get_run",
		title:      "Read a trace",
		describe:   describeGetRun,
		output:     schemaRun,
		readOnly:   true,
		idempotent: true,
		params: []param{
			idParam,
			{name: "cursor", kind: kindInteger, def: 0, hasMin: true,
				describe: "The cursor of the answer before: only events after it are returned. 0 returns all that are kept."},
			waitParam("Seconds to wait for the run to end before answering; it answers at once when the run ends."),
		},
		call: func(ctx context.Context, c caller, a arguments) *answer {
			r, err := s.find(c.who, a.text("id"))
			if err != nil {
				return refuse(err)
			}
			if wait := time.Duration(a.number("wait") * float64(time.Second)); wait > 0 {
				s.pause(ctx, r, wait, c.progress)
			}
			return stateOf(ctx, r, a.integer("cursor"))
		},
	}
}

// find returns a run that who may read; others are as if they were not there.
func (s *Server) find(who Identity, id string) (run, error) {
	r, ok := s.runner.Get(id)
	if !ok || !who.mayRead(r.Script()) {
		return nil, &argumentError{"id", fmt.Sprintf("no run %q: it never existed, or ended too long ago; list_runs shows what there is", shorten([]byte(id)))}
	}
	return r, nil
}

// pause waits until r ends, wait is over or ctx ends; r goes on.
func (s *Server) pause(ctx context.Context, r run, wait time.Duration, progress func(progressReport)) {
	limit := time.NewTimer(wait)
	defer limit.Stop()
	var tick <-chan time.Time
	if progress != nil {
		t := time.NewTicker(s.progressEvery)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-r.Done():
			return
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		case <-tick:
			progress(reportOf(r))
		}
	}
}

func (s *Server) stopRunTool() tool {
	return tool{
		name:        "stop_run",
		title:       "Stop a trace",
		describe:    describeStopRun,
		output:      schemaRun,
		destructive: true,
		idempotent:  true,
		params:      []param{idParam},
		call: func(ctx context.Context, c caller, a arguments) *answer {
			r, err := s.find(c.who, a.text("id"))
			if err != nil {
				return refuse(err)
			}
			if !c.who.mayStop(r.Script()) {
				return refuse(&argumentError{"id", "is a run of the scheduled probe " + r.Script().Probe + ", which only an operator may stop"})
			}
			r.Stop()
			// Many probes take long to detach (about 75 ms each); then the
			// answer says running, and get_run has the rest.
			s.pause(ctx, r, maxWait, c.progress)
			return stateOf(ctx, r, 0)
		},
	}
}

// runLine is one run in list_runs.
type runLine struct {
	ID             string           `json:"id"`
	Status         collector.Status `json:"status"`
	Started        string           `json:"started"`
	ElapsedMS      int64            `json:"elapsed_ms"`
	ProbesAttached int64            `json:"probes_attached"`
	Events         int64            `json:"events"`
	LostEvents     uint64           `json:"lost_events"`
	Trigger        string           `json:"trigger"`
	Name           string           `json:"name,omitempty"`
	Script         string           `json:"script"`
}

func (s *Server) listRunsTool() tool {
	return tool{
		name:       "list_runs",
		title:      "List traces",
		describe:   describeListRuns,
		output:     schemaRuns,
		readOnly:   true,
		idempotent: true,
		call: func(_ context.Context, c caller, _ arguments) *answer {
			lines := []runLine{}
			for _, r := range s.runner.List() {
				if c.who.mayRead(r.Script()) {
					lines = append(lines, lineOf(r))
				}
			}
			return answerWith(map[string]any{"runs": lines, "scheduled": s.scheduled()})
		},
	}
}

// scheduled is the state of each scheduled probe, also of those that have no
// run now. What they see is in their runs: get_run has it.
func (s *Server) scheduled() []collector.ProbeStatus {
	if s.cfg.Scheduled == nil {
		return []collector.ProbeStatus{}
	}
	list := present(s.cfg.Scheduled())
	for i := range list {
		list[i].Result = nil
	}
	return list
}

func lineOf(r run) runLine {
	p, sc := r.Progress(), r.Script()
	status := p.Status
	if status == "" {
		status = collector.StatusRunning
	}
	return runLine{
		ID: r.ID(), Status: status, Started: r.Started().UTC().Format(time.RFC3339Nano),
		ElapsedMS: p.Elapsed.Milliseconds(), ProbesAttached: p.ProbesAttached,
		Events: p.Events, LostEvents: p.LostEvents,
		Trigger: sc.Trigger, Name: sc.Name, Script: cut(sc.Source, sourceShown),
	}
}

// cut shortens s to at most n bytes, marked, without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
