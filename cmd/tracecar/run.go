package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tracecar/cmd/tracecar/internal/text"
	"tracecar/collector"
	"tracecar/collector/executor"
)

func newRun() *cobra.Command {
	var f scriptFlags
	var format string
	var stream bool
	var duration time.Duration
	var args []string
	var maxEvents, maxRows int
	cmd := &cobra.Command{
		Use:   "run {FILE | - | @library/NAME | -e SCRIPT} [ARG]...",
		Short: "Run one script and print its Result",
		Long: `Run one bpftrace script and print one Result on standard output: what it
printed, its maps with typed keys, how it ended.

A script that does not end by itself runs until --duration is over, or Ctrl-C;
both are a normal end, its maps are printed. The duration counts from when all
probes are attached. ARGs are the script's positional parameters $1, $2, ….

  tracecar run --duration 10s -e 'profile:hz:99 { @[kstack] = count(); }'
  tracecar run --format text opens.bt
  tracecar run --stream - < opens.bt | jq .data

Exit codes: 0 the script ended, its time was up, or Ctrl-C; 1 it failed
(diagnostics on standard error too); 2 wrong usage; 3 refused.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, pos []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			if duration < 0 {
				return usageError("--duration must not be negative")
			}
			s, err := f.read(cmd, pos)
			if err != nil {
				return err
			}
			s.Args = append(s.Args, args...)
			s.Timeout, s.Sudo, s.Trigger = duration, f.sudo, "cli"
			s.MaxEvents, s.MaxRows = maxEvents, maxRows
			r, err := f.runner(collector.Options{Limits: executor.Limits{Ungrouped: f.role == ""}, MaxEvents: 1_000_000, MaxRows: 1 << 30, MaxEventBytes: 1 << 30})
			if err != nil {
				return err
			}
			prepareHost()
			return runScript(cmd, r, s, format, stream)
		},
	}
	f.add(cmd)
	f.addRole(cmd)
	formatFlag(cmd, &format, "json")
	cmd.Flags().BoolVar(&stream, "stream", false, "print each record as a line of JSON (or as text) when it comes, the Result last")
	cmd.Flags().DurationVar(&duration, "duration", 0, "stop after this `time` of tracing, such as 30s (default: when the script ends)")
	cmd.Flags().StringArrayVar(&args, "args", nil, "one positional `parameter` of the script; repeat it for more")
	cmd.Flags().IntVar(&maxEvents, "max-events", 0, "keep at most this many events in the Result (default 1000000)")
	cmd.Flags().IntVar(&maxRows, "max-rows", 0, "keep at most this many rows per map, the largest (default: all)")
	return cmd
}

func runScript(cmd *cobra.Command, r *collector.Runner, s collector.Script, format string, stream bool) error {
	out := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
	var sinks []collector.Sink
	var st *streamer
	if stream {
		st = newStreamer(out, format)
		sinks = append(sinks, st)
		// The Result that follows has no events: they were all printed.
		s.MaxEvents = 1
	}
	run := r.Begin(cmd.Context(), s, sinks...)
	stop := showProgress(cmd.ErrOrStderr(), run, s.Timeout)
	<-run.Done()
	stop()
	res, _ := run.Result(0)
	if st != nil {
		res.Events, res.Truncated.Events = []collector.Event{}, 0
		if st.err != nil {
			return &exitError{exitFailed, fmt.Errorf("write the stream: %w", st.err)}
		}
	}
	if err := writeResult(out, res, format, stream); err != nil {
		return &exitError{exitFailed, fmt.Errorf("write the result: %w", err)}
	}
	return resultExit(cmd.ErrOrStderr(), res, format)
}

func writeResult(out *bufio.Writer, res *collector.Result, format string, stream bool) error {
	var err error
	switch {
	case format == "text":
		err = text.Write(out, res)
	case stream:
		err = json.NewEncoder(out).Encode(map[string]any{"type": "result", "data": res})
	default:
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(res)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// resultExit turns how the run ended into tracecar's exit code, with the
// diagnostics of a failure on standard error (text has shown them already).
func resultExit(stderr io.Writer, res *collector.Result, format string) error {
	code := exitOK
	switch res.Status {
	case collector.StatusFailed, collector.StatusKilled:
		code = exitFailed
	case collector.StatusRefused:
		code = exitRefused
	default:
		return nil
	}
	if format != "text" {
		for _, d := range res.Diagnostics {
			if !d.Noise {
				fmt.Fprint(stderr, text.Diagnostic(d))
			}
		}
	}
	return &exitError{code: code}
}
