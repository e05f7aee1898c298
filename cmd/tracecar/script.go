package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tracecar/collector"
	"tracecar/config"
	"tracecar/parser/script"
)

// maxScript bounds what is read as a script, in bytes.
const maxScript = 16 << 20

// scriptFlags are the flags of commands that take a script: FILE, - or -e.
type scriptFlags struct {
	exprs    []string
	bpftrace string
	sudo     bool
	unsafe   bool   // --unsafe was given
	role     string // "": the operator
	config   string // where roles are defined, "" for the built-in ones
}

func (f *scriptFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.exprs, "expr", "e", nil, "the `script` itself, instead of a file")
	f.addHost(cmd)
}

func (f *scriptFlags) addHost(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.bpftrace, "bpftrace", os.Getenv("TRACECAR_BPFTRACE_PATH"), "`path` of bpftrace (default: the first in PATH)")
	cmd.Flags().BoolVar(&f.sudo, "sudo", false, "use sudo -n when not root")
	_ = cmd.MarkFlagFilename("bpftrace")
}

// addRole adds the flags with which an operator tries a role.
func (f *scriptFlags) addRole(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.role, "role", "", "hold the script to the policy of this `role`, such as caller (default: operator, everything)")
	cmd.Flags().StringVar(&f.config, "config", "", "configuration `file` that defines the role")
	cmd.Flags().BoolVar(&f.unsafe, "unsafe", false, "allow system(), signal() and override(), as bpftrace --unsafe does")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// read returns the script; what follows a file or - are its parameters.
func (f *scriptFlags) read(cmd *cobra.Command, args []string) (s collector.Script, err error) {
	switch {
	case f.role == "" && cmd.Flags().Changed("config"):
		return s, usageError("--config defines what --role names: give --role too (probes of a configuration run with tracecar serve)")
	case len(f.exprs) > 1:
		return s, usageError("-e is given %d times: a run has one script", len(f.exprs))
	case len(f.exprs) == 1:
		s.Source, s.Name, s.Args = f.exprs[0], "-e", args
	case len(args) == 0:
		return s, usageError("no script: give a FILE, - for standard input, or -e 'SCRIPT'")
	case args[0] == strings.TrimSuffix(libraryPrefix, "/"), args[0] == libraryPrefix:
		return s, usageError("no NAME after @library/; tracecar library lists them")
	case strings.HasPrefix(args[0], libraryPrefix):
		return f.fromLibrary(cmd, strings.TrimPrefix(args[0], libraryPrefix), args[1:])
	default:
		text, err := readInput(cmd, args[0], maxScript)
		if err != nil {
			return s, err
		}
		s.Source, s.Name, s.Args = string(text), args[0], args[1:]
	}
	return s, nil
}

// fromLibrary takes a built-in script in the variant for the installed bpftrace.
func (f *scriptFlags) fromLibrary(cmd *cobra.Command, name string, args []string) (s collector.Script, err error) {
	r, err := f.runner(collector.Options{})
	if err != nil {
		return s, err
	}
	version, err := r.Version(cmd.Context())
	if err != nil {
		return s, &exitError{exitFailed, err}
	}
	s.Name, s.Library = libraryPrefix+name, name
	s.Source, s.Args, err = libraryRun(name, version, args)
	return s, err
}

// warnUnused says which arguments the script does not look at: with -e, all are
// its parameters, a name of a file too.
func warnUnused(stderr io.Writer, s *collector.Script) {
	p := script.Parse(s.Source)
	if s.Library == "" && len(s.Args) > p.Params && !p.HasParamCount && len(p.Unclear)+len(p.Includes)+len(p.Imports) == 0 {
		fmt.Fprintf(stderr, "tracecar: the script has no $%d: %q is not used\n", p.Params+1, s.Args[p.Params])
	}
}

// openFile opens a file to read. A directory is none.
func openFile(name string) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	if fi, err := file.Stat(); err == nil && fi.IsDir() {
		file.Close()
		return nil, usageError("%s is a directory, not a file", name)
	}
	return file, nil
}

// readInput reads a file, or standard input for "-".
func readInput(cmd *cobra.Command, name string, limit int64) ([]byte, error) {
	in := cmd.InOrStdin()
	if name != "-" {
		file, err := openFile(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return nil, &exitError{exitUsage, err} // it has the name
	case int64(len(text)) > limit:
		return nil, &exitError{exitUsage, fmt.Errorf("%s is larger than %d bytes", name, limit)}
	}
	return text, nil
}

func (f *scriptFlags) runner(o collector.Options) (*collector.Runner, error) {
	o.Bpftrace = f.bpftrace
	if f.role != "" {
		cfg, err := config.Load(f.config, os.Environ(), nil)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		if o.Roles, err = oneRole(cfg, f.role); err != nil {
			return nil, err
		}
	}
	if f.sudo {
		helper, err := helperArgv()
		if err != nil {
			return nil, err
		}
		o.Helper = helper
	}
	return collector.NewRunner(o), nil
}

// formatFlag is --format with its allowed values.
func formatFlag(cmd *cobra.Command, format *string, def string) {
	cmd.Flags().StringVar(format, "format", def, "`json` or text")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"json", "text"}, cobra.ShellCompDirectiveNoFileComp))
}

func checkFormat(format string) error {
	if format != "json" && format != "text" {
		return usageError("--format %q: want json or text", format)
	}
	return nil
}
