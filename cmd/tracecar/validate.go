package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tracecar/cmd/tracecar/internal/text"
	"tracecar/collector"
)

func newValidate() *cobra.Command {
	var f scriptFlags
	var format string
	cmd := &cobra.Command{
		Use:   "validate {FILE | - | @library/NAME | -e SCRIPT} [ARG]...",
		Short: "Have bpftrace check a script without attaching it",
		Long: `Have bpftrace check a script: syntax, types, and that its probes exist. Nothing
is attached. It needs root, as bpftrace does.

  tracecar validate opens.bt
  tracecar validate --format json -e 'BEGIN { printf("%d\n", $1); }' 5

Exit codes: 0 valid, 1 not valid, 2 wrong usage, 3 refused (--role).`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			s, err := f.read(cmd, args)
			if err != nil {
				return err
			}
			s.Sudo, s.Unsafe = f.sudo, f.unsafe
			warnUnused(cmd.ErrOrStderr(), &s)
			r, err := f.runner(collector.Options{})
			if err != nil {
				return err
			}
			prepareHost()
			v := r.Validate(cmd.Context(), s)
			if err := writeValidation(cmd, v, format); err != nil {
				return &exitError{exitFailed, err}
			}
			if v.Refused {
				return &exitError{code: exitRefused}
			}
			if !v.Valid {
				return &exitError{code: exitFailed}
			}
			return nil
		},
	}
	f.add(cmd)
	f.addRole(cmd)
	formatFlag(cmd, &format, "text")
	return cmd
}

func writeValidation(cmd *cobra.Command, v *collector.Validation, format string) error {
	if format == "json" {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	var b strings.Builder
	for _, d := range v.Diagnostics {
		if !d.Noise {
			b.WriteString(text.Diagnostic(d))
		}
	}
	switch {
	case v.Valid:
		b.WriteString("valid\n")
	case v.Refused:
		b.WriteString("refused\n")
	default:
		b.WriteString("not valid\n")
	}
	for _, p := range v.Probes {
		switch {
		case p.Matches < 0:
			fmt.Fprintf(&b, "  probe %s\n", p.Probe)
		case p.Matches == 1:
			fmt.Fprintf(&b, "  probe %s: 1 attach point\n", p.Probe)
		default:
			fmt.Fprintf(&b, "  probe %s: %d attach points\n", p.Probe, p.Matches)
		}
	}
	for _, m := range v.Maps {
		fmt.Fprintf(&b, "  map %s", m.Name)
		if len(m.Keys) > 0 {
			fmt.Fprintf(&b, "[%s]", strings.Join(m.Keys, ", "))
		}
		fmt.Fprintf(&b, ": %s\n", m.Kind)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), text.Safe(b.String()))
	return err
}
