package main

import (
	"fmt"
	"os"

	"tracecar/collector"
	"tracecar/collector/executor"
)

// helperCommand is the one argument with which tracecar is its own root
// helper. It is hidden, and must be the only one: the sudoers line names the
// exact command.
const helperCommand = "root-helper"

// runHelper serves the tracecar that started this one through sudo, over the
// socket that is its standard input.
func runHelper() int {
	err := executor.ServeHelper(os.Stdin, executor.HelperOptions{Handlers: collector.RootHandlers()})
	if err != nil {
		fmt.Fprintln(os.Stderr, "tracecar root-helper:", err)
		return exitFailed
	}
	return exitOK
}
