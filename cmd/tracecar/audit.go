package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tracecar/cmd/tracecar/internal/text"
	"tracecar/collector/audit"
)

func newAudit() *cobra.Command {
	var f audit.Filter
	var since time.Duration
	var format string
	cmd := &cobra.Command{
		Use:   "audit FILE",
		Short: "List who ran what, from the audit log",
		Long: `List the entries of an audit log (audit.file of the configuration), its older
files included: one for each decision, and one for each run.`,
		Args: takes(1, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			if err := notNegative(cmd, "last", "since"); err != nil {
				return err
			}
			if since > 0 {
				f.Since = time.Now().Add(-since)
			}
			out := cmd.OutOrStdout()
			bad, err := audit.Read(args[0], f, func(e audit.Entry) error {
				if format == "json" {
					return json.NewEncoder(out).Encode(e)
				}
				_, err := fmt.Fprintln(out, text.Safe(auditLine(e)))
				return err
			})
			if err != nil {
				return asFailure(err)
			}
			if bad > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "tracecar: lines that are no entries of an audit log: %d\n", bad)
			}
			return nil
		},
	}
	formatFlag(cmd, &format, "text")
	cmd.Flags().DurationVar(&since, "since", 0, "only entries of the last `time`, such as 24h")
	cmd.Flags().StringVar(&f.Who, "who", "", "only entries of this token, role, client or address")
	cmd.Flags().StringVar(&f.Outcome, "outcome", "", "only entries with this outcome: allowed, refused, completed, …")
	cmd.Flags().StringVar(&f.Rule, "rule", "", "only refusals by this rule")
	cmd.Flags().IntVar(&f.Last, "last", 0, "only so many, the youngest")
	return cmd
}

func auditLine(e audit.Entry) string {
	who := e.Who.Token
	if who == "" {
		who = e.Who.Trigger
	}
	if e.Who.Client != "" {
		who += " (" + e.Who.Client + ")"
	}
	line := fmt.Sprintf("%s  %-8s %-9s %s", e.Time.Format(time.RFC3339), e.Event, e.Outcome, who)
	if e.Script.Name != "" {
		line += "  " + e.Script.Name
	}
	if len(e.Script.SHA256) >= 12 {
		line += "  script " + e.Script.SHA256[:12]
	}
	if e.Script.Unsafe {
		line += "  unsafe"
	}
	for _, b := range e.Broken {
		line += "  broke " + b.Rule
		if b.Line > 0 {
			line += fmt.Sprintf(" at %d:%d", b.Line, b.Column)
		}
		if b.Message != "" {
			line += ": " + b.Message
		} else if b.Reason != "" {
			line += ": " + b.Reason
		}
	}
	if e.Reason != "" {
		line += "  " + e.Reason
	}
	switch e.Event {
	case audit.EventRun:
		line += fmt.Sprintf("  %.1f s, %s, %s, kernel %v, bpftrace %v", e.Cost.Duration.Seconds(),
			text.Count(e.Cost.Events, "event"), text.Count(e.Cost.Output, "byte"), e.Cost.KernelCPU, e.Cost.BpftraceCPU)
	case audit.EventDecision:
		line += "  " + e.Cost.Duration.String()
	}
	return line
}
