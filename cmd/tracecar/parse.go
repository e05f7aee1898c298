package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tracecar/collector"
)

func newParse() *cobra.Command {
	var format, bpftraceVersion, scriptFile string
	var maxEvents, maxRows int
	cmd := &cobra.Command{
		Use:   "parse [FILE | -]",
		Short: "Read recorded bpftrace -f json output and print its Result",
		Long: `Read what 'bpftrace -f json' printed, on another host or another day, and print
its Result. Give the script, and tell which version of bpftrace printed it,
where you can: kinds, names and types come from the script, and versions differ
in how they print keys. What cannot be told is marked.

  bpftrace -f json opens.bt > out.json
  tracecar parse --bpftrace-version 0.23.2 --script opens.bt out.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			rec := collector.Recording{Version: bpftraceVersion, MaxEvents: maxEvents, MaxRows: maxRows, Output: cmd.InOrStdin()}
			if scriptFile != "" {
				text, err := readInput(cmd, scriptFile, maxScript)
				if err != nil {
					return err
				}
				rec.Source = string(text)
			}
			if len(args) > 0 && args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return &exitError{exitUsage, err}
				}
				defer f.Close()
				rec.Output = f
			}
			res, err := rec.Fold()
			if err != nil {
				return &exitError{exitFailed, fmt.Errorf("read: %w", err)}
			}
			if err := writeResult(bufio.NewWriter(cmd.OutOrStdout()), res, format, false); err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	formatFlag(cmd, &format, "json")
	cmd.Flags().StringVar(&bpftraceVersion, "bpftrace-version", "", "the `version` of bpftrace that printed it, such as 0.23.2")
	cmd.Flags().StringVar(&scriptFile, "script", "", "the script that was run, a `file`")
	cmd.Flags().IntVar(&maxEvents, "max-events", 0, "keep at most this many events (default: all)")
	cmd.Flags().IntVar(&maxRows, "max-rows", 0, "keep at most this many rows per map, the largest (default: all)")
	return cmd
}
