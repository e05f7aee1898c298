package mcp

import (
	"context"
	"maps"

	"tracecar/collector"
)

func (s *Server) infoTool() tool {
	return tool{
		name:       "get_bpftrace_info",
		title:      "Describe this host's bpftrace",
		describe:   describeInfo,
		output:     schemaInfo,
		readOnly:   true,
		idempotent: true,
		call: func(ctx context.Context, c caller, _ arguments) *answer {
			return s.lookup(ctx, func() *answer {
				return answerWith(s.forRole(completeInfo(s.runner.Info(ctx)), c.who.Role))
			})
		},
	}
}

// forRole narrows the limits of info to those that a role has.
func (s *Server) forRole(info *collector.Info, role string) *collector.Info {
	info.Role = role
	if s.cfg.RoleBounds == nil {
		return info
	}
	info.Limits = maps.Clone(info.Limits)
	for name, most := range s.cfg.RoleBounds(role) {
		if name == "max_timeout" {
			info.MaxTimeout = min(info.MaxTimeout, most)
			info.DefaultTimeout = min(info.DefaultTimeout, most)
		} else if had, ok := info.Limits[name]; !ok || most < had {
			info.Limits[name] = most
		}
	}
	return info
}

// completeInfo returns info with every map and list present.
func completeInfo(info *collector.Info) *collector.Info {
	c := *info
	if c.Features == nil {
		c.Features = map[string]bool{}
	}
	if c.Limits == nil {
		c.Limits = map[string]int{}
	}
	c.Problems = present(c.Problems)
	c.Capabilities = present(c.Capabilities)
	return &c
}

func (s *Server) validateTool() tool {
	return tool{
		name:       "validate_bpftrace_script",
		title:      "Check a bpftrace script",
		describe:   describeValidate,
		output:     schemaValidation,
		readOnly:   true,
		idempotent: true,
		params:     []param{s.scriptParam(), argsParam},
		call: func(ctx context.Context, c caller, a arguments) *answer {
			// An invalid script is a good answer to this question, not an error.
			sc, err := s.script(ctx, c, a, 0)
			if err != nil {
				return refuse(err)
			}
			return s.lookup(ctx, func() *answer {
				return answerWith(completeValidation(s.runner.Validate(ctx, sc)))
			})
		},
	}
}

func completeValidation(v *collector.Validation) *collector.Validation {
	c := *v
	c.Diagnostics = present(c.Diagnostics)
	c.Probes = present(c.Probes)
	c.Functions = present(c.Functions)
	c.Maps = make([]collector.MapOutline, len(v.Maps))
	for i, m := range v.Maps {
		m.Keys = present(m.Keys)
		c.Maps[i] = m
	}
	return &c
}
