package main

import (
	"bufio"
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
	var o outputFlags
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
both are a normal end, its maps are printed. bpftrace detaches its probes first,
which can take seconds; a second Ctrl-C gives the Result up. The duration counts
from when all probes are attached. ARGs are the positional parameters $1, $2, ….
Map rows of a streamed record can be ambiguous that are exact in the Result.

  tracecar run --duration 10s -e 'profile:hz:99 { @[kstack] = count(); }'
  tracecar run --format text opens.bt
  tracecar run --stream - < opens.bt | jq .data
  tracecar run --duration 10s --format flamegraph -o cpu.svg profile.bt

The formats folded, pprof and flamegraph show one map that counts or sums by
kstack or ustack: as text for flame graph tools, as a file for go tool pprof, as
a picture. Other parts of its key (comm, pid) are root frames, or labels.

Exit codes: 0 the script ended, its time was up, or Ctrl-C; 1 it failed
(diagnostics on standard error too); 2 wrong usage; 3 refused.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, pos []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			if err := notNegative(cmd, "duration", "max-events", "max-rows"); err != nil {
				return err
			}
			if stream && o.profiles {
				return usageError("--stream is for --format json and text: a profile is made at the end")
			}
			s, err := f.read(cmd, pos)
			if err != nil {
				return err
			}
			s.Args = append(s.Args, args...)
			s.Timeout, s.Sudo, s.Unsafe, s.Trigger = duration, f.sudo, f.unsafe, "cli"
			s.MaxEvents, s.MaxRows = maxEvents, maxRows
			if err := o.choose(s.Source); err != nil {
				return err
			}
			warnUnused(cmd.ErrOrStderr(), &s)
			r, err := f.runner(collector.Options{Limits: executor.Limits{Ungrouped: f.role == ""}, MaxEvents: 1_000_000, MaxRows: 1 << 30, MaxEventBytes: 1 << 30})
			if err != nil {
				return err
			}
			prepareHost()
			return runScript(cmd, r, s, &o, stream)
		},
	}
	f.add(cmd)
	f.addRole(cmd)
	o.add(cmd)
	cmd.Flags().BoolVar(&stream, "stream", false, "print each record as a line of JSON (or as text) when it comes, the Result last")
	cmd.Flags().DurationVar(&duration, "duration", 0, "stop after this `time` of tracing, such as 30s (default: when the script ends)")
	cmd.Flags().StringArrayVar(&args, "args", nil, "one positional `parameter` of the script; repeat it for more")
	cmd.Flags().IntVar(&maxEvents, "max-events", 0, "keep at most this many events in the Result (default 1000000)")
	cmd.Flags().IntVar(&maxRows, "max-rows", 0, "keep at most this many rows per map, the largest (default: all)")
	return cmd
}

func runScript(cmd *cobra.Command, r *collector.Runner, s collector.Script, o *outputFlags, stream bool) error {
	out, done, err := o.open(cmd)
	if err != nil {
		return err
	}
	return done(runTo(cmd, r, s, o, stream, out))
}

func runTo(cmd *cobra.Command, r *collector.Runner, s collector.Script, o *outputFlags, stream bool, out *bufio.Writer) error {
	var sinks []collector.Sink
	var st *streamer
	line := newProgress(cmd.ErrOrStderr())
	if stream {
		records := out
		if o.file == "" && line.w != nil && toTerminal(cmd.OutOrStdout()) {
			records = bufio.NewWriterSize(line.above(cmd.OutOrStdout()), 64<<10)
		}
		st = newStreamer(records, o.format)
		sinks = append(sinks, st)
		// The Result that follows has no events: they were all printed.
		s.MaxEvents = 1
	}
	run := r.Begin(cmd.Context(), s, sinks...)
	stop := line.follow(cmd.Context(), run, s.Timeout)
	<-run.Done()
	stop()
	res, _ := run.Result(0)
	if st != nil {
		res.Events, res.Truncated.Events = []collector.Event{}, 0
		if st.err != nil {
			return &exitError{exitFailed, fmt.Errorf("write the stream: %w", st.err)}
		}
	}
	if o.profiles {
		if failed := resultExit(cmd.ErrOrStderr(), res, o.format); failed != nil {
			return failed
		}
		return o.profile(out, cmd.ErrOrStderr(), res, &s, run.AttachedAt())
	}
	if o.format == "text" {
		res = readable(res, &s)
	}
	if err := o.write(out, res, stream); err != nil {
		return &exitError{exitFailed, err}
	}
	return resultExit(cmd.ErrOrStderr(), res, o.format)
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
