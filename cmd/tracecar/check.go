//go:build !light

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tracecar/cmd/tracecar/internal/text"
	"tracecar/collector"
	"tracecar/collector/otlp"
	"tracecar/config"
)

func newCheck() *cobra.Command {
	var schema bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration, and show what it would export",
		Long: `Check a configuration: every key and value, and each script with the installed
bpftrace; then show what each probe would export. Nothing is attached.

--schema prints a JSON Schema of the configuration, for editors.

Exit codes: 0 good, 1 not good, 2 wrong usage.`,
		Args: takes(0, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if schema {
				_, err := cmd.OutOrStdout().Write(config.Schema())
				return err
			}
			if len(args) == 0 {
				return usageError("no FILE to check")
			}
			cfg, err := config.Load(args[0], os.Environ(), nil)
			if err != nil {
				return &exitError{exitFailed, err}
			}
			return check(cmd.Context(), cmd.OutOrStdout(), cfg)
		},
	}
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the configuration")
	return cmd
}

func check(ctx context.Context, out io.Writer, cfg *config.Config) error {
	probes, err := scheduledProbes(cfg)
	if err != nil {
		return &exitError{exitFailed, err}
	}
	quietSDK()
	exporter, err := otlp.New(ctx, otlpConfig(cfg))
	if err != nil {
		return &exitError{exitFailed, err}
	}
	defer func() { _ = exporter.Shutdown(ctx) }() // it has sent nothing
	opts, err := runnerOptions(cfg)
	if err != nil {
		return err
	}
	prepareHost()
	r := collector.NewRunner(opts)
	declared := otlpProbes(cfg)
	var b strings.Builder
	for _, err := range cfg.Unheard() {
		fmt.Fprintf(&b, "warning: %v\n", err)
	}
	bad := 0
	for i := range probes {
		if !checkProbe(ctx, &b, r, cfg, i, &probes[i], declared[probes[i].Name]) {
			bad++
		}
	}
	fmt.Fprint(out, text.Safe(b.String()))
	if bad > 0 {
		return &exitError{exitFailed, fmt.Errorf("%d of %d probes are not good", bad, len(probes))}
	}
	fmt.Fprintf(out, "%d probes, all good\n", len(probes))
	return nil
}

// checkProbe writes what there is to say of probe i, and tells whether it is
// good.
func checkProbe(ctx context.Context, b *strings.Builder, r *collector.Runner, cfg *config.Config, i int, p *collector.Probe, decl otlp.Probe) bool {
	fmt.Fprintf(b, "%s\n", p.Name)
	source, ok := r.ProbeSource(ctx, p)
	if !ok {
		fmt.Fprintf(b, "  error: %v\n", cfg.At(fmt.Sprintf("probes[%d]", i), "none of its scripts is for the installed bpftrace, or there is none installed", "tracecar doctor tells"))
		return false
	}
	v := r.Validate(ctx, collector.Script{Source: source, Args: p.Args, Sudo: p.Sudo, Unsafe: p.Unsafe})
	if !v.Valid {
		fmt.Fprintf(b, "  in %s\n", place(cfg, i, source))
	}
	for _, d := range v.Diagnostics {
		if !d.Noise {
			b.WriteString("  " + strings.ReplaceAll(strings.TrimSuffix(text.Diagnostic(d), "\n"), "\n", "\n  ") + "\n")
		}
	}
	if p.Unsafe {
		b.WriteString("  unsafe: runs with --unsafe, so it may run commands as root and change what it observes\n")
	}
	for _, ap := range v.Probes {
		if ap.Matches > 1 {
			fmt.Fprintf(b, "  attaches to %d of %s\n", ap.Matches, ap.Probe)
		}
	}
	for _, err := range placed(cfg, i, otlp.Mistakes(source, otlpProbe(&cfg.Probes[i]))) {
		fmt.Fprintf(b, "  error: %v\n", err)
		v.Valid = false
	}
	for _, line := range otlp.Outline(p.Name, source, decl) {
		b.WriteString("  " + line + "\n")
	}
	return v.Valid
}

// place tells where the script that probe i runs comes from: positions in what
// bpftrace says of it count from its own first line.
func place(cfg *config.Config, i int, source string) string {
	p := &cfg.Probes[i]
	key, file, library := fmt.Sprintf("probes[%d]", i), p.File, p.Library
	if v := slices.IndexFunc(p.Versions, func(v config.Variant) bool { return v.Library == "" && v.Source == source }); v >= 0 {
		key, file, library = fmt.Sprintf("%s.versions[%d]", key, v), p.Versions[v].File, ""
	}
	switch {
	case file != "":
		return file
	case library != "":
		key += ".library"
	default:
		key += ".script"
	}
	return fmt.Sprintf("%v: %s", cfg.At(key, "", "").Position, key)
}
