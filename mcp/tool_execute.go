package mcp

import (
	"context"
	"strings"
	"time"

	"tracecar/collector"
)

// maxKept caps what a call may ask to keep of events, and of rows per map.
const maxKept = 1_000_000

func (s *Server) executeTool() tool {
	o := s.runner.Options()
	return tool{
		name:        "execute_bpftrace_script",
		title:       "Run a bpftrace script",
		describe:    describeExecute,
		output:      schemaResult,
		destructive: true, // a script may call cat(), and with the operator's leave more
		params: []param{
			s.scriptParam(),
			{name: "timeout", kind: kindNumber, def: seconds(o.DefaultTimeout), hasMin: true, minOpen: true, hasMax: true, max: seconds(o.MaxTimeout),
				describe: "Seconds until the run is ended (fractions allowed). Reaching it is a success: everything printed and all maps are returned with status timed_out and exit_code 124."},
			sudoParam, argsParam, maxEventsParam(o), maxRowsParam(o),
		},
		call: s.execute,
	}
}

func (s *Server) scriptParam() param {
	return param{name: "script", kind: kindText, required: true, maxBytes: s.cfg.MaxScript,
		describe: "The bpftrace program, for example: tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } Or @library/NAME, a script that list_scripts shows."}
}

var (
	sudoParam = param{name: "use_sudo", kind: kindFlag, def: true,
		describe: "Run bpftrace through sudo -n where tracecar is not root already. Has no effect when it is."}
	argsParam = param{name: "args", kind: kindList,
		describe: "Positional parameters of the script: the first is $1, or str($1) as a string."}
)

func maxEventsParam(o collector.Options) param {
	return param{name: "max_events", kind: kindInteger, def: o.MaxEvents, hasMin: true, min: 1, hasMax: true, max: maxKept,
		describe: "Keep at most this many events (printf and the like); the rest is counted in truncated.events. Ask for few: each costs you to read."}
}

func maxRowsParam(o collector.Options) param {
	return param{name: "max_rows", kind: kindInteger, def: o.MaxRows, hasMin: true, min: 1, hasMax: true, max: maxKept,
		describe: "Keep at most this many rows per map; the rest is counted in truncated.rows."}
}

// script turns the arguments that execute and start share into a Script.
func (s *Server) script(ctx context.Context, c caller, a arguments, timeout time.Duration) (collector.Script, error) {
	source, args, name, err := s.resolve(ctx, a.text("script"), a.list("args"))
	if err != nil {
		return collector.Script{}, err
	}
	return collector.Script{
		Source:    source,
		Name:      name,
		Library:   strings.TrimPrefix(name, libraryPrefix),
		Args:      args,
		Timeout:   timeout,
		Sudo:      a.flag("use_sudo", true),
		MaxEvents: int(a.integer("max_events")),
		MaxRows:   int(a.integer("max_rows")),
		Trigger:   c.trigger,
		Caller:    c.who.caller(),
		Context:   context.WithoutCancel(ctx),
	}, nil
}

// timeoutOf reads the timeout argument; def stands where it is not given.
func timeoutOf(a arguments, def time.Duration) time.Duration {
	if !a.has("timeout") {
		return def
	}
	// A nanosecond at least: 0 would mean no limit.
	return max(time.Duration(a.number("timeout")*float64(time.Second)), 1)
}

func (s *Server) execute(ctx context.Context, c caller, a arguments) *answer {
	sc, err := s.script(ctx, c, a, timeoutOf(a, s.runner.Options().DefaultTimeout))
	if err != nil {
		return refuse(err)
	}
	r, err := s.admit(c.who, func() run { return s.runner.Begin(ctx, sc) })
	if err != nil {
		return refuse(err)
	}
	s.await(r, c.progress)
	res, _ := r.Result(0)
	return answerRun(nil, res)
}

// await waits until r has ended. When the caller goes or cancels, the context
// that r was begun with stops it the gentle way, and its Result still holds
// what was printed.
func (s *Server) await(r run, progress func(progressReport)) {
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
		case <-tick:
			progress(reportOf(r))
		}
	}
}

func seconds(d time.Duration) float64 { return d.Seconds() }
