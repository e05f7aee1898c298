package main

import (
	"maps"
	"slices"
	"time"

	"tracecar/collector"
	"tracecar/collector/policy"
	"tracecar/config"
)

// defaultRole is the role of callers that have none of their own: whoever
// reaches tracecar over MCP or HTTP is a caller, asked for a token or not, on
// loopback and on standard input too.
func defaultRole(cfg *config.Config) string {
	if cfg.Auth.DefaultRole != "" {
		return cfg.Auth.DefaultRole
	}
	return config.RoleCaller
}

// roles gives each script the role of whoever asks for it.
func roles(cfg *config.Config) func(collector.Script) policy.Role {
	byName := map[string]policy.Role{config.RoleOperator: policy.Operator(), config.RoleCaller: policy.Caller()}
	for name := range cfg.Roles {
		r := cfg.Roles[name]
		byName[name] = policyRole(name, &r)
	}
	for name, r := range byName {
		if c, ok := cfg.Roles[name]; !r.Trusted && (!ok || c.CPUPercent == 0) {
			r.CPUPercent = cfg.Guard.CPUPercent
			byName[name] = r
		}
	}
	unknown := defaultRole(cfg)
	return func(s collector.Script) policy.Role {
		if s.Trigger == "schedule" || s.Trigger == "cli" {
			return policy.Operator()
		}
		name := s.Caller.Role
		if name == "" {
			name = unknown
		}
		if r, ok := byName[name]; ok {
			return r
		}
		return policy.Role{Name: name} // allows nothing
	}
}

// oneRole holds every script to one role.
func oneRole(cfg *config.Config, name string) (func(collector.Script) policy.Role, error) {
	lookup := roles(cfg)
	role := lookup(collector.Script{Caller: collector.Caller{Role: name}})
	if _, defined := cfg.Roles[name]; !defined && name != config.RoleOperator && name != config.RoleCaller {
		return nil, usageError("no role %q: there are operator, caller, and those of a configuration (--config)", name)
	}
	return func(collector.Script) policy.Role { return role }, nil
}

// policyRole is a role of the configuration: what it leaves out is as the
// built-in role caller has it.
func policyRole(name string, c *config.Role) policy.Role {
	r := policy.Caller()
	r.Name = name
	r.ReadOnly, r.LibraryOnly, r.Unsafe = c.ReadOnly, c.LibraryOnly, c.Unsafe
	r.Imports, r.Includes = c.Imports, c.Includes
	set(&r.UserMemory, policy.UserMemory(c.UserMemory))
	if len(c.Providers.Allow) > 0 {
		r.LibraryProviders = nil // these and no others
	}
	override(&r.Providers, c.Providers)
	override(&r.Probes, c.Probes)
	override(&r.Functions, c.Functions)
	override(&r.Binaries, c.Binaries)
	if c.ConfigKeys != nil {
		r.ConfigKeys = c.ConfigKeys
	}
	set(&r.MaxAttachPoints, c.MaxAttachPoints)
	set(&r.MaxRate, c.MaxRate)
	set(&r.MaxMapKeys, c.MaxMapKeys)
	set(&r.MaxTimeout, c.MaxTimeout)
	set(&r.MaxEvents, c.MaxEvents)
	set(&r.MaxOutput, uint64(c.MaxOutput))
	set(&r.MaxScript, int(c.MaxScript))
	set(&r.MaxRuns, c.MaxRuns)
	set(&r.MaxCalls, c.MaxCalls)
	set(&r.MaxCallsPerMinute, c.MaxCallsPerMinute)
	set(&r.CompileTimeout, c.CompileTimeout)
	set(&r.Memory, uint64(c.Memory))
	set(&r.CPUPercent, c.CPUPercent)
	return r
}

// bounds are what get_bpftrace_info shows a caller of its role: those that
// hold, by the names that the configuration has for them. Times are in seconds.
func bounds(r policy.Role) map[string]int {
	all := map[string]int{
		"max_timeout": int(r.MaxTimeout / time.Second), "max_events": r.MaxEvents, "max_rows": r.MaxRows,
		"max_attach_points": r.MaxAttachPoints, "max_map_keys": r.MaxMapKeys, "max_rate": r.MaxRate,
		"max_script": r.MaxScript, "max_statements": r.MaxStatements,
		"compile_timeout": int(r.CompileTimeout / time.Second), "cpu_percent": int(r.CPUPercent),
	}
	maps.DeleteFunc(all, func(_ string, v int) bool { return v == 0 })
	return all
}

func override(g *policy.Globs, rule config.Rule) {
	if len(rule.Allow) > 0 {
		g.Allow = rule.Allow
	}
	g.Deny = append(slices.Clone(g.Deny), rule.Deny...)
}

func set[T comparable](v *T, to T) {
	var zero T
	if to != zero {
		*v = to
	}
}
