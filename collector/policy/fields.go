package policy

import (
	"io/fs"
	"strings"
	"sync"

	"tracecar/parser/script"
)

// FieldKind is what a field of an event holds.
type FieldKind uint8

const (
	// FieldUnknown: no such field, or the attach points that a wildcard
	// matches differ.
	FieldUnknown FieldKind = iota
	// FieldNumber is a number, a structure, or anything else that is no
	// pointer.
	FieldNumber
	// FieldInline is text or an array that stands in the event itself.
	FieldInline
	// FieldPointer points to anything, FieldText to characters.
	FieldPointer
	FieldText
)

// Fields tells what a field of the event at a tracepoint holds. An attach
// point with wildcards answers for all that it matches.
type Fields func(ap script.AttachPoint, field string) FieldKind

// maxEvents bounds how many events a wildcard may match to be looked at.
const maxEvents = 1000

// EventFields reads it from tracefs: os.DirFS("/sys/kernel/tracing"). Each
// event's file is read once. It is safe for concurrent use.
func EventFields(tracing fs.FS) Fields {
	e := &events{tracing: tracing, known: map[string]map[string]FieldKind{}, matched: map[string][]string{}}
	return e.kind
}

type events struct {
	tracing fs.FS

	mu      sync.Mutex
	known   map[string]map[string]FieldKind // by file
	matched map[string][]string             // files by pattern
}

func (e *events) kind(ap script.AttachPoint, field string) FieldKind {
	if ap.Provider != "tracepoint" || len(ap.Parts) != 2 || !plainName(ap.Parts[0]) || !plainName(ap.Parts[1]) ||
		strings.ContainsAny(ap.Parts[0]+ap.Parts[1], "?/") {
		return FieldUnknown
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	kind := FieldUnknown
	for i, file := range e.files("events/" + ap.Parts[0] + "/" + ap.Parts[1] + "/format") {
		k := e.read(file)[field]
		if i > 0 && k != kind || k == FieldUnknown {
			return FieldUnknown
		}
		kind = k
	}
	return kind
}

// files are those of all events that a name stands for; none for too many.
func (e *events) files(pattern string) []string {
	if !strings.Contains(pattern, "*") {
		return []string{pattern}
	}
	files, ok := e.matched[pattern]
	if !ok {
		files, _ = fs.Glob(e.tracing, pattern) // its only error is a bad pattern
		if len(files) > maxEvents {
			files = nil
		}
		e.matched[pattern] = files
	}
	return files
}

func (e *events) read(file string) map[string]FieldKind {
	fields, ok := e.known[file]
	if !ok {
		format, err := fs.ReadFile(e.tracing, file)
		if err != nil {
			return nil // and not kept: names come from callers
		}
		fields = fieldKinds(string(format))
		e.known[file] = fields
	}
	return fields
}

// fieldKinds reads an event's format file:
//
//	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
//	field:__data_loc char[] name;	offset:16;	size:4;	signed:0;
//	field:const char * filename;	offset:24;	size:8;	signed:0;
func fieldKinds(format string) map[string]FieldKind {
	fields := map[string]FieldKind{}
	for line := range strings.Lines(format) {
		decl, rest, _ := strings.Cut(strings.TrimSpace(line), ";")
		decl, ok := strings.CutPrefix(decl, "field:")
		if !ok {
			continue
		}
		cut := strings.LastIndexAny(decl, " *") + 1
		ctype, name := strings.TrimSpace(decl[:cut]), decl[cut:]
		name, array, isArray := strings.Cut(name, "[")
		kind := FieldNumber
		switch pointers := strings.Count(ctype, "*"); {
		case pointers > 0 && (isArray || !strings.Contains(rest, "size:8;") && !strings.Contains(rest, "size:4;")):
			kind = FieldUnknown
		case pointers == 1 && (ctype == "char *" || ctype == "const char *"):
			kind = FieldText
		case pointers > 0:
			kind = FieldPointer
		case isArray && strings.HasSuffix(array, "]"), strings.HasPrefix(ctype, "__data_loc ") && strings.HasSuffix(ctype, "]"):
			kind = FieldInline
		case isArray, strings.HasSuffix(ctype, "]"): // __rel_loc: no version reads it
			kind = FieldUnknown
		}
		if _, twice := fields[name]; twice {
			kind = FieldUnknown
		}
		fields[name] = kind
	}
	return fields
}
