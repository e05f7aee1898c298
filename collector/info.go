package collector

import (
	"context"
	"time"

	"tracecar/collector/executor"
	"tracecar/collector/policy"
)

// Info describes the host and its bpftrace.
type Info struct {
	// Available: scripts can run here, as far as can be told without running one.
	Available bool   `json:"available"`
	Version   string `json:"version"` // of bpftrace, "" where there is none
	// DefaultTimeout and MaxTimeout are in seconds.
	DefaultTimeout int `json:"default_timeout"`
	MaxTimeout     int `json:"max_timeout"`
	// Role is that of whoever asks, "" where there are no roles; set by whoever knows it.
	Role string `json:"role,omitempty"`
	Path string `json:"path"`
	// Features holds what bpftrace --info answers with yes or no, by its own names.
	Features map[string]bool `json:"features"`
	Kernel   string          `json:"kernel"`
	Arch     string          `json:"arch"`
	Distro   string          `json:"distro"`
	BTF      bool            `json:"btf"`
	Tracefs  bool            `json:"tracefs"` // mounted; without it there are no tracepoints
	Kprobes  bool            `json:"kprobes"`
	// Lockdown is none, integrity or confidentiality, "" where the kernel does not say.
	Lockdown string `json:"lockdown"`
	Root     bool   `json:"root"`
	// Capabilities are the effective capabilities of this process that matter to bpftrace.
	Capabilities []string       `json:"capabilities"`
	Limits       map[string]int `json:"limits"`
	// Problems says what is missing, each with what mends it.
	Problems []HostProblem `json:"problems"`
}

// HostProblem is one thing the host lacks.
type HostProblem struct {
	What string `json:"what"`
	Fix  string `json:"fix,omitempty"` // a command, or what to do
	// Fatal: no script can run until it is mended.
	Fatal bool `json:"fatal"`
}

// infoTimeout bounds how long bpftrace may take to describe itself.
const infoTimeout = 45 * time.Second

// Info looks at the host and asks bpftrace what it can do.
func (r *Runner) Info(ctx context.Context) *Info {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	host := executor.DescribeHost()
	info := &Info{
		DefaultTimeout: int(r.opts.DefaultTimeout / time.Second),
		MaxTimeout:     int(r.opts.MaxTimeout / time.Second),
		Features:       map[string]bool{},
		Kernel:         host.Kernel,
		Arch:           host.Arch,
		Distro:         host.Distro,
		BTF:            host.BTF,
		Tracefs:        host.Tracefs,
		Kprobes:        host.Kprobes,
		Lockdown:       host.Lockdown,
		Root:           host.Root,
		Capabilities:   host.CapabilityNames(),
		Limits: map[string]int{
			"max_runs":   r.opts.MaxRuns,
			"queue":      r.opts.Queue,
			"max_events": r.opts.MaxEvents,
			"max_rows":   r.opts.MaxRows,
		},
		Problems: []HostProblem{},
	}
	bt, err := r.bpftrace(ctx, r.opts.Helper != nil, policy.Limits{})
	host.AddProblems(bt, err)
	sudo := executor.ErrNoSudo
	if r.opts.Helper != nil && !host.Root {
		sudo = executor.CheckSudo(ctx, executor.Config{Helper: r.opts.Helper})
	}
	host.AddRights(bt, sudo)
	if err == nil {
		info.Version, info.Path = bt.Version().String(), bt.Path()
		if says, err := bt.Info(ctx); err == nil {
			info.Features = says.Features
		}
	}
	info.Available = true
	for _, p := range host.Problems {
		info.Problems = append(info.Problems, HostProblem{What: p.What, Fix: p.Fix, Fatal: p.Fatal})
		info.Available = info.Available && !p.Fatal
	}
	return info
}

// ProbeInfo is one attach point that exists.
type ProbeInfo struct {
	Name string  `json:"name"`
	Args []Field `json:"args,omitempty"`
}

// Field is one argument of an attach point.
type Field struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// ProbeSearch asks for attach points.
type ProbeSearch struct {
	Pattern string // bpftrace's own search; "" is all
	Details bool   // with their arguments
	Trigger string // who asks, as in Script
	Caller  Caller
}

// Probes lists attach points, in bpftrace's order. The error is a
// *RefusedError where the caller's role may not look there.
func (r *Runner) Probes(ctx context.Context, q ProbeSearch) ([]ProbeInfo, error) {
	role := r.role(Script{Trigger: q.Trigger, Caller: q.Caller})
	if v := policy.CheckListing(role, q.Pattern); v != nil {
		return nil, &RefusedError{Role: role.Name, Decision: &policy.Decision{Violations: []policy.Violation{*v}}}
	}
	bt, err := r.bpftrace(ctx, r.opts.Helper != nil, policy.Limits{})
	if err != nil {
		return nil, err
	}
	points, err := bt.List(ctx, q.Pattern, q.Details)
	if err != nil {
		return nil, err
	}
	out := make([]ProbeInfo, 0, len(points))
	for _, p := range points {
		info := ProbeInfo{Name: p.Name}
		for _, a := range p.Args {
			info.Args = append(info.Args, Field{Name: a.Name, Type: a.Type})
		}
		out = append(out, info)
	}
	return out, nil
}
