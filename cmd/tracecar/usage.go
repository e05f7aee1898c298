package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// takes bounds the positional arguments of a command; what says which they are.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("no %s given", what)
		case len(args) > most:
			return fmt.Errorf("one %s is enough: what is %q for?", what, args[most])
		}
		return nil
	}
}

// wants says by the type of a flag what its value looks like.
var wants = map[string]string{
	"duration": "want a time such as 30s, 5m or 1h30m, at most 2562047h",
	"int":      "want a whole number",
	"bool":     "want true or false",
}

// flagError words what is wrong with a flag for people.
func flagError(cmd *cobra.Command, err error) error {
	rest, ok := strings.CutPrefix(err.Error(), "invalid argument ")
	value, rest, found := strings.Cut(rest, " for \"")
	name, _, end := strings.Cut(rest, "\" flag: ")
	if !ok || !found || !end {
		return err
	}
	f := cmd.Flags().Lookup(name[strings.LastIndexByte(name, '-')+1:])
	if long := strings.LastIndex(name, "--"); long >= 0 {
		f = cmd.Flags().Lookup(name[long+2:])
	}
	if f == nil || wants[f.Value.Type()] == "" {
		return err
	}
	return fmt.Errorf("--%s %s: %s", f.Name, value, wants[f.Value.Type()])
}

// notNegative refuses flags that count and are below zero.
func notNegative(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); strings.HasPrefix(f.Value.String(), "-") {
			return usageError("--%s must not be negative", name)
		}
	}
	return nil
}

// helpWidth is the width of help in columns: that of a terminal nobody made wider.
const helpWidth = 80

// usage is cobra's own, with flags wrapped at helpWidth. It is no template:
// text/template would keep the linker from leaving out methods nobody calls.
func usage(c *cobra.Command) error {
	w := c.OutOrStderr()
	fmt.Fprint(w, "Usage:")
	if c.Runnable() {
		fmt.Fprintf(w, "\n  %s", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n  %s [command]\n\nCommands:", c.CommandPath())
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(w, "\n  %-*s %s", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if c.HasExample() {
		fmt.Fprintf(w, "\n\nExamples:\n%s", c.Example)
	}
	if c.HasAvailableLocalFlags() {
		fmt.Fprintf(w, "\n\nFlags:\n%s", strings.TrimRight(c.LocalFlags().FlagUsagesWrapped(helpWidth), "\n"))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n\nMore about a command: %s [command] --help", c.CommandPath())
	}
	fmt.Fprintln(w)
	return nil
}
