package script

import (
	"bufio"
	"bytes"
	"io/fs"
	"strconv"
	"strings"
	"sync"
)

// Fields tells the type of args.field at an attach point on the kernel that
// the script runs on; ok is false where it cannot.
type Fields func(ap AttachPoint, field string) (t Type, ok bool)

// TracepointFields reads the types of tracepoints' fields from tracefs:
// os.DirFS("/sys/kernel/tracing"). Each event's file is read once. It is safe
// for concurrent use.
func TracepointFields(tracing fs.FS) Fields {
	var mu sync.Mutex
	events := map[string]map[string]Type{}
	return func(ap AttachPoint, field string) (Type, bool) {
		if ap.Provider != "tracepoint" || len(ap.Parts) != 2 || ap.Wildcard {
			return Type{}, false
		}
		path := "events/" + ap.Parts[0] + "/" + ap.Parts[1] + "/format"
		mu.Lock()
		defer mu.Unlock()
		fields, read := events[path]
		if !read {
			if format, err := fs.ReadFile(tracing, path); err == nil {
				fields = tracepointFormat(format)
			}
			events[path] = fields
		}
		t, ok := fields[field]
		return t, ok
	}
}

// tracepointFormat reads the fields of an event's format file:
//
//	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
//
// A __data_loc field is a string from 0.24 on and a number before that: its
// type stays unknown.
func tracepointFormat(format []byte) map[string]Type {
	fields := map[string]Type{}
	lines := bufio.NewScanner(bytes.NewReader(format))
	for lines.Scan() {
		decl, rest, ok := strings.Cut(strings.TrimSpace(lines.Text()), ";")
		decl, isField := strings.CutPrefix(decl, "field:")
		if !ok || !isField {
			continue
		}
		array := ""
		if open := strings.LastIndexByte(decl, '['); open >= 0 && strings.HasSuffix(decl, "]") {
			array, decl = decl[open+1:len(decl)-1], decl[:open]
		}
		cut := strings.LastIndexAny(decl, " *")
		if cut < 0 {
			continue
		}
		name, typ := decl[cut+1:], strings.TrimSpace(decl[:cut+1])
		size, _ := strconv.Atoi(formatNumber(rest, "size:"))
		fields[name] = fieldType(typ, array, size, formatNumber(rest, "signed:") == "1")
	}
	return fields
}

func formatNumber(rest, key string) string {
	_, after, _ := strings.Cut(rest, key)
	number, _, _ := strings.Cut(after, ";")
	return number
}

func fieldType(typ, array string, size int, signed bool) Type {
	switch {
	case strings.HasPrefix(typ, "__"), strings.HasPrefix(typ, "struct "), strings.HasPrefix(typ, "union "):
		if _, known := cInts[typ]; !known { // __u32 is one, __data_loc is none
			return Type{}
		}
	case strings.HasSuffix(typ, "*"):
		return Type{Kind: TypePointer, Bits: 64}
	}
	if array != "" {
		if typ == "char" {
			return Type{Kind: TypeString, Size: size}
		}
		return Type{Kind: TypeArray}
	}
	switch size {
	case 1, 2, 4, 8:
		if typ == "bool" {
			return Type{Kind: TypeBool}
		}
		return Type{Kind: TypeInt, Bits: size * 8, Signed: signed}
	}
	return Type{}
}
