package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tracecar/cmd/tracecar/internal/text"
	"tracecar/collector"
	"tracecar/collector/executor"
)

// prepareHost mounts tracefs where that is missing and allowed: without it
// bpftrace finds no tracepoint at all.
func prepareHost() { _ = executor.MountTracefs() }

func newInfo() *cobra.Command {
	var f scriptFlags
	var format string
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Tell what bpftrace and this machine can do, as JSON",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			return showInfo(cmd, f, format)
		},
	}
	f.addHost(cmd)
	formatFlag(cmd, &format, "json")
	return cmd
}

func newDoctor() *cobra.Command {
	var f scriptFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is missing to trace on this machine, and how to mend it",
		Long: `Say what is missing to trace on this machine, and the command that mends it.

Exit codes: 0 scripts can run here, 1 they cannot.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return showInfo(cmd, f, "text") },
	}
	f.addHost(cmd)
	return cmd
}

func showInfo(cmd *cobra.Command, f scriptFlags, format string) error {
	r, err := f.runner(collector.Options{})
	if err != nil {
		return err
	}
	info := r.Info(cmd.Context())
	if format == "json" {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		if err := enc.Encode(info); err != nil {
			return &exitError{exitFailed, err}
		}
		return nil
	}
	fmt.Fprint(cmd.OutOrStdout(), text.Safe(infoText(info)))
	if !info.Available {
		return &exitError{code: exitFailed}
	}
	return nil
}

func infoText(info *collector.Info) string {
	var b strings.Builder
	yes := map[bool]string{true: "yes", false: "no"}
	row := func(name, value string) { fmt.Fprintf(&b, "%-10s %s\n", name, value) }
	if info.Version != "" {
		row("bpftrace", info.Version+" ("+info.Path+")")
	} else {
		row("bpftrace", "not found")
	}
	row("kernel", info.Kernel+" "+info.Arch)
	if info.Distro != "" {
		row("system", info.Distro)
	}
	row("root", yes[info.Root])
	if !info.Root && len(info.Capabilities) > 0 {
		row("may", strings.Join(info.Capabilities, " "))
	}
	row("BTF", yes[info.BTF])
	row("tracefs", yes[info.Tracefs])
	row("kprobes", yes[info.Kprobes])
	if info.Lockdown != "" {
		row("lockdown", info.Lockdown)
	}
	for _, p := range info.Problems {
		mark := "note"
		if p.Fatal {
			mark = "MISSING"
		}
		fmt.Fprintf(&b, "\n%s: %s\n", mark, p.What)
		if p.Fix != "" {
			fmt.Fprintf(&b, "  mend it: %s\n", p.Fix)
		}
	}
	const try = "Try:\n  tracecar run --format text --duration 3s -e '%s { @[comm] = count(); }'\n"
	switch {
	case !info.Available:
		b.WriteString("\nNo script can run here until what is MISSING is mended.\n")
	case info.Tracefs || slices.Contains(info.Capabilities, "CAP_SYS_ADMIN"): // run mounts it
		fmt.Fprintf(&b, "\nScripts can run here. "+try, "tracepoint:raw_syscalls:sys_enter")
	default:
		fmt.Fprintf(&b, "\nScripts without tracepoints can run here. "+try, "profile:hz:99")
	}
	return b.String()
}

func newProbes() *cobra.Command {
	var f scriptFlags
	var details bool
	cmd := &cobra.Command{
		Use:   "probes [PATTERN]",
		Short: "List the attach points that match a pattern",
		Example: `  tracecar probes 'tracepoint:sched:*'
  tracecar probes --details tracepoint:syscalls:sys_enter_openat`,
		Args: takes(0, 1, "PATTERN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.runner(collector.Options{})
			if err != nil {
				return err
			}
			prepareHost()
			probes, err := r.Probes(cmd.Context(), collector.ProbeSearch{Pattern: strings.Join(args, ""), Details: details, Trigger: "cli"})
			if err != nil {
				return &exitError{exitFailed, err}
			}
			if len(probes) == 0 {
				return &exitError{exitFailed, errors.New("no attach point matches")}
			}
			for _, p := range probes {
				fmt.Fprintln(cmd.OutOrStdout(), text.Safe(p.Name))
				for _, a := range p.Args {
					fmt.Fprintf(cmd.OutOrStdout(), "    %s %s\n", a.Type, a.Name)
				}
			}
			return nil
		},
	}
	f.addHost(cmd)
	cmd.Flags().BoolVar(&details, "details", false, "with their arguments")
	return cmd
}
