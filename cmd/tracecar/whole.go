//go:build !light

package main

import "github.com/spf13/cobra"

// serverCommands are those that need the libraries of a server; see light.go.
func serverCommands() []*cobra.Command {
	return []*cobra.Command{newMCP(), newServe(), newCheck()}
}
