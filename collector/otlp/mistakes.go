package otlp

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tracecar/collector"
	"tracecar/collector/otlp/decode"
	"tracecar/parser/script"
)

// Mistake is something a declaration says that cannot be.
type Mistake struct {
	// Key is where, from the probe on: metrics["@a"].attributes, spans[0].start.
	Key     string
	Message string
	Hint    string // may be empty
}

// Mistakes tells what of a probe's declaration its script does not bear out:
// maps, key parts, printfs and fields that it does not have, and kinds of metrics
// that its maps cannot be. Where the script
// does not tell, nothing is.
func Mistakes(source string, decl Probe) []Mistake {
	c := mistakes{parsed: script.Parse(source)}
	for _, name := range slices.Sorted(maps.Keys(decl.Metrics)) {
		m := decl.Metrics[name]
		c.metric(name, &m)
	}
	for i := range decl.Spans {
		c.span(fmt.Sprintf("spans[%d]", i), &decl.Spans[i])
	}
	return c.found
}

// DecoderMistakes tells which decoders of a declaration there are not.
func DecoderMistakes(decl Probe) []Mistake {
	var c mistakes
	for _, name := range slices.Sorted(maps.Keys(decl.Metrics)) {
		specs := decl.Metrics[name].Decode
		for _, label := range slices.Sorted(maps.Keys(specs)) {
			if _, err := decode.New(specs[label]); err != nil {
				c.fail(inKey(inKey("metrics", name)+".decode", label), err.Error(), "")
			}
		}
	}
	return c.found
}

type mistakes struct {
	parsed *script.Script
	found  []Mistake
}

func (c *mistakes) fail(key, message, hint string) {
	c.found = append(c.found, Mistake{Key: key, Message: message, Hint: hint})
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// inKey appends a key to a path of keys.
func inKey(path, key string) string {
	if plainKey.MatchString(key) {
		return path + "." + key
	}
	return path + "[" + strconv.Quote(key) + "]"
}

func (c *mistakes) metric(name string, m *Metric) {
	key := inKey("metrics", name)
	sm := c.parsed.Map(name)
	if sm == nil {
		c.fail(key, "the script has no map "+name, "it has "+c.mapNames())
		return
	}
	if m.Sum != "" {
		c.sum(key+".sum", sm, m.Sum)
	}
	c.kind(key, sm, m)
	if sm.KeyUnclear || len(sm.Assigns) == 0 {
		return
	}
	names := collector.KeyNames(sm)
	if len(m.Attributes) > len(names) {
		what := "its key has " + parts(len(names)) + ": " + strings.Join(names, ", ")
		if len(names) == 0 {
			what = name + " has no key"
		}
		c.fail(key+".attributes", fmt.Sprintf("these are %d names, and %s", len(m.Attributes), what), "")
		return
	}
	names = append(slices.Clone(m.Attributes), names[len(m.Attributes):]...)
	for _, label := range slices.Sorted(maps.Keys(m.Decode)) {
		if !slices.Contains(names, label) {
			c.fail(inKey(key+".decode", label), fmt.Sprintf("%s has no attribute %q", name, label), listed("its attributes are ", names))
		}
	}
}

func (c *mistakes) mapNames() string {
	var names []string
	for i := range c.parsed.Maps {
		names = append(names, c.parsed.Maps[i].Name)
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (c *mistakes) span(key string, s *Span) {
	begin := c.printf(key+".printf", s.Printf)
	if begin == nil {
		return
	}
	all, last := begin.Fields, begin
	if s.paired() {
		if last = c.printf(key+".end_printf", s.EndPrintf); last == nil {
			return
		}
		all = append(slices.Clone(last.Fields), begin.Fields...)
	}
	c.field(key+".start", s.Start, begin.Fields)
	c.field(key+".end", s.End, last.Fields)
	c.field(key+".duration", s.Duration, begin.Fields)
	for i, pick := range s.Key {
		at := fmt.Sprintf("%s.key[%d]", key, i)
		c.field(at, pick, begin.Fields)
		if last != begin {
			c.field(at, pick, last.Fields)
		}
	}
	c.field(key+".trace_parent", s.TraceParent, all)
	for _, m := range nameField.FindAllStringSubmatch(s.Name, -1) {
		c.field(key+".name", m[1], all)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Attributes)) {
		c.field(inKey(key+".attributes", name), s.Attributes[name], all)
	}
}

// printf finds what an Output picks.
func (c *mistakes) printf(key string, o Output) *script.Output {
	if out := o.find(c.parsed); out != nil {
		return out
	}
	var formats []string
	for i := range c.parsed.Outputs {
		if out := &c.parsed.Outputs[i]; out.Name == "printf" {
			if !out.HasFormat {
				return nil // it may be the one
			}
			formats = append(formats, strconv.Quote(out.Format))
		}
	}
	what := fmt.Sprintf("the script has no printf of the format %q", o.Format)
	if o.Index > 0 {
		what = fmt.Sprintf("the script has no printf number %d", o.Index)
	}
	c.fail(key, what, listed(fmt.Sprintf("it has %d: ", len(formats)), formats))
	return nil
}

// field looks for the field that pick names, or counts from 1.
func (c *mistakes) field(key, pick string, all []script.Conversion) {
	if pick == "" {
		return
	}
	var names []string
	for _, f := range all {
		names = append(names, f.Name)
	}
	n, err := strconv.Atoi(pick)
	switch {
	case err == nil && n >= 1 && n <= len(all), slices.Contains(names, pick):
	case err == nil:
		c.fail(key, fmt.Sprintf("the printf has no field number %d", n), listed("its fields are ", names))
	default:
		c.fail(key, fmt.Sprintf("the printf has no field %q", pick), listed("its fields are ", names))
	}
}

func listed(before string, names []string) string {
	if len(names) == 0 {
		return "it has none"
	}
	return before + strings.Join(names, ", ")
}

func parts(n int) string {
	if n == 1 {
		return "1 part"
	}
	return fmt.Sprintf("%d parts", n)
}
