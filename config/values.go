package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Size is a number of bytes; in YAML "64MiB", "2GiB", "10MB", or a bare
// number of bytes.
type Size uint64

func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && u.bytes&(u.bytes-1) == 0 && s%u.bytes == 0 {
			return fmt.Sprintf("%d%s", s/u.bytes, u.name)
		}
	}
	return strconv.FormatUint(uint64(s), 10)
}

// The binary units go first, largest first: String takes the first that fits.
var sizeUnits = []struct {
	name  string
	bytes Size
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

func parseSize(text string) (Size, error) {
	number, unit := strings.TrimSpace(text), Size(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || n > math.MaxInt64/uint64(unit) {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	return Size(n) * unit, nil
}

// Output picks one printf of a script: by its place among the script's
// printfs, from 1, or by its format text. The zero Output picks none.
type Output struct {
	Index  int
	Format string
}

// IsZero tells whether it picks none.
func (o Output) IsZero() bool { return o == Output{} }

func (o Output) String() string {
	if o.Index > 0 {
		return strconv.Itoa(o.Index)
	}
	return strconv.Quote(o.Format)
}

// Field picks one field of a printf, by name or by its place, from 1. The
// empty Field picks none.
type Field string

// Index is the place of a field that is picked by place.
func (f Field) Index() (n int, ok bool) {
	n, err := strconv.Atoi(string(f))
	return n, err == nil
}

// Severity is that of a log record: "trace" to "fatal", or "off". In YAML
// also true (info) and false (off).
type Severity string

// Off is the Severity of what is not exported.
const Off Severity = "off"

// Memory is what a role may read through pointers: "none", "arguments" or
// "all". In YAML also true (all) and false (none).
type Memory string

// NamePart is a piece of a span's name: text, or a field of the printf.
type NamePart struct {
	Text  string
	Field Field
}

var nameField = regexp.MustCompile(`^\s*\.?([A-Za-z_][A-Za-z0-9_.]*|[1-9][0-9]*)\s*$`)

// NameParts splits the span's name: "open {{.path}}" is the text "open " and
// the field path.
func (s *Span) NameParts() ([]NamePart, error) {
	var parts []NamePart
	rest := s.Name
	for rest != "" {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			parts = append(parts, NamePart{Text: before})
		}
		if !found {
			break
		}
		inside, tail, closed := strings.Cut(after, "}}")
		m := nameField.FindStringSubmatch(inside)
		if !closed || m == nil {
			return nil, fmt.Errorf("%q is not {{.field}}", "{{"+inside)
		}
		parts = append(parts, NamePart{Field: Field(m[1])})
		rest = tail
	}
	return parts, nil
}
