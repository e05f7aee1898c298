//go:build light

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

// The commands that serve need libraries (MCP, gRPC, OpenTelemetry) that take
// longer to initialise than all else a one-shot run does. So bin/tracecar is
// built without them, and hands these commands to the whole program beside it.
const whole = "tracecar-server"

func serverCommands() []*cobra.Command {
	var cmds []*cobra.Command
	for _, c := range []struct{ name, short string }{
		{"mcp", "Serve MCP on standard input and output, for one agent"},
		{"serve", "The daemon: MCP over HTTP, scheduled probes, metrics"},
		{"check", "Check a configuration, and show what it would export"},
	} {
		cmds = append(cmds, &cobra.Command{
			Use: c.name, Short: c.short, DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error { return handOver() },
		})
	}
	return cmds
}

// handOver becomes the whole program, with the same arguments.
func handOver() error {
	path, err := findWhole()
	if err != nil {
		return &exitError{exitFailed, err}
	}
	err = syscall.Exec(path, append([]string{whole}, os.Args[1:]...), os.Environ())
	return &exitError{exitFailed, fmt.Errorf("start %s: %w", path, err)}
}

func findWhole() (string, error) {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if self, err := os.Executable(); err == nil {
		dirs = append([]string{filepath.Dir(self)}, dirs...)
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, whole)
		if fi, err := os.Stat(path); err == nil && filepath.IsAbs(dir) && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not beside tracecar nor in PATH: install both (make install)", whole)
}
