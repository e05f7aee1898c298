package policy

import (
	"io/fs"
	"strings"
	"sync"

	"tracecar/parser/script"
)

// Inline reports whether the event at an attach point (a tracepoint without
// wildcards) holds the text or array of a field itself, where other fields
// hold numbers or pointers.
type Inline func(ap script.AttachPoint, field string) bool

// InlineFields reads it from tracefs: os.DirFS("/sys/kernel/tracing"). Each
// event's file is read once. It is safe for concurrent use.
func InlineFields(tracing fs.FS) Inline {
	var mu sync.Mutex
	events := map[string]map[string]bool{}
	return func(ap script.AttachPoint, field string) bool {
		if ap.Provider != "tracepoint" || len(ap.Parts) != 2 {
			return false
		}
		file := "events/" + ap.Parts[0] + "/" + ap.Parts[1] + "/format"
		mu.Lock()
		defer mu.Unlock()
		fields, read := events[file]
		if !read {
			format, err := fs.ReadFile(tracing, file)
			if err != nil {
				return false // and not kept: names come from callers
			}
			fields = inlineFields(string(format))
			events[file] = fields
		}
		return fields[field]
	}
}

// inlineFields reads the arrays of an event's format file:
//
//	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
//	field:__data_loc char[] name;	offset:16;	size:4;	signed:0;
func inlineFields(format string) map[string]bool {
	fields := map[string]bool{}
	for line := range strings.Lines(format) {
		decl, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		decl, ok := strings.CutPrefix(decl, "field:")
		if !ok || strings.Contains(decl, "*") || !strings.Contains(decl, "[") {
			continue
		}
		name := decl[strings.LastIndexByte(decl, ' ')+1:]
		if strings.HasPrefix(decl, "__data_loc ") || strings.HasSuffix(name, "]") {
			name, _, _ = strings.Cut(name, "[")
			fields[name] = true
		}
	}
	return fields
}
