package main

import (
	"bufio"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tracecar/collector"
	"tracecar/collector/versions"
)

func newParse() *cobra.Command {
	var o outputFlags
	var bpftraceVersion, scriptFile string
	var maxEvents, maxRows int
	cmd := &cobra.Command{
		Use:   "parse [FILE | -]",
		Short: "Read recorded bpftrace -f json output and print its Result",
		Long: `Read what 'bpftrace -f json' printed, on another host or another day, and print
its Result. Give the script, and tell which version of bpftrace printed it,
where you can: kinds, names and types come from the script, and versions differ
in how they print keys. What cannot be told is marked.

  bpftrace -f json opens.bt > out.json
  tracecar parse --bpftrace-version 0.23.2 --script opens.bt out.json
  tracecar parse --script profile.bt --format flamegraph -o cpu.svg out.json`,
		Args: takes(0, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			if err := notNegative(cmd, "max-events", "max-rows"); err != nil {
				return err
			}
			if bpftraceVersion != "" && !versions.Is(bpftraceVersion) {
				return usageError("--bpftrace-version %q: want a version such as 0.23.2, or v0.23.2", bpftraceVersion)
			}
			rec := collector.Recording{Version: bpftraceVersion, MaxEvents: maxEvents, MaxRows: maxRows, Output: cmd.InOrStdin()}
			if scriptFile != "" {
				text, err := readInput(cmd, scriptFile, maxScript)
				if err != nil {
					return err
				}
				rec.Source = string(text)
			}
			if o.profiles && scriptFile == "" {
				return usageError("--format %s needs the script: give --script FILE", o.format)
			}
			if err := o.choose(rec.Source); err != nil {
				return err
			}
			if len(args) > 0 && args[0] != "-" {
				f, err := openFile(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				rec.Output = f
			}
			out, done, err := o.open(cmd)
			if err != nil {
				return err
			}
			return done(parseTo(cmd, &rec, &o, out))
		},
	}
	o.add(cmd)
	cmd.Flags().StringVar(&bpftraceVersion, "bpftrace-version", "", "the `version` of bpftrace that printed it, such as 0.23.2")
	cmd.Flags().StringVar(&scriptFile, "script", "", "the script that was run, a `file`")
	cmd.Flags().IntVar(&maxEvents, "max-events", 0, "keep at most this many events (default: all)")
	cmd.Flags().IntVar(&maxRows, "max-rows", 0, "keep at most this many rows per map, the largest (default: all)")
	return cmd
}

func parseTo(cmd *cobra.Command, rec *collector.Recording, o *outputFlags, out *bufio.Writer) error {
	res, err := rec.Fold()
	if err != nil {
		return &exitError{exitFailed, fmt.Errorf("read: %w", err)}
	}
	if o.profiles {
		return o.profile(out, cmd.ErrOrStderr(), res, &collector.Script{Source: rec.Source}, time.Time{})
	}
	if err := o.write(out, res, false); err != nil {
		return &exitError{exitFailed, err}
	}
	if len(res.Diagnostics) > 0 && len(res.Events)+len(res.Maps) == 0 && res.ProbesAttached == 0 && res.Truncated.Events == 0 && res.LostEvents == 0 {
		return &exitError{exitFailed, errors.New("nothing in it is output of bpftrace -f json: was it recorded with -f json?")}
	}
	return nil
}
