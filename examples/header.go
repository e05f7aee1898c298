package examples

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// headerField is one field of a header: its text, and the lines below it.
type headerField struct {
	name, text string
	below      []string
}

// parseHeader reads the header of a script; every field but Params, Maps,
// Scratch and Events must be there.
func parseHeader(source string) (Script, error) {
	s := Script{Source: source, Params: []Param{}, Maps: []MapDoc{}, Scratch: []string{}, Events: []Event{}}
	fields, err := splitHeader(source)
	if err != nil {
		return s, err
	}
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[f.name] {
			return s, fmt.Errorf("header: %s is there twice", f.name)
		}
		seen[f.name] = true
		if err := s.set(f); err != nil {
			return s, fmt.Errorf("header: %s: %w", f.name, err)
		}
	}
	for _, name := range []string{"Title", "Question", "Read", "Requires", "Cost", "Mode", "Tags"} {
		if !seen[name] {
			return s, fmt.Errorf("header: no %s", name)
		}
	}
	return s, nil
}

// splitHeader splits the comment lines at the top into fields.
func splitHeader(source string) (fields []headerField, err error) {
	for line := range strings.Lines(source) {
		line = strings.TrimRight(line, "\n")
		text, comment := strings.CutPrefix(line, "// ")
		if !comment {
			break
		}
		if below, ok := strings.CutPrefix(text, "  "); ok {
			if len(fields) == 0 {
				return nil, fmt.Errorf("header: %q belongs to no field", line)
			}
			last := &fields[len(fields)-1]
			last.below = append(last.below, strings.TrimSpace(below))
			continue
		}
		name, rest, ok := strings.Cut(text, ":")
		if !ok {
			return nil, fmt.Errorf("header: %q is neither a field nor below one", line)
		}
		fields = append(fields, headerField{name: name, text: strings.TrimSpace(rest)})
	}
	return fields, nil
}

// prose is a field's text with the lines below it.
func (f headerField) prose() string {
	return strings.TrimSpace(strings.Join(append([]string{f.text}, f.below...), " "))
}

func (s *Script) set(f headerField) (err error) {
	switch f.name {
	case "Title":
		s.Title, err = nonEmpty(f.prose())
	case "Question":
		s.Question, err = nonEmpty(f.prose())
	case "Read":
		s.Description, err = nonEmpty(f.prose())
	case "Params":
		s.Params, err = each(f, parseParam)
		for i, p := range s.Params {
			if p.Position != i+1 {
				return fmt.Errorf("$%d stands in place %d", p.Position, i+1)
			}
		}
	case "Maps":
		s.Maps, err = each(f, parseMapDoc)
	case "Scratch":
		s.Scratch, err = list(f)
	case "Events":
		for part := range strings.SplitSeq(f.prose(), "; ") {
			typ, text, ok := strings.Cut(part, ": ")
			if !ok {
				return fmt.Errorf("%q is not TYPE: TEXT", part)
			}
			s.Events = append(s.Events, Event{typ, text})
		}
	case "Requires":
		s.Requires, err = list(f)
	case "Cost":
		s.Cost.Level, s.Cost.Text, _ = strings.Cut(f.prose(), ": ")
		if !slices.Contains([]string{"low", "medium", "high"}, s.Cost.Level) || s.Cost.Text == "" {
			return fmt.Errorf("%q is not low, medium or high: TEXT", f.prose())
		}
	case "Mode":
		s.Mode, err = parseMode(f.prose())
	case "Tags":
		s.Tags, err = list(f)
	default:
		return fmt.Errorf("no such field")
	}
	return err
}

func nonEmpty(text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("empty")
	}
	return text, nil
}

func list(f headerField) ([]string, error) {
	var items []string
	for item := range strings.SplitSeq(f.prose(), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			return nil, fmt.Errorf("an empty item in %q", f.prose())
		}
		items = append(items, item)
	}
	return items, nil
}

func each[T any](f headerField, parse func(string) (T, error)) ([]T, error) {
	if f.text != "" || len(f.below) == 0 {
		return nil, fmt.Errorf("want one per line, indented, below")
	}
	var items []T
	for _, line := range f.below {
		item, err := parse(line)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

var (
	paramLine   = regexp.MustCompile(`^\$([1-9]) ([a-z][a-z0-9_]*)(=(\S+))?: (.+?)(?: \(example: (\S+)\))?$`)
	mapLine     = regexp.MustCompile(`^(@\w*)(?:\[([^\]]+)\])?: (\w+), (\S+), ([a-z][a-z0-9_.]*): (.+)$`)
	mapKeyLine  = regexp.MustCompile(`^([a-z_][a-z0-9_.]*)(?::([a-z_]+))?$`)
	windowModes = regexp.MustCompile(`^window (\S+)$`)
)

func parseParam(line string) (p Param, err error) {
	m := paramLine.FindStringSubmatch(line)
	if m == nil {
		return p, fmt.Errorf("%q is not $N NAME=DEFAULT: TEXT", line)
	}
	p = Param{Name: m[2], Default: m[4], Required: m[3] == "", Description: m[5], Example: m[6]}
	p.Position, err = strconv.Atoi(m[1])
	if p.Required && p.Example == "" {
		return p, fmt.Errorf("$%d has neither a default nor an example", p.Position)
	}
	return p, err
}

func parseMapDoc(line string) (MapDoc, error) {
	m := mapLine.FindStringSubmatch(line)
	if m == nil {
		return MapDoc{}, fmt.Errorf("%q is not @NAME[KEYS]: KIND, UNIT, METRIC: TEXT", line)
	}
	d := MapDoc{Name: m[1], Kind: m[3], Unit: m[4], Metric: m[5], Description: m[6], Keys: []KeyDoc{}}
	if m[2] == "" {
		return d, nil
	}
	for part := range strings.SplitSeq(m[2], ",") {
		k := mapKeyLine.FindStringSubmatch(strings.TrimSpace(part))
		if k == nil {
			return d, fmt.Errorf("%s: %q is not NAME or NAME:DECODER", d.Name, part)
		}
		d.Keys = append(d.Keys, KeyDoc{Name: k[1], Decode: k[2]})
	}
	return d, nil
}

func parseMode(text string) (Mode, error) {
	if text == "continuous" || text == "once" {
		return Mode{Kind: text}, nil
	}
	if m := windowModes.FindStringSubmatch(text); m != nil {
		d, err := time.ParseDuration(m[1])
		if err == nil && d > 0 {
			return Mode{Kind: "window", Window: d}, nil
		}
	}
	return Mode{}, fmt.Errorf("%q is not continuous, once or window DURATION", text)
}
