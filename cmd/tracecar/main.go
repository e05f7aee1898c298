// Command tracecar runs bpftrace scripts and gives exact, typed data: to a
// person, to programs as JSON, and to agents over MCP. See tracecar --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes of tracecar, also in the help text.
const (
	exitOK      = 0
	exitFailed  = 1 // the script failed; diagnostics are on stderr
	exitUsage   = 2
	exitRefused = 3
)

// exitError ends the program with a code, printing err unless it is nil.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func main() {
	// The root helper is found by its exact command line, before any flag is
	// looked at: a sudoers line allows just this.
	if len(os.Args) == 2 && os.Args[1] == helperCommand {
		os.Exit(runHelper())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, stop, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process around it.
func run(ctx context.Context, stop func(), args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// After the first signal the default action is back: a second one ends
	// tracecar at once (and bpftrace with it).
	context.AfterFunc(ctx, stop)
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		if e.err != nil {
			fmt.Fprintln(stderr, "tracecar:", e.err)
		}
		return e.code
	}
	// What cobra itself refuses is wrong usage.
	fmt.Fprintf(stderr, "tracecar: %v\nSee '%s --help'.\n", err, cmd.CommandPath())
	return exitUsage
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "tracecar",
		Short: "Run bpftrace scripts and get exact, typed data",
		Long: `tracecar runs bpftrace scripts and turns what they print into exact, typed
data: for you as text, for programs as JSON, for AI agents over MCP.

  tracecar run -e 'profile:hz:99 { @[comm] = count(); }' --duration 5s
  tracecar doctor          what this machine can trace, and what is missing
  tracecar serve           MCP for agents at http://127.0.0.1:8421/mcp

Exit codes: 0 the script ended or its time was up, 1 it failed, 2 wrong usage,
3 refused.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(usage)
	root.AddCommand(newRun(), newValidate(), newParse(), newInfo(), newDoctor(), newProbes(), newLibrary(), newWatch(), newAudit(), newSudoers(), newVersion())
	root.AddCommand(serverCommands()...)
	return root
}

// asFailure gives an error the exit code 1, unless it has one.
func asFailure(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*exitError](err); ok {
		return err
	}
	return &exitError{exitFailed, err}
}
