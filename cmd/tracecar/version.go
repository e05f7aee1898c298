package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// linkedVersion is set by the linker (-X main.linkedVersion=…).
var linkedVersion string

// version is what was built: the linked version, else what Go recorded.
func version() string {
	if linkedVersion != "" {
		return linkedVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// newVersion is for those who try the word before the flag.
func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version, as --version does", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "tracecar version", version())
			return err
		},
	}
}
