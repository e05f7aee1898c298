package mcp

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	sdk "github.com/mark3labs/mcp-go/mcp"

	"tracecar/collector"
)

// maxCompletions is the protocol's bound on one answer.
const maxCompletions = 100

// completer completes the arguments of prompts and resources with what is on
// this host now.
type completer struct{ server *Server }

// CompletePromptArgument completes process, syscall, probe and seconds.
func (c completer) CompletePromptArgument(ctx context.Context, _ string, arg sdk.CompleteArgument, _ sdk.CompleteContext) (*sdk.Completion, error) {
	switch arg.Name {
	case "process":
		return matching(processNames(), arg.Value), nil
	case "syscall":
		const prefix = "tracepoint:syscalls:sys_enter_"
		if strings.ContainsAny(arg.Value, "*:[] \n") {
			return matching(nil, ""), nil
		}
		names := c.probes(ctx, prefix+arg.Value+"*")
		for i, n := range names {
			names[i] = strings.TrimPrefix(n, prefix)
		}
		return matching(names, arg.Value), nil
	case "probe":
		if !strings.Contains(arg.Value, ":") {
			return matching([]string{"tracepoint:", "kprobe:", "kretprobe:", "uprobe:", "software:", "hardware:", "fentry:", "fexit:", "rawtracepoint:"}, arg.Value), nil
		}
		return matching(c.probes(ctx, arg.Value+"*"), arg.Value), nil
	case "seconds":
		return matching([]string{"5", "10", "30", "60"}, arg.Value), nil
	}
	return matching(nil, ""), nil
}

// CompleteResourceArgument completes the id of a run that the caller may read.
func (c completer) CompleteResourceArgument(ctx context.Context, _ string, arg sdk.CompleteArgument, _ sdk.CompleteContext) (*sdk.Completion, error) {
	if arg.Name != "id" {
		return matching(nil, ""), nil
	}
	var ids []string
	who := c.server.identity(ctx)
	for _, r := range c.server.runner.List() {
		if who.mayRead(r.Script()) {
			ids = append(ids, r.ID())
		}
	}
	return matching(ids, arg.Value), nil
}

// probes lists names; a failure gives none, for a completion is only a help.
func (c completer) probes(ctx context.Context, pattern string) []string {
	if namesFile(pattern) {
		return nil
	}
	leave, err := c.server.lookups.enter(ctx)
	if err != nil {
		return nil
	}
	defer leave()
	found, err := c.server.runner.Probes(ctx, collector.ProbeSearch{
		Pattern: pattern, Trigger: "mcp", Caller: c.server.identity(ctx).caller(),
	})
	if err != nil {
		c.server.log.Debug("no completion", "pattern", pattern, "err", err)
	}
	names := make([]string, len(found))
	for i, p := range found {
		names[i] = p.Name
	}
	return names
}

// processNames are the names of the processes now, sorted, each once.
func processNames() []string {
	files, _ := filepath.Glob("/proc/[0-9]*/comm")
	var names []string
	for _, f := range files {
		// A process may end meanwhile.
		if b, err := os.ReadFile(f); err == nil {
			names = append(names, strings.ToValidUTF8(strings.TrimSuffix(string(b), "\n"), "\ufffd"))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func matching(all []string, prefix string) *sdk.Completion {
	found := []string{}
	for _, v := range all {
		if strings.HasPrefix(v, prefix) {
			found = append(found, v)
		}
	}
	return &sdk.Completion{
		Values:  found[:min(len(found), maxCompletions)],
		Total:   len(found),
		HasMore: len(found) > maxCompletions,
	}
}
