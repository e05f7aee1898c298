package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tracecar/collector/executor"
	"tracecar/examples"
)

// libraryPrefix before a name means a script of the library.
const libraryPrefix = "@library/"

func newLibrary() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "library [NAME]",
		Short: "List the built-in scripts, or show one",
		Long: `List the built-in scripts by the question they answer, or show one with its
text. Run one by its name:

  tracecar run --format text --duration 10s @library/NAME [ARG]...`,
		Args: takes(0, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if len(args) == 1 {
				s, ok := examples.Get(strings.TrimPrefix(args[0], libraryPrefix), "")
				if !ok {
					return &exitError{exitFailed, noScript(args[0])}
				}
				if format == "json" {
					return json.NewEncoder(out).Encode(s)
				}
				_, err := fmt.Fprint(out, s.Source)
				return err
			}
			if format == "json" {
				return json.NewEncoder(out).Encode(examples.List())
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			for _, s := range examples.List() {
				fmt.Fprintf(w, "%s\t%s\n", s.Name, s.Question)
			}
			return w.Flush()
		},
	}
	formatFlag(cmd, &format, "text")
	return cmd
}

// library fills in a script of the library.
func libraryRun(name, bpftraceVersion string, args []string) (source string, filled []string, err error) {
	s, ok := examples.Get(name, bpftraceVersion)
	if !ok {
		return "", nil, &exitError{exitUsage, noScript(name)}
	}
	filled, err = s.Args(args)
	if err != nil {
		return "", nil, usageError("%v", err)
	}
	return s.Source, filled, nil
}

// noScript says that the library has no such script, and which may be meant.
func noScript(name string) error {
	var names []string
	for _, s := range examples.List() {
		names = append(names, s.Name)
	}
	near := executor.Nearest(strings.TrimPrefix(name, libraryPrefix), names)
	if len(near) == 0 {
		return fmt.Errorf("no script %q in the library; tracecar library lists them", name)
	}
	return fmt.Errorf("no script %q in the library; did you mean %s?", name, strings.Join(near, " or "))
}
