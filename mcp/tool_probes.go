package mcp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"tracecar/collector"
)

const (
	probesPerPage    = 100
	maxProbesPerPage = 1000
)

// probePage is the answer of list_probes.
type probePage struct {
	Probes     []collector.ProbeInfo `json:"probes"`
	Total      int                   `json:"total"`
	NextCursor string                `json:"next_cursor,omitempty"`
}

// probeCursor is what the opaque cursor of list_probes holds: where the next
// page starts, and the name before it, which tells whether the list has
// changed since (a module was loaded).
type probeCursor struct {
	Pattern string `json:"p"`
	Offset  int    `json:"o"`
	After   string `json:"a"`
}

func (s *Server) listProbesTool() tool {
	return tool{
		name:       "list_probes",
		title:      "Search attach points",
		describe:   describeListProbes,
		output:     schemaProbes,
		readOnly:   true,
		idempotent: true,
		params: []param{
			{name: "pattern", kind: kindText, maxBytes: 4096, def: "*",
				describe: "bpftrace's own search pattern, with * as wildcard: tracepoint:syscalls:sys_enter_open*, kprobe:vfs_*, uprobe:/usr/bin/bash:*, software:*, or * for all."},
			{name: "limit", kind: kindInteger, def: probesPerPage, hasMin: true, min: 1, hasMax: true, max: maxProbesPerPage,
				describe: "Most attach points per page."},
			{name: "cursor", kind: kindText, maxBytes: 16384,
				describe: "next_cursor of the page before, with the same pattern; leave out for the first page."},
			{name: "details", kind: kindFlag, def: false,
				describe: "Also return each attach point's arguments with their types (what args.NAME gives). Slow for wide patterns."},
		},
		call: func(ctx context.Context, c caller, a arguments) *answer {
			return s.lookup(ctx, func() *answer { return s.listProbes(ctx, c, a) })
		},
	}
}

func (s *Server) listProbes(ctx context.Context, c caller, a arguments) *answer {
	pattern, limit := a.text("pattern"), int(a.integer("limit"))
	if limit == 0 {
		limit = probesPerPage
	}
	if namesFile(pattern) {
		return refuse(&argumentError{"pattern", "is a file's name; the programs to look into come after the provider, as in uprobe:/usr/bin/bash:*"})
	}
	probes, err := s.runner.Probes(ctx, collector.ProbeSearch{
		Pattern: pattern, Details: a.flag("details", false), Trigger: c.trigger, Caller: c.who.caller(),
	})
	if err != nil {
		return refuse(err)
	}
	start := 0
	if a.has("cursor") {
		if start, err = findPage(a.text("cursor"), pattern, probes); err != nil {
			return refuse(err)
		}
	}
	end := min(start+limit, len(probes))
	page := probePage{Probes: present(probes[start:end]), Total: len(probes)}
	if end < len(probes) {
		page.NextCursor = probeCursor{pattern, end, probes[end-1].Name}.encode()
	}
	return answerWith(page)
}

// namesFile tells whether a pattern could be the name of a file: bpftrace from
// 0.21 on reads the file then, as root, and quotes it in its errors.
func namesFile(pattern string) bool {
	provider, _, _ := strings.Cut(pattern, ":")
	return strings.ContainsRune(provider, '/')
}

func (c probeCursor) encode() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // two strings and a number: cannot fail
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// findPage returns where the page after cursor starts in probes.
func findPage(cursor, pattern string, probes []collector.ProbeInfo) (int, error) {
	bad := &argumentError{"cursor", "is not a next_cursor of this pattern; leave it out to start again"}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, bad
	}
	var c probeCursor
	if json.Unmarshal(b, &c) != nil || c.Pattern != pattern || c.Offset < 1 {
		return 0, bad
	}
	if c.Offset <= len(probes) && probes[c.Offset-1].Name == c.After {
		return c.Offset, nil
	}
	for i, p := range probes {
		if p.Name == c.After {
			return i + 1, nil
		}
	}
	return 0, &argumentError{"cursor", "the list has changed since; leave it out to start again"}
}
