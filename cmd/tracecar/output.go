package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tracecar/cmd/tracecar/internal/text"
	"tracecar/collector"
)

// outputFlags are the flags of commands that print a Result.
type outputFlags struct {
	format   string
	file     string
	mapName  string
	offsets  bool
	profiles bool // mapName is chosen: the format is one of profileFormats
}

var (
	resultFormats  = []string{"json", "text"}
	profileFormats = []string{"folded", "pprof", "flamegraph"}
)

func (o *outputFlags) add(cmd *cobra.Command) {
	all := slices.Concat(resultFormats, profileFormats)
	cmd.Flags().StringVar(&o.format, "format", "json", "`json`, text, or of a map of stacks: folded, pprof, flamegraph (SVG)")
	cmd.Flags().StringVarP(&o.file, "output", "o", "", "write to this `file` instead of standard output")
	cmd.Flags().StringVar(&o.mapName, "map", "", "the `@map` of stacks to show (default: the only one)")
	cmd.Flags().BoolVar(&o.offsets, "offsets", true, "keep the +offset behind symbols in folded stacks; =false merges what differs in them")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp))
}

// check refuses what cannot be, before anything is run or read.
func (o *outputFlags) check(cmd *cobra.Command) error {
	o.profiles = slices.Contains(profileFormats, o.format)
	switch {
	case !o.profiles && !slices.Contains(resultFormats, o.format):
		return usageError("--format %q: want json, text, folded, pprof or flamegraph", o.format)
	case !o.profiles && cmd.Flags().Changed("map"):
		return usageError("--map is for --format folded, pprof and flamegraph: %s shows all maps", o.format)
	case o.format != "folded" && cmd.Flags().Changed("offsets"):
		return usageError("--offsets is for --format folded")
	case o.format == "pprof" && o.file == "" && toTerminal(cmd.OutOrStdout()):
		return usageError("--format pprof is not text: give -o FILE")
	case cmd.Flags().Changed("output") && o.file == "":
		return usageError("-o wants the name of a file")
	}
	o.mapName = mapNamed(o.mapName)
	return nil
}

// mapNamed is the name of a map, with the @ that a shell or a URL lets fall.
func mapNamed(name string) string {
	if name != "" && !strings.HasPrefix(name, "@") {
		return "@" + name
	}
	return name
}

// open gives what is written to. done, called once with how the command went,
// leaves a whole file or, where it failed, the file as it was.
func (o *outputFlags) open(cmd *cobra.Command) (out *bufio.Writer, done func(error) error, err error) {
	if o.file == "" {
		return bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10), func(err error) error { return err }, nil
	}
	_, statErr := os.Lstat(o.file)
	f, err := os.OpenFile(o.file, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, nil, &exitError{exitUsage, err}
	}
	w := &overwriter{f: f}
	return bufio.NewWriterSize(w, 64<<10), func(err error) error {
		if !w.begun && os.IsNotExist(statErr) && err != nil {
			_ = os.Remove(o.file) // it was made for this
		}
		if closeErr := f.Close(); err == nil && closeErr != nil {
			return &exitError{exitFailed, closeErr}
		}
		return err
	}, nil
}

// overwriter empties a file at the first write.
type overwriter struct {
	f     *os.File
	begun bool
}

func (w *overwriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		if fi, err := w.f.Stat(); err == nil && fi.Mode().IsRegular() {
			if err := w.f.Truncate(0); err != nil {
				return 0, err
			}
		}
	}
	return w.f.Write(p)
}

func toTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f)
}

// write writes res; stream says that its events were printed before.
func (o *outputFlags) write(out *bufio.Writer, res *collector.Result, stream bool) error {
	var err error
	switch {
	case o.format == "text":
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
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
