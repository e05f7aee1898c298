package mcp

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

// prompt is a ready plan for a common question.
type prompt struct {
	name, title, describe string
	args                  []sdk.PromptArgument
	// plan gives the text for the arguments, or says which one is bad.
	plan func(args map[string]string) (string, error)
}

var (
	processArg = sdk.PromptArgument{Name: "process", Description: "Name of the process to look at, as in /proc/PID/comm; all processes if left out."}
	secondsArg = sdk.PromptArgument{Name: "seconds", Description: "How long to measure, in seconds (default 10)."}
	syscallArg = sdk.PromptArgument{Name: "syscall", Description: "The system call, for example read or futex; all of them if left out."}
	probeArg   = sdk.PromptArgument{Name: "probe", Description: "The attach point, for example tracepoint:sched:sched_switch.", Required: true}
)

func prompts() []prompt {
	return []prompt{
		{"investigate_latency", "Investigate latency", "Find out which system calls make a process wait, and how long.",
			[]sdk.PromptArgument{processArg, syscallArg, secondsArg}, planLatency},
		{"count_syscalls", "Count system calls", "Find out who makes how many system calls.",
			[]sdk.PromptArgument{processArg, secondsArg}, planSyscalls},
		{"profile_cpu", "Profile CPU use", "Find out what uses the CPU, by sampled kernel and user stacks.",
			[]sdk.PromptArgument{processArg, secondsArg}, planCPU},
		{"trace_file_access", "Trace file access", "Find out which files are opened, by whom, and which opens fail.",
			[]sdk.PromptArgument{processArg, secondsArg}, planFiles},
		{"explore_probe", "Explore an attach point", "Find out what an attach point offers and how often it fires.",
			[]sdk.PromptArgument{probeArg, secondsArg}, planProbe},
	}
}

func (s *Server) addPrompts() {
	for _, p := range prompts() {
		s.sdk.AddPrompt(sdk.Prompt{Name: p.name, Title: p.title, Description: p.describe, Arguments: p.args},
			func(_ context.Context, req sdk.GetPromptRequest) (*sdk.GetPromptResult, error) {
				if err := p.check(req.Params.Arguments); err != nil {
					return nil, err
				}
				plan, err := p.plan(req.Params.Arguments)
				if err != nil {
					return nil, err
				}
				return sdk.NewGetPromptResult(p.describe, []sdk.PromptMessage{
					sdk.NewPromptMessage(sdk.RoleUser, sdk.NewTextContent(plan)),
				}), nil
			})
	}
}

func (p prompt) check(args map[string]string) error {
	known := map[string]bool{}
	for _, a := range p.args {
		known[a.Name] = true
		if a.Required && args[a.Name] == "" {
			return &argumentError{a.Name, "is required: " + a.Description}
		}
	}
	for name := range args {
		if !known[name] {
			return &argumentError{name, "unknown to the prompt " + p.name}
		}
	}
	return nil
}

// commLimit is what the kernel keeps of a process's name, in bytes.
const commLimit = 15

// filter is the predicate for a process name, "" for all. The name becomes a
// string of the script, so what could end that string is escaped.
func filter(process string) (string, error) {
	if process == "" {
		return "", nil
	}
	for _, r := range process {
		if r < 0x20 || r == 0x7f || r == 0xfffd {
			return "", &argumentError{"process", "holds a control character"}
		}
	}
	if len(process) > commLimit {
		cutAt := commLimit
		for cutAt > 0 && process[cutAt]&0xc0 == 0x80 {
			cutAt--
		}
		process = process[:cutAt]
	}
	return fmt.Sprintf(` /comm == "%s"/`, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(process)), nil
}

var (
	wholeSeconds = regexp.MustCompile(`^[1-9][0-9]{0,3}$`)
	syscallName  = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)
	probeName    = regexp.MustCompile(`^[a-zA-Z]+:[^\s{}/"';]*(/[^\s{}"';]*)*$`)
)

func secondsOf(args map[string]string) (string, error) {
	s := args["seconds"]
	if s == "" {
		return "10", nil
	}
	if !wholeSeconds.MatchString(s) {
		return "", &argumentError{"seconds", "must be a whole number from 1 to 9999"}
	}
	return s, nil
}

// step is one script of a plan.
func step(timeout, script string) string {
	return fmt.Sprintf("execute_bpftrace_script with timeout %s and the script\n```\n%s\n```\n", timeout, script)
}

// basics reads the arguments that most prompts have.
func basics(args map[string]string) (pred, timeout, who string, err error) {
	if pred, err = filter(args["process"]); err != nil {
		return
	}
	timeout, err = secondsOf(args)
	who = "all processes"
	if args["process"] != "" {
		who = fmt.Sprintf("the process %q", args["process"])
	}
	return
}
